frappe.ui.form.on("Tiering Settings", {
	refresh(frm) {
		frm.add_custom_button(__("Recompute now"), () => recompute_now(frm));
		frm.add_custom_button(__("Presets…"), () => show_presets(frm));
		frm.add_custom_button(__("Simulate…"), () => frappe.set_route("tiering-simulation"));
		frm.set_query("default_follow_up_user", () => ({ filters: { enabled: 1, user_type: "System User" } }));
		show_policy(frm).then(() => show_waiting(frm)); // one after the other: an introduction takes away what stands above the form
		show_scripts_in_charge(frm);
	},
});

function recompute_now(frm, confirmed = 0) {
	const start = () =>
		frappe
			.call("customer_tiering.tiering.api.recompute_now", { confirmed })
			.then(({ message }) => {
				frappe.show_alert({ message: message.message, indicator: "blue" });
				wait_for_result();
			});
	frm.is_dirty() ? frm.save().then(start) : start();
}

// Where the realtime server can't be reached, the result is asked for.
let waiting = null;
function wait_for_result() {
	clearInterval(waiting);
	waiting = setInterval(async () => {
		if (document.hidden) return;
		const { message } = await frappe.call("customer_tiering.tiering.api.recompute_result");
		if (message && waiting) RESULTS[message.event](message.summary);
	}, 5000);
}

function stop_waiting() {
	frappe.hide_progress();
	const was_waiting = waiting;
	clearInterval(waiting);
	waiting = null;
	return was_waiting;
}

const RESULTS = {
	tiering_recomputed: show_recomputed,
	tiering_previewed: show_preview,
};
for (const [event, show] of Object.entries(RESULTS)) {
	frappe.realtime.off(event);
	frappe.realtime.on(event, show);
}

function show_recomputed(summary) {
	if (!stop_waiting()) return;
	if (summary.error) {
		frappe.msgprint({ title: __("Not recomputed"), message: summary.error, indicator: "red" });
		return;
	}
	const link = `<a href="${frappe.utils.get_form_link("Tiering Run", summary.run)}">${summary.run}</a>`;
	frappe.show_alert({
		message: __("{0}: {1} customers, {2} changed", [link, summary.customers, summary.changed]),
		indicator: "green",
	});
	if (cur_frm && cur_frm.doctype === "Tiering Settings") cur_frm.refresh();
}

function show_preview(summary) {
	if (!stop_waiting()) return;
	const escape = frappe.utils.escape_html;
	const table = (title, counts, context) => `<div class="col-sm-6"><h5>${title}</h5><table class="table table-sm">
		${Object.entries(counts)
			.map(([name, count]) => `<tr><td>${escape(__(name, null, context))}</td><td class="text-right">${count}</td></tr>`)
			.join("")}</table></div>`;
	// Whoever never ordered has no tier: the table adds up to all customers.
	const in_tiers = Object.values(summary.tiers).reduce((sum, count) => sum + count, 0);
	const without = summary.customers - in_tiers;
	const tiers = without ? { ...summary.tiers, [__("No tier")]: without } : summary.tiers;
	const dialog = new frappe.ui.Dialog({
		title: __("The First Run"),
		fields: [{ fieldname: "result", fieldtype: "HTML" }],
		primary_action_label: __("Write It"),
		primary_action: () => {
			dialog.hide();
			recompute_now(cur_frm, 1);
		},
		secondary_action_label: __("Not Now"),
		secondary_action: () => dialog.hide(),
	});
	dialog.get_field("result").$wrapper.html(
		`<p>${__("{0} customers would get their tier, stage and segment. The first run starts no follow-up and no mail.", [
			`<b>${summary.customers}</b>`,
		])}</p><div class="row">${table(__("Tiers"), tiers, "Customer Tier")}
		${table(__("Stages"), summary.stages, "Lifecycle Stage")}</div>
		<p class="text-muted">${escape(summary.notes)}</p>`
	);
	dialog.show();
}

async function show_policy(frm) {
	const { message } = await frappe.call("customer_tiering.tiering.api.get_policy");
	frm.set_intro("");
	if (message.pending) frm.set_intro(message.pending, "orange");
	const link = (doctype, name) =>
		`<a href="${frappe.utils.get_form_link(doctype, name)}">${frappe.utils.escape_html(__(name, null, doctype))}</a>`;
	const table = (head, rows) =>
		`<div class="table-responsive"><table class="table table-bordered table-sm mt-0 text-nowrap" style="max-width: 900px">
			<thead><tr>${head.map((cell) => `<th>${cell}</th>`).join("")}</tr></thead>
			<tbody>${rows.map((row) => `<tr>${row.map((cell) => `<td>${cell}</td>`).join("")}</tr>`).join("")}</tbody>
		</table></div>`;
	const money = (amount) => format_currency(amount, frm.doc.reporting_currency);
	const other_conditions = (stage) =>
		[
			stage.never_ordered && __("never ordered"),
			stage.min_days_since_first_order &&
				__("first order at least {0} days ago", [stage.min_days_since_first_order]),
			stage.min_orders && __("at least {0} orders", [stage.min_orders]),
			stage.top_tier_only && __("in a top tier"),
			stage.no_open_follow_up && __("no open follow-up"),
			stage.min_points && __("at least {0} points", [stage.min_points]),
			stage.min_open_issues && __("at least {0} open issues", [stage.min_open_issues]),
			stage.feedback && __(stage.feedback),
		]
			.filter(Boolean)
			.join(", ");
	const days = (count) => (count ? __("{0} days", [count]) : "");
	frm.get_field("policy_html").$wrapper.html(
		table(
			[
				__("Tier"),
				__("Entry Value"),
				__("Keeps from"),
				__("Grace"),
				__("Dwell"),
				__("Mails a month"),
				__("Top Tier"),
			],
			message.tiers.map((tier) => [
				`<span class="indicator-pill ${tier.colour || "gray"}">${link("Customer Tier", tier.name)}</span>`,
				money(tier.entry_value),
				tier.keep_value ? money(tier.keep_value) : "",
				days(tier.grace_days),
				days(tier.minimum_dwell_days),
				tier.monthly_contact_cap || "",
				tier.is_top ? __("Yes") : "",
			])
		) +
			table(
				[
					__("Stage"),
					__("Last order at least … ago"),
					__("No follow-up for"),
					__("Other conditions"),
				],
				message.stages.map((stage) => [
					link("Lifecycle Stage", stage.name),
					days(stage.min_days_since_order),
					days(stage.quiet_days),
					other_conditions(stage),
				])
			) +
			table(
				[__("Segment"), __("Recency"), __("Frequency"), __("Monetary")],
				message.segments.map((segment) => [
					link("RFM Segment", segment.name),
					__(segment.recency),
					__(segment.frequency),
					__(segment.monetary),
				])
			)
	);
}

async function show_scripts_in_charge(frm) {
	const { message } = await frappe.call("customer_tiering.outreach.api.who_runs_the_workflow");
	frm.get_field("scripts_in_charge").$wrapper.html(
		`<div class="form-group"><label class="control-label">${__("Who runs the mail workflow")}</label>
		<div class="like-disabled-input">${message}</div></div>`
	);
}

// After a backup was put back nothing goes out, until somebody says so.
async function show_waiting(frm) {
	const { message } = await frappe.call("customer_tiering.outreach.api.sending_state");
	if (message.lacks && !message.waits) {
		frm.layout.show_message(`<div>${frappe.utils.escape_html(message.lacks)}</div>`, "orange", true);
	}
	if (!message.waits) return;
	frm.layout.show_message(`<div>${frappe.utils.escape_html(message.waits)}</div>`, "red", true);
	if (message.may_go_on) {
		frm.add_custom_button(__("Go On Sending…"), () => go_on_sending(frm, message.waits)).addClass("btn-danger");
	}
}

function go_on_sending(frm, waits) {
	const dialog = new frappe.ui.Dialog({
		title: __("Go On Sending"),
		fields: [
			{ fieldtype: "HTML", options: `<p>${frappe.utils.escape_html(waits)}</p>` },
			{
				fieldname: "leave_out",
				fieldtype: "Check",
				default: 1,
				label: __("Leave out what was due in that time"),
				description: __(
					"It stands as in doubt, also for those who would have entered a sequence then: nobody gets it twice, and some may miss it. Without this, customers may get again what they got already."
				),
			},
		],
		primary_action_label: __("Go On Sending"),
		primary_action: async ({ leave_out }) => {
			dialog.hide();
			await frappe.call("customer_tiering.outreach.api.go_on_sending", { leave_out });
			frappe.show_alert({ message: __("Messages go out again."), indicator: "green" });
			frm.reload_doc();
		},
	});
	dialog.show();
}

// The dialog of presets: what each would change, applied with one button, undone with one.
async function show_presets(frm) {
	if (frm.is_dirty()) await frm.save();
	const { message } = await frappe.call("customer_tiering.tiering.rules_api.list_presets");
	const dialog = new frappe.ui.Dialog({
		title: __("Presets"),
		size: "large",
		fields: [
			{ fieldname: "last", fieldtype: "HTML" },
			{
				fieldname: "preset",
				fieldtype: "Select",
				label: __("Preset"),
				options: message.presets.map(({ name, title }) => ({ value: name, label: title })),
				default: message.presets[0].name,
				onchange: () => show_preset(dialog, message.presets),
			},
			{ fieldname: "difference", fieldtype: "HTML" },
		],
		primary_action_label: __("Apply"),
		primary_action: async ({ preset }) => {
			dialog.disable_primary_action();
			try {
				const done = await frappe.call({
					method: "customer_tiering.tiering.rules_api.use_preset",
					args: { preset },
					freeze: true, // new names are written into everything that links to the old ones
					freeze_message: __("Saving the rules…"),
				});
				dialog.hide();
				frappe.show_alert({ message: done.message.message, indicator: "green" }, 10);
				frm.reload_doc();
			} finally {
				dialog.enable_primary_action();
			}
		},
		secondary_action_label: __("Simulate…"),
		secondary_action: () => {
			dialog.hide();
			frappe.route_options = { preset: dialog.get_value("preset") };
			frappe.set_route("tiering-simulation");
		},
	});
	if (message.last) show_undo(dialog, frm, message.last);
	dialog.show();
	show_preset(dialog, message.presets);
}

async function show_preset(dialog, presets) {
	const escape = frappe.utils.escape_html;
	const preset = presets.find(({ name }) => name === dialog.get_value("preset")) || presets[0];
	const $difference = dialog.get_field("difference").$wrapper;
	const { message: rows } = await frappe.call({
		method: "customer_tiering.tiering.rules_api.preview_preset",
		args: { preset: preset.name },
		error: () => $difference.html(`<p class="text-muted">${__("This preset doesn't fit the rules of this site.")}</p>`),
	});
	dialog.get_primary_btn().prop("disabled", !rows.length);
	// A heading for each rule: so the values stand side by side on a phone, too.
	const lines = rows.map((row, i) => {
		const heading = `<tr><th colspan="3" class="bg-light">${escape(row.what)}</th></tr>`;
		return `${row.what === rows[i - 1]?.what ? "" : heading}<tr><td>${escape(row.field)}</td>
			<td class="text-right text-muted">${escape(row.now)}</td><td class="text-right"><b>${escape(row.then)}</b></td></tr>`;
	});
	$difference.html(
		`<p>${escape(preset.description)}</p>` +
			(rows.length
				? `<div class="table-responsive"><table class="table table-sm table-bordered small mt-0">
					<thead><tr><th style="width: 50%">${__("Field")}</th><th class="text-right">${__("Set Now")}</th>
					<th class="text-right">${__("Preset")}</th></tr></thead><tbody>${lines.join("")}</tbody></table></div>
					<p class="text-muted small">${__("Everything else stays as it is. No signal comes from a changed rule; regular follow-ups and sequences by audience take whoever newly comes into their audience.")}</p>`
				: `<p class="text-muted">${__("Nothing would change: these rules are set already.")}</p>`)
	);
}

function show_undo(dialog, frm, last) {
	const escape = frappe.utils.escape_html;
	const link = `<a href="${frappe.utils.get_form_link("Tiering Rule Change", last.name)}">${escape(last.title)}</a>`;
	const who = escape(frappe.user.full_name(last.owner));
	const $last = dialog.get_field("last").$wrapper;
	$last.html(
		`<div class="d-flex justify-content-between align-items-center mb-3"><span class="text-muted small mr-2">${__("Last changed: {0}, by {1}, {2}", [
			link,
			who,
			frappe.datetime.comment_when(last.creation),
		])}</span><button class="btn btn-default btn-xs text-nowrap flex-shrink-0">${__("Undo")}</button></div>`
	);
	$last.find("button").on("click", async () => {
		dialog.hide();
		await frappe.require("/assets/customer_tiering/js/undo_rule_change.js");
		customer_tiering.undo_rule_change(last.name, () => frm.reload_doc());
	});
}
