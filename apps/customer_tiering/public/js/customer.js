// The tier beside the customer's figures, and why it is so.
frappe.provide("customer_tiering");

customer_tiering.SHOWN_AT_FIRST = 200; // documents of an explanation

// A tier may have a name that means something else elsewhere in the Desk.
customer_tiering.tier = (name) => __(name, null, "Customer Tier");

frappe.ui.form.on("Customer", {
	refresh(frm) {
		// The record stays open to whoever may not see its relatives, but these are not offered.
		for (const field of ["referred_by", "rolls_up_to"])
			frm.set_df_property(field, "ignore_user_permissions", 0);
		frm.tiering_override = customer_tiering.override_of(frm);
		if (frm.is_new()) return;
		customer_tiering.show_tier(frm);
		customer_tiering.show_hints(frm);
		frm.add_custom_button(__("Why this tier?"), () => customer_tiering.explain(frm), __("View"));
		frm.add_custom_button(__("Tiering History"), () => customer_tiering.show_history(frm), __("View"));
	},

	after_save(frm) {
		if (frm.tiering_override !== customer_tiering.override_of(frm)) customer_tiering.await_tier(frm);
	},
});

customer_tiering.override_of = (frm) => `${frm.doc.tier_override || ""}|${frm.doc.tier_override_until || ""}`;

// The run that follows is short: the form is loaded again when it has decided.
customer_tiering.await_tier = async function (frm) {
	frappe.show_alert({ message: __("The tier follows within a minute."), indicator: "blue" });
	const { name, customer_tier } = frm.doc;
	for (let tries = 0; tries < 12; tries++) {
		await new Promise((resolve) => setTimeout(resolve, 5000));
		if (frm.doc.name !== name || frm.is_dirty()) return;
		const { message } = await frappe.db.get_value("Customer", name, "customer_tier");
		if ((message?.customer_tier || "") !== (customer_tier || "")) return frm.reload_doc();
	}
};

// Beside the customer's name, where it is seen on every tab.
customer_tiering.show_tier = async function (frm) {
	const title = frm.page.wrapper.find(".page-head .title-area .flex").first();
	title.find(".customer-tier").remove();
	if (!frm.doc.customer_tier && !frm.doc.lifecycle_stage) return;
	const customer = frm.doc.name;
	const colour = frm.doc.customer_tier
		? (await frappe.db.get_value("Customer Tier", frm.doc.customer_tier, "colour")).message?.colour
		: null;
	if (frm.doc.name !== customer) return;
	const parts = [
		frm.doc.customer_tier && __("Tier {0}", [customer_tiering.tier(frm.doc.customer_tier)]),
		frm.doc.lifecycle_stage && __(frm.doc.lifecycle_stage, null, "Lifecycle Stage"),
	].filter(Boolean);
	if (frappe.is_mobile()) {
		frm.set_intro(""); // beside the name there is no room
		frm.set_intro(`<span class="customer-tier-intro"></span>`);
		customer_tiering.pill(frm, parts, colour).appendTo(frm.layout.message.find(".customer-tier-intro"));
		return;
	}
	title.find(".customer-tier").remove();
	customer_tiering.pill(frm, parts, colour).css("margin-left", "var(--margin-sm)").appendTo(title);
};

// Tells why when it is clicked.
customer_tiering.pill = function (frm, parts, colour) {
	return $(`<span class="indicator-pill no-indicator-dot whitespace-nowrap customer-tier ${colour || "gray"}"></span>`)
		.css("cursor", "pointer")
		.text(parts.join(" · "))
		.attr("title", __("Why this tier?"))
		.on("click", () => customer_tiering.explain(frm));
};

// What is missing, the points of the Loyalty Program, and how far the predicted value can be trusted.
customer_tiering.show_hints = async function (frm) {
	const customer = frm.doc.name;
	const question = (frm.tiering_hints = (frm.tiering_hints || 0) + 1);
	const { message } = await frappe.call("customer_tiering.tiering.api.customer_hints", { customer });
	if (!message || frm.doc.name !== customer || frm.tiering_hints !== question) return;
	const { missing, points, prediction } = message;
	customer_tiering.show_prediction(frm, prediction);
	const labels = missing.map(
		(field) => `<a data-field="${field.fieldname}">${frappe.utils.escape_html(field.label)}</a>`
	);
	frm.layout.message?.find(".customer-missing").closest(".form-message").remove();
	if (labels.length && frm.has_perm("write")) {
		const text = `<span class="customer-missing">${__("Still missing:")} ${labels.join(", ")}</span>`;
		frm.dashboard.set_headline_alert(text, "yellow");
		frm.layout.message
			?.find("[data-field]")
			.css({ cursor: "pointer", "text-decoration": "underline" })
			.on("click", (event) => frm.scroll_to_field(event.currentTarget.dataset.field));
	}
	const indicate = (text, colour) =>
		frm.dashboard.add_indicator(frappe.utils.escape_html(text), colour);
	const said_by_erpnext = [].concat(frm.doc.__onload?.dashboard_info || []).some((info) => info.loyalty_points);
	if (points.program && !said_by_erpnext)
		indicate(__("{0} points of {1}", [points.points, points.program]), points.points > 0 ? "green" : "gray");
	if (points.expire_on) {
		const day = frappe.datetime.str_to_user(points.expire_on);
		indicate(__("{0} points expire on {1}", [points.expiring, day]), "orange");
	}
};

// Where there is no number there is the reason.
customer_tiering.show_prediction = function (frm, { sentences, fit }) {
	const field = frm.fields_dict.predicted_clv;
	if (!field) return;
	const link =
		fit && frappe.model.can_read("Lifetime Value Fit")
			? ` <a href="${frappe.utils.get_form_link("Lifetime Value Fit", fit)}">${__("How good are such numbers?")}</a>`
			: "";
	field.df.formatter = (value, df, options, doc) =>
		flt(value) ? frappe.form.formatters.Currency(value, df, options, doc) : "–";
	field.df.description = sentences.map(frappe.utils.escape_html).join(" ") + link;
	field.refresh();
};

customer_tiering.show_history = function (frm) {
	frappe.set_route("List", "Tiering Event", { customer: frm.doc.name });
};

customer_tiering.explain = function (frm) {
	const dialog = new frappe.ui.Dialog({
		title: __("Why this tier?"),
		size: "extra-large",
		fields: [
			{
				fieldname: "as_of",
				fieldtype: "Date",
				label: __("As of"),
				default: frappe.datetime.get_today(),
				reqd: 1,
				change: () => show(),
			},
			{ fieldtype: "Section Break" },
			{ fieldname: "explanation", fieldtype: "HTML" },
		],
	});
	let asked = 0;
	const show = async () => {
		const question = ++asked;
		const as_of = dialog.get_value("as_of") || frappe.datetime.get_today();
		const place = dialog.get_field("explanation").$wrapper;
		place.html(`<p class="text-muted">${__("Adding up the orders…")}</p>`);
		const answer = await frappe
			.call("customer_tiering.tiering.api.explain_tier", { customer: frm.doc.name, as_of })
			.catch(() => null);
		if (question !== asked) return; // another day was chosen meanwhile
		place.html(answer?.message ? customer_tiering.explanation_html(answer.message) : "");
		place.find(".show-all").on("click", (event) => {
			place.find("tr.later").removeClass("hidden");
			$(event.target).closest("tr").remove();
		});
	};
	dialog.show();
	show();
};

customer_tiering.explanation_html = function (explanation) {
	const escape = frappe.utils.escape_html;
	const money = (amount) => format_currency(amount, explanation.currency);
	const day = (text) => frappe.datetime.str_to_user(text);
	const bold = (text) => `<b>${escape(text)}</b>`;

	if (explanation.not_tiered) return `<p>${escape(explanation.not_tiered)}</p>`;
	const tier = explanation.tier ? __("Tier {0}", [customer_tiering.tier(explanation.tier)]) : __("No tier");
	const head = __("{0}. Money in the window: {1}.", [bold(tier), bold(money(explanation.money))]);
	const sentences = [head, ...explanation.sentences.map(escape)];

	const changes = explanation.changes
		.map((change) => `<li>${day(change.day)}: ${escape(change.what)}</li>`)
		.join("");
	const rows = explanation.lines
		.map((line, number) => {
			const link =
				line.name && frappe.model.can_read(explanation.doctype)
					? `<a href="${frappe.utils.get_form_link(explanation.doctype, line.name)}">${escape(line.name)}</a>`
					: escape(line.name);
			const classes = [line.counts ? "" : "text-muted", number < customer_tiering.SHOWN_AT_FIRST ? "" : "hidden later"];
			return `<tr class="${classes.join(" ")}"><td class="text-nowrap">${day(line.day)}</td>
				<td>${link}<div class="small text-muted">${escape(line.kind)} · ${escape(line.reason)}</div></td>
				<td class="text-right text-nowrap">${line.counts ? money(line.money) : `<s>${money(line.money)}</s>`}</td></tr>`;
		})
		.join("");

	const count = explanation.lines.length;
	const all =
		count > customer_tiering.SHOWN_AT_FIRST
			? `<button class="btn btn-xs btn-default show-all">${__("Show all {0} documents", [count])}</button>`
			: "";
	return `<p>${sentences.join("<br>")}</p>
		${changes ? `<p>${__("If nothing more is ordered:")}</p><ul>${changes}</ul>` : ""}
		<p class="text-muted">${escape(explanation.bands_in_words)}</p>
		<div style="max-height: 50vh; overflow: auto">
			<table class="table table-sm">
				<thead><tr><th>${__("Date")}</th><th>${__("Document")}</th>
					<th class="text-right">${__("Amount")}</th></tr></thead>
				<tbody>${rows}</tbody>
				${all ? `<tbody><tr><td colspan="3">${all}</td></tr></tbody>` : ""}
				<tfoot><tr><th colspan="2">${__("Sum")}</th>
					<th class="text-right text-nowrap">${money(explanation.money)}</th></tr></tfoot>
			</table>
		</div>
		<p class="text-muted small">${__("Rule version {0}", [explanation.rule_version])}</p>`;
};
