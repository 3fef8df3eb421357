// In a function of its own: page scripts share the global scope.
(() => {
frappe.pages["tiering-simulation"].on_page_load = function (wrapper) {
	wrapper.simulation = new TieringSimulation(wrapper);
};

frappe.pages["tiering-simulation"].on_page_show = function (wrapper) {
	wrapper.simulation.show();
};

const API = "customer_tiering.customer_insights.page.tiering_simulation.tiering_simulation.";
const POLL_EVERY = 2000; // ms; the realtime server, where there is one, is faster
const CONTEXT = { tier: "Customer Tier", stage: "Lifecycle Stage", segment: "RFM Segment" };
const TIER_FIELDS = ["entry_value", "keep_value", "grace_days", "minimum_dwell_days"];
const STAGE_FIELDS = ["min_days_since_order", "min_days_since_first_order", "quiet_days", "min_orders"];

const html = (text) => frappe.utils.escape_html(String(text));
const number = (value) => format_number(value, null, 0);

class TieringSimulation {
	constructor(wrapper) {
		this.page = frappe.ui.make_app_page({
			parent: wrapper,
			title: __("Tiering Simulation"),
			single_column: true,
		});
		this.$body = $(`<div class="tiering-simulation"><style>${STYLE}</style>
			<div class="simulation-rules frappe-card"></div><div class="simulation-result"></div></div>`).appendTo(
			this.page.main
		);
		this.$rules = this.$body.find(".simulation-rules");
		this.$result = this.$body.find(".simulation-result");
		this.page.set_primary_action(__("Simulate"), () => this.simulate());
		this.page.set_secondary_action(__("Save These Rules"), () => this.save());
		this.page.add_menu_item(__("Export to Excel"), () => this.export("xlsx"));
		this.page.add_menu_item(__("Export to CSV"), () => this.export("csv"));
		this.page.add_menu_item(__("Undo the Last Change"), () => this.undo());
		this.page.add_menu_item(__("Tiering Settings"), () => frappe.set_route("Form", "Tiering Settings"));
		this.$rules.on("input change", "input[data-field]", (event) => this.mark($(event.target)));
		this.$rules.on("change", "select", (event) => this.load_rules(event.target.value));
		this.$rules.on("click", ".simulation-reset", () => this.load_rules(this.preset));
		if (may_see_customers()) this.$result.on("click", "[data-kind]", (event) => this.show_customers($(event.currentTarget).data()));
		frappe.realtime.on("tiering_simulation", () => this.token && this.ask());
	}

	async show() {
		const options = frappe.route_options || {};
		frappe.route_options = null;
		if (!this.rules || options.preset) await this.load_rules(options.preset || "");
		if (!this.token && !this.summary) this.ask();
	}

	async load_rules(preset) {
		const { message } = await frappe.call(API + "get_rules", { preset });
		this.preset = preset;
		this.rules = message;
		this.show_rules();
	}

	show_rules() {
		const { rules } = this;
		const presets = [{ value: "", label: __("The current rules") }, ...rules.presets]
			.map(({ value, label }) => `<option value="${value}" ${value === this.preset ? "selected" : ""}>${html(label)}</option>`)
			.join("");
		const settings = (main) =>
			rules.settings
				.filter((row) => row.main === main)
				.map(
					(row) => `<div class="simulation-setting"><label title="${html(row.description)}">${html(row.label)}</label>
					${input("settings", "", row.field, row.value, row.now)}</div>`
				)
				.join("");
		this.$rules.html(
			`<div class="simulation-head"><div><label>${__("Start from")}</label>
				<select class="form-control input-xs">${presets}</select></div>
				<button class="btn btn-default btn-xs simulation-reset">${__("Start Over")}</button></div>
			<div class="simulation-tables">
				${this.rule_table(__("Tier"), "tiers", TIER_FIELDS, [
					__("Entry Value"),
					__("Keep Value"),
					__("Grace Days"),
					__("Minimum Dwell (Days)"),
				])}
				${this.rule_table(__("Stage"), "stages", STAGE_FIELDS, [
					__("Days since Last Order"),
					__("Days since First Order"),
					__("Days without Follow-Up"),
					__("Orders Ever"),
				])}
			</div>
			<div class="simulation-settings">${settings(true)}</div>
			<details><summary>${__("More thresholds")}</summary><div class="simulation-settings">${settings(false)}</div></details>
			${rules.more.length ? `<div class="simulation-more text-muted small">${rules.more.map(html).join("<br>")}</div>` : ""}`
		);
		this.$rules.find("input[data-field]").each((_i, field) => this.mark($(field)));
		this.set_buttons();
		this.mark_result();
	}

	rule_table(title, list, fields, labels) {
		const context = list === "tiers" ? CONTEXT.tier : CONTEXT.stage;
		const named = (name) => html(__(name, null, context));
		const name = (row) =>
			row.label === row.name ? named(row.name) : `${named(row.label)} <s class="text-muted">${named(row.name)}</s>`;
		const rows = this.rules[list].map(
			(row) => `<tr><th scope="row" class="${list === "tiers" ? "text-nowrap" : ""}">${row.colour ? `<span class="indicator ${html(row.colour)}"></span>` : ""}${name(row)}</th>
			${fields
				.map((field, i) => {
					const unused = list === "stages" && row.values.never_ordered;
					const cell = unused ? "" : input(list, row.name, field, row.values[field], row.now && row.now[field], labels[i]);
					return `<td>${cell}</td>`;
				})
				.join("")}</tr>`
		);
		return `<div class="table-responsive"><table class="table table-sm"><thead><tr><th>${title}</th>
			${labels.map((label) => `<th>${label}</th>`).join("")}</tr></thead><tbody>${rows.join("")}</tbody></table></div>`;
	}

	// What differs from the rules that are set now is coloured; what was typed since the preset was chosen is sent.
	mark($input) {
		const value = $input.val() === "" ? 0 : Number($input.val());
		const now = $input.attr("data-now");
		$input.toggleClass("simulation-changed", now === "" || value !== Number(now));
		this.set_buttons();
		this.mark_result();
	}

	// A result is of the rules that were simulated, not of those typed since.
	mark_result() {
		const { simulated } = this;
		const given = this.given();
		const outdated = Boolean(this.summary && simulated && (simulated.preset !== given.preset || simulated.changes !== given.changes));
		this.$result.toggleClass("simulation-outdated", outdated);
		this.$result.find(".simulation-other").remove();
		if (outdated) {
			this.$result.prepend(
				`<div class="alert alert-warning simulation-other">${__("These numbers are of other rules. Simulate again.")}</div>`
			);
		}
	}

	set_buttons() {
		const differs = this.$rules.find(".simulation-changed").length || this.preset;
		this.page.btn_primary.prop("disabled", !differs || Boolean(this.token));
		this.page.btn_secondary.prop("disabled", !differs);
	}

	changes() {
		const changes = {};
		this.$rules.find("input[data-field]").each((_i, field) => {
			const { list, name, field: key, value } = field.dataset;
			const typed = field.value === "" ? 0 : Number(field.value);
			if (typed === Number(value)) return;
			if (list === "settings") {
				changes[key] = typed;
				return;
			}
			changes[list] = changes[list] || [];
			let row = changes[list].find((each) => each.name === name);
			if (!row) changes[list].push((row = { name }));
			row[key] = typed;
		});
		return changes;
	}

	given() {
		return { preset: this.preset || null, changes: JSON.stringify(this.changes()) };
	}

	async simulate() {
		const given = this.given();
		const { message } = await frappe.call({ method: API + "start", args: given, freeze: true });
		this.token = message.token;
		this.simulated = given;
		this.summary = null;
		this.mark_result();
		this.page.btn_primary.prop("disabled", true);
		this.show_progress({ state: "Queued" });
		this.wait();
	}

	wait() {
		clearTimeout(this.timer);
		this.timer = setTimeout(() => this.ask(), POLL_EVERY);
	}

	async ask() {
		const { message: status } = await frappe.call({ method: API + "get_status", type: "GET" });
		if (!status || (this.token && status.token !== this.token)) {
			if (this.token) this.wait();
			return;
		}
		if (status.state === "Queued" || status.state === "Running") {
			this.token = status.token;
			this.show_progress(status);
			this.wait();
			return;
		}
		clearTimeout(this.timer);
		this.token = null;
		this.set_buttons();
		if (status.state === "Failed") {
			this.$result.html(`<div class="alert alert-danger">${html(status.error)}</div>`);
		} else if (status.summary !== this.summary) {
			this.summary = status.summary;
			// Of a simulation from before this page was opened.
			if (!this.simulated) this.simulated = { preset: status.summary.preset || null, changes: JSON.stringify(status.summary.changes) };
			this.show_result();
			this.mark_result();
		}
	}

	show_progress(status) {
		const what = status.state === "Queued" ? __("Waiting for a background worker") : status.what;
		this.$result.html(`<div class="frappe-card simulation-progress"><div class="progress"><div class="progress-bar"
			style="width: ${status.percent || 3}%"></div></div><div class="text-muted small">${html(what || "")}</div></div>`);
	}

	label(kind, name, renamed = false) {
		if (!name) return __("none", null, "Tiering");
		const new_name = renamed && this.summary.new_names[`${CONTEXT[kind]}|${name}`];
		return html(__(new_name || name, null, CONTEXT[kind]));
	}

	show_result() {
		const { summary } = this;
		const moved = (kind) => moved_count(summary[kind]);
		const cards = [
			[__("Customers rise"), summary.rise, "green", `data-kind="tier" data-way="rise"`],
			[__("Customers fall"), summary.fall, "red", `data-kind="tier" data-way="fall"`],
			[__("Change their stage"), moved("stage"), "blue", `data-kind="stage"`],
			[__("Kept only by grace or dwell"), summary.grace, "orange", ""],
		].map(
			([label, count, colour, behind]) =>
				`<div class="frappe-card simulation-card" ${count ? behind : ""}><div class="simulation-count text-${colour}">${number(count)}</div>
				<div class="text-muted small">${label}</div></div>`
		);
		const changed = summary.changes_in_words.length
			? summary.changes_in_words.map((words) => `<li>${html(words)}</li>`).join("")
			: `<li>${__("No rule differs from the current ones.")}</li>`;
		this.$result.html(
			`<div class="simulation-cards">${cards.join("")}</div>
			<div class="text-muted small simulation-said">${__("As of {0}, {1} customers. Nothing was written. “Now” is what the current rules decide on that day.", [
				frappe.datetime.str_to_user(summary.as_of),
				number(summary.customers),
			])}<details ${summary.changes_in_words.length > 5 ? "" : "open"}><summary>${__("The rules that differ")}</summary><ul>${changed}</ul></details>
			${summary.notes.map(html).join("<br>")}</div>
			<div class="simulation-columns">${section(__("Tiers: now ↓, then →"), this.matrix("tier"))}
			${section(__("Money in the window, by tier"), this.money())}</div>
			${section(__("Stages: now ↓, then →"), this.matrix("stage"))}
			<div class="simulation-columns">${section(__("Customers by segment"), this.segments())}
			${section(__("What it would start"), this.started())}</div>`
		);
	}

	matrix(kind) {
		const { now, then, counts } = this.summary[kind];
		const rank = Object.fromEntries(then.map((name, i) => [name, i]));
		const largest = Math.max(1, ...counts.flatMap((row, i) => row.filter((_c, j) => now[i] !== then[j])));
		const cell = (count, i, j) => {
			const data = `data-kind="${kind}" data-now="${html(now[i])}" data-then="${html(then[j])}"`;
			if (!count) return `<td class="text-right text-extra-muted">·</td>`;
			if (now[i] === then[j]) return `<td class="text-right simulation-stay"><a ${data}>${number(count)}</a></td>`;
			const known = kind === "tier" && now[i] in rank && now[i] && then[j];
			const way = known ? (j < rank[now[i]] ? "up" : "down") : "move";
			const strength = 0.15 + (0.45 * count) / largest;
			return `<td class="text-right simulation-${way}" style="--strength: ${strength}"><a ${data}>${number(count)}</a></td>`;
		};
		const rows = counts.map((row, i) => {
			const total = row.reduce((sum, count) => sum + count, 0);
			const title = `<a data-kind="${kind}" data-now="${html(now[i])}">${this.label(kind, now[i])}</a>`;
			return `<tr><th scope="row">${title}</th>${row.map((count, j) => cell(count, i, j)).join("")}
				<td class="text-right text-muted">${number(total)}</td></tr>`;
		});
		const totals = then.map((_name, j) => counts.reduce((sum, row) => sum + row[j], 0));
		return `<div class="table-responsive"><table class="table table-sm table-bordered simulation-matrix">
			<thead><tr><th></th>${then.map((name) => `<th class="text-right">${this.label(kind, name, true)}</th>`).join("")}
			<th class="text-right text-muted">${__("Now", null, "Tiering Simulation")}</th></tr></thead><tbody>${rows.join("")}
			<tr class="text-muted"><th scope="row">${__("Then")}</th>${totals.map((total) => `<td class="text-right">${number(total)}</td>`).join("")}
			<td></td></tr></tbody></table></div>
			<div class="text-muted small">${
				may_see_customers()
					? __("Click a number to see the customers behind it.")
					: __("To see the customers behind a number you need a role that may read customers, like Sales Manager.")
			}</div>`;
	}

	money() {
		const { now, then, money_now, money_then, counts } = this.summary.tier;
		const names = [...new Set([...then, ...now])];
		const largest = Math.max(1, ...money_now, ...money_then);
		const amount = (value, currency) => format_currency(value, currency, 0);
		const bar = (value, class_name) =>
			`<div class="simulation-bar ${class_name}" style="width: ${Math.max(0, (100 * value) / largest)}%"></div>`;
		const rows = names.map((name) => {
			const [i, j] = [now.indexOf(name), then.indexOf(name)];
			const [before, after] = [money_now[i] || 0, money_then[j] || 0];
			const count_now = i < 0 ? 0 : counts[i].reduce((sum, count) => sum + count, 0);
			const count_then = j < 0 ? 0 : counts.reduce((sum, row) => sum + row[j], 0);
			return `<tr><th scope="row">${this.label("tier", name, true)}</th>
				<td class="text-right">${number(count_now)} → ${number(count_then)}</td>
				<td class="text-right">${amount(before, this.summary.currency.now)}</td>
				<td class="text-right">${amount(after, this.summary.currency.then)}</td>
				<td class="simulation-bars">${bar(before, "before")}${bar(after, "after")}</td></tr>`;
		});
		return `<div class="table-responsive"><table class="table table-sm simulation-money"><thead><tr><th>${__("Tier")}</th>
			<th class="text-right">${__("Customers", null, "Tiering Run")}</th><th class="text-right">${__("Now", null, "Tiering Simulation")}</th>
			<th class="text-right">${__("Then")}</th><th></th></tr></thead><tbody>${rows.join("")}</tbody></table></div>`;
	}

	segments() {
		const { now, then, counts } = this.summary.segment;
		const rows = [...new Set([...then, ...now])].map((name) => {
			const [i, j] = [now.indexOf(name), then.indexOf(name)];
			const before = i < 0 ? 0 : counts[i].reduce((sum, count) => sum + count, 0);
			const after = j < 0 ? 0 : counts.reduce((sum, row) => sum + row[j], 0);
			const change = after - before;
			return `<tr><th scope="row"><a data-kind="segment" data-then="${html(name)}">${this.label("segment", name)}</a></th>
				<td class="text-right">${number(before)}</td><td class="text-right">${number(after)}</td>
				<td class="text-right ${change ? "" : "text-muted"}">${change > 0 ? "+" : ""}${change ? number(change) : "·"}</td></tr>`;
		});
		return `<table class="table table-sm"><thead><tr><th>${__("Segment")}</th><th class="text-right">${__("Now", null, "Tiering Simulation")}</th>
			<th class="text-right">${__("Then")}</th><th></th></tr></thead><tbody>${rows.join("")}</tbody></table>`;
	}

	started() {
		const { signals, would_start, newcomers, will_start } = this.summary;
		const made = (row) => [
			...(row.doctype === "Follow Up Rule" || row.todos ? [__("{0} ToDos", [number(row.todos)])] : []),
			...(row.doctype === "Outreach Sequence" ? [__("{0} mails", [number(row.mails)])] : []),
		];
		const start = (row) =>
			`<div class="${row.enabled ? "" : "text-muted"}"><a href="${frappe.utils.get_form_link(row.doctype, row.name)}">${html(row.name)}</a>:
			${made(row).join(", ")}
			${row.enabled ? "" : __("(switched off)")}</div>`;
		const rows = signals.map(
			(signal) => `<tr><th scope="row">${html(__(signal.signal))}</th><td class="text-right">${number(signal.customers)}</td>
			<td>${signal.starts.map(start).join("") || `<span class="text-muted">${__("Nothing listens to it.")}</span>`}</td></tr>`
		);
		const coming = newcomers.map(
			(row) => `<tr><th scope="row">${__("Newly in the audience")}</th><td class="text-right">${number(row.customers)}</td><td>${start(row)}</td></tr>`
		);
		const starts = coming.length
			? __("Customers newly come into audiences: {0} ToDos and {1} mails, caps and earlier ones aside, if these rules are saved.", [
					number(will_start.todos),
					number(will_start.mails),
			  ])
			: __("Nobody newly comes into an audience.");
		const said = `<p><b>${starts}</b> ${__("No signal comes from changed rules.")}
			${__("If you followed up on everybody for whom a signal would hold newly, that would be {0} ToDos and {1} mails, caps aside.", [
				number(would_start.todos),
				number(would_start.mails),
			])}</p>`;
		if (!rows.length && !coming.length) return `${said}<p class="text-muted">${__("No signal would hold newly.")}</p>`;
		return `${said}<div class="table-responsive"><table class="table table-sm"><thead><tr><th>${__("Signal")}</th>
			<th class="text-right">${__("Customers", null, "Tiering Run")}</th><th>${__("Would start")}</th></tr></thead>
			<tbody>${coming.join("")}${rows.join("")}</tbody></table></div>`;
	}

	async show_customers({ kind, now, then, way }, start = 0) {
		const args = { kind, start };
		if (way) args.way = way;
		// an empty name is "none", a name that isn't there is "any"; jQuery makes numbers of names that look like one
		if (now !== undefined) args.now = String(now);
		if (then !== undefined) args.then = String(then);
		const { message } = await frappe.call({ method: API + "get_customers", type: "POST", args });
		const names = [now, then].map((name, i) => (name === undefined ? __("any") : this.label(kind, String(name), i === 1)));
		const all =
			{
				rise: __("Customers rise", null, "Tiering Simulation"),
				fall: __("Customers fall", null, "Tiering Simulation"),
			}[way] || __("Change their stage", null, "Tiering Simulation");
		const title = now === undefined && then === undefined ? all : names.join(" → ");
		const dialog = this.dialog || (this.dialog = new frappe.ui.Dialog({ size: "extra-large", fields: [{ fieldname: "rows", fieldtype: "HTML" }] }));
		const money = (value, currency) => format_currency(value, currency);
		const way_of = (of, old, next) =>
			(old === next ? "" : `${this.label(of, old)} → `) + this.label(of, next, true);
		// On a phone stage and last order stand below the name.
		const rows = message.rows.map((row) => {
			const stage = way_of("stage", row.stage_now, row.stage_then);
			const last_order = row.last_order ? frappe.datetime.str_to_user(row.last_order) : "";
			return `<tr><td><a href="${frappe.utils.get_form_link("Customer", row.customer)}" target="_blank">${html(row.customer_name)}</a>
				<div class="small text-muted d-sm-none">${stage}<div class="text-nowrap">${last_order}</div></div></td>
			<td class="text-nowrap">${way_of("tier", row.tier_now, row.tier_then)}</td><td class="d-none d-sm-table-cell">${stage}</td>
			<td class="text-right text-nowrap">${money(row.money_then, this.summary.currency.then)}</td>
			<td class="d-none d-sm-table-cell text-nowrap">${last_order}</td></tr>`;
		});
		const upto = start + message.rows.length;
		dialog.set_title(`${title} · ${number(message.total)}`);
		dialog.get_field("rows").$wrapper.html(
			`<div class="table-responsive"><table class="table table-sm mt-0"><thead><tr><th>${__("Customer")}</th><th>${__("Tier")}</th>
			<th class="d-none d-sm-table-cell">${__("Stage")}</th><th class="text-right">${__("Money in the Window")}</th>
			<th class="d-none d-sm-table-cell">${__("Last Order")}</th></tr></thead>
			<tbody>${rows.join("")}</tbody></table></div>
			<div class="d-flex justify-content-between align-items-center"><span class="text-muted small">${__("{0} to {1} of {2}", [
				message.total ? number(start + 1) : 0,
				number(upto),
				number(message.total),
			])} ${message.hidden ? __("{0} more whom you may not see", [number(message.hidden)]) : ""}</span>
			<span><button class="btn btn-default btn-xs back" ${start ? "" : "disabled"}>${__("Previous", null, "Tiering Simulation")}</button>
			<button class="btn btn-default btn-xs next" ${upto < message.total ? "" : "disabled"}>${__("Next")}</button></span></div>`
		);
		dialog.$wrapper.find(".back").on("click", () => this.show_customers({ kind, now, then, way }, Math.max(0, start - 20)));
		dialog.$wrapper.find(".next").on("click", () => this.show_customers({ kind, now, then, way }, upto));
		dialog.show();
	}

	export(file_format) {
		if (!this.summary) {
			frappe.msgprint(__("Simulate first: there is nothing to export yet."));
			return;
		}
		open_url_post("/api/method/" + API + "export", { file_format });
	}

	async save() {
		const given = this.given();
		const { message: lines } = await frappe.call({ method: API + "differences", type: "GET", args: given, freeze: true });
		const list = `<ul class="mt-3 small simulation-differences">${lines.map((line) => `<li>${html(line)}</li>`).join("")}</ul>`;
		frappe.confirm(
			__("Save these rules? They take effect tonight, or with Recompute now, and you can undo it. No signal comes from them; regular follow-ups and sequences by audience take whoever newly comes into their audience.") + list,
			async () => {
				const { message } = await frappe.call({ method: API + "save", args: given, freeze: true });
				frappe.show_alert({ message: message.message, indicator: "green" }, 10);
				this.load_rules("");
			}
		);
	}

	async undo() {
		if (!this.rules.last_change) {
			frappe.msgprint(__("There is no change to undo."));
			return;
		}
		await frappe.require("/assets/customer_tiering/js/undo_rule_change.js");
		frappe.confirm(__("Put back the rules as they were before they were last saved?"), () =>
			customer_tiering.undo_rule_change(this.rules.last_change, () => this.load_rules(""))
		);
	}
}

function input(list, name, field, value, now, label = "") {
	const known = now === null || now === undefined ? "" : now;
	return `<input class="form-control input-xs" type="number" min="0" step="any" inputmode="decimal" value="${value}"
		data-list="${list}" data-name="${html(name)}" data-field="${field}" data-value="${value}" data-now="${known}"
		aria-label="${html(`${name} ${label || field}`)}" title="${known === "" ? "" : __("Set now: {0}", [known])}">`;
}

function may_see_customers() {
	return frappe.model.can_read("Customer");
}

function moved_count({ now, then, counts }) {
	return counts.reduce((sum, row, i) => sum + row.reduce((part, count, j) => part + (now[i] === then[j] ? 0 : count), 0), 0);
}

function section(title, body) {
	return `<div class="frappe-card simulation-section"><h5>${title}</h5>${body}</div>`;
}

const STYLE = `
.tiering-simulation .frappe-card { padding: 16px 20px; margin-bottom: 16px; }
.tiering-simulation th, .tiering-simulation td { vertical-align: middle; }
.tiering-simulation thead th { font-weight: normal; font-size: var(--text-sm); color: var(--text-muted); border-top: none; }
.tiering-simulation tbody th { font-weight: 500; white-space: nowrap; }
.tiering-simulation thead th:first-child, .tiering-simulation td.text-right { white-space: nowrap; }
.tiering-simulation [data-kind] { cursor: pointer; }
.simulation-card[data-kind]:hover { border-color: var(--gray-500, #999); }
.simulation-head { display: flex; justify-content: space-between; align-items: flex-end; gap: 12px; margin-bottom: 12px; }
.simulation-head select { width: 260px; max-width: 50vw; }
.simulation-tables { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(440px, 100%), 1fr)); gap: 8px 32px; }
.simulation-tables table { margin-bottom: 8px; }
.simulation-tables input, .simulation-setting input { min-width: 64px; text-align: right; }
.simulation-tables td:nth-child(2) input { min-width: 104px; }
.simulation-settings { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(180px, 45%), 1fr)); gap: 8px 20px; margin: 8px 0; align-items: end; }
.simulation-setting label { font-size: var(--text-sm); color: var(--text-muted); margin-bottom: 2px; }
.simulation-changed { background-color: var(--bg-yellow, #fff7d3) !important; font-weight: 600; }
.simulation-more { margin-top: 8px; }
.simulation-outdated > :not(.simulation-other) { opacity: 0.45; }
.simulation-differences { max-height: 40vh; overflow-y: auto; }
.simulation-cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(150px, 1fr)); gap: 0 16px; }
.simulation-count { font-size: 26px; font-weight: 600; line-height: 1.3; }
.simulation-count.text-green { color: var(--green-600, #278f5e); } .simulation-count.text-red { color: var(--red-600, #cc2929); }
.simulation-count.text-blue { color: var(--blue-600, #1579d0); } .simulation-count.text-orange { color: var(--orange-600, #b35309); }
.simulation-said { margin: 0 4px 16px; }
.simulation-section h5 { margin: 0 0 12px; }
.simulation-matrix { width: auto; min-width: 50%; }
.simulation-matrix td, .simulation-matrix th { min-width: 56px; }
.simulation-reset { white-space: nowrap; }
.simulation-matrix a { color: inherit; }
.simulation-stay { background-color: var(--subtle-fg, #f3f3f3); }
.simulation-up { background-color: rgba(48, 166, 109, var(--strength)); font-weight: 600; }
.simulation-down { background-color: rgba(224, 54, 54, var(--strength)); font-weight: 600; }
.simulation-move { background-color: rgba(36, 144, 239, var(--strength)); font-weight: 600; }
.simulation-columns { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(440px, 100%), 1fr)); gap: 0 16px; }
.simulation-bars { width: 40%; min-width: 120px; }
.simulation-bar { height: 7px; border-radius: 3px; margin: 2px 0; }
.simulation-bar.before { background: var(--gray-400, #c7c7c7); } .simulation-bar.after { background: var(--blue-500, #2490ef); }
.simulation-progress .progress { height: 8px; margin-bottom: 8px; }
.tiering-simulation .table-responsive, .tiering-simulation .table { margin-top: 0; }
@media (max-width: 575px) {
	.tiering-simulation .frappe-card { padding: 12px; }
	.tiering-simulation td, .tiering-simulation th { padding: 4px 3px; font-size: var(--text-sm); }
	.tiering-simulation tbody th { white-space: normal; }
	.simulation-tables input { min-width: 44px; padding: 4px; }
	.simulation-tables td:nth-child(2) input { min-width: 76px; }
	.simulation-matrix { width: 100%; }
	.simulation-matrix td, .simulation-matrix th { min-width: 30px; }
	.simulation-bars, .simulation-money th:last-child { display: none; }
}
`;
})();
