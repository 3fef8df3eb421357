// The tier beside the customer's figures, and why it is so.
frappe.provide("customer_tiering");

frappe.ui.form.on("Customer", {
	refresh(frm) {
		if (frm.is_new()) return;
		customer_tiering.show_tier(frm);
		frm.add_custom_button(__("Why this tier?"), () => customer_tiering.explain(frm), __("View"));
		frm.add_custom_button(__("Tiering History"), () => customer_tiering.show_history(frm), __("View"));
	},
});

customer_tiering.show_tier = async function (frm) {
	if (!frm.doc.customer_tier) return;
	const { message } = await frappe.db.get_value("Customer Tier", frm.doc.customer_tier, "colour");
	const stage = frm.doc.lifecycle_stage ? ` · ${__(frm.doc.lifecycle_stage, null, "Lifecycle Stage")}` : "";
	const text = __("Tier {0}", [__(frm.doc.customer_tier)]) + stage;
	frm.dashboard.add_indicator(frappe.utils.escape_html(text), (message && message.colour) || "gray");
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
			{ fieldtype: "Column Break" },
			{ fieldtype: "Column Break" },
			{ fieldtype: "Section Break" },
			{ fieldname: "explanation", fieldtype: "HTML" },
		],
	});
	const show = async () => {
		const as_of = dialog.get_value("as_of") || frappe.datetime.get_today();
		const { message } = await frappe.call("customer_tiering.tiering.api.explain_tier", {
			customer: frm.doc.name,
			as_of,
		});
		dialog.get_field("explanation").$wrapper.html(customer_tiering.explanation_html(message));
	};
	dialog.show();
	show();
};

customer_tiering.explanation_html = function (explanation) {
	const escape = frappe.utils.escape_html;
	const money = (amount) => format_currency(amount, explanation.currency);
	const day = (text) => frappe.datetime.str_to_user(text);
	const bold = (text) => `<b>${escape(text)}</b>`;

	const sentences = [];
	const tier = explanation.tier ? __("Tier {0}", [__(explanation.tier)]) : __("No tier");
	sentences.push(
		explanation.overridden
			? __("{0}, set by hand. Money in the window: {1}.", [bold(tier), bold(money(explanation.money))])
			: __("{0}. Money in the window: {1}.", [bold(tier), bold(money(explanation.money))])
	);
	const room = explanation.overridden ? null : explanation.room_down;
	if (explanation.next_up && !explanation.overridden)
		sentences.push(__("{0} more for tier {1}.", [money(explanation.gap_up), bold(explanation.next_up)]));
	if (room !== null && room < 0)
		sentences.push(__("{0} are missing to keep tier {1}", [money(-room), bold(explanation.tier)]) + ".");
	if (room !== null && room >= 0)
		sentences.push(
			__("{0} may go before the customer falls towards tier {1}.", [
				money(room),
				bold(explanation.next_down),
			])
		);
	if (explanation.decided && explanation.decided !== explanation.tier)
		sentences.push(
			__("The ledger says tier {0} for that day: the run knew other documents or rules, or saw the customer for the first time.", [
				bold(explanation.decided),
			])
		);

	const changes = explanation.changes
		.map((change) => `<li>${day(change.day)}: ${escape(change.what)}</li>`)
		.join("");
	const bands = explanation.bands
		.map((band) => `${escape(__(band.name))} ≥ ${money(band.entry_value)}`)
		.join(" · ");
	const rows = explanation.lines
		.map((line) => {
			const link = !frappe.model.can_read("Sales Invoice")
				? escape(line.name)
				: `<a href="${frappe.utils.get_form_link("Sales Invoice", line.name)}">${escape(line.name)}</a>`;
			const style = line.counts ? "" : 'class="text-muted"';
			return `<tr ${style}><td>${day(line.day)}</td><td>${link}</td><td>${escape(line.kind)}</td>
				<td class="text-right">${line.counts ? money(line.money) : `<s>${money(line.money)}</s>`}</td>
				<td>${escape(line.reason)}</td></tr>`;
		})
		.join("");

	return `<p>${sentences.join(" ")}</p>
		${changes ? `<p>${__("If nothing more is ordered:")}</p><ul>${changes}</ul>` : ""}
		<p class="text-muted">${bands}</p>
		<div style="max-height: 50vh; overflow: auto">
			<table class="table table-sm">
				<thead><tr><th>${__("Date")}</th><th>${__("Document")}</th><th>${__("Kind")}</th>
					<th class="text-right">${__("Amount")}</th><th>${__("Counts")}</th></tr></thead>
				<tbody>${rows}</tbody>
				<tfoot><tr><th colspan="3">${__("Sum")}</th>
					<th class="text-right">${money(explanation.money)}</th><th></th></tr></tfoot>
			</table>
		</div>
		<p class="text-muted small">${__("Rule version {0}", [explanation.rule_version])}</p>`;
};
