frappe.ui.form.on("Customer Tier", {
	refresh(frm) {
		if (frm.is_new() || !frm.perm[0]?.write) return;
		frm.add_custom_button(__("What Will the Discount Do?"), () => show_discount(frm));
	},
});

async function show_discount(frm) {
	const { message } = await frappe.call({
		method: "customer_tiering.tiering.api.preview_tier_discount",
		args: { tier: frm.doc.name, percent: frm.doc.discount_percent || 0 },
		type: "GET",
	});
	const escape = frappe.utils.escape_html;
	const percent = escape(String(frm.doc.discount_percent || 0));
	const lines = [
		__("{0} customers are in this tier now.", [`<b>${message.customers}</b>`]),
		__("If they buy as in the last 12 months, {0}% cost about {1} a year.", [
			percent,
			`<b>${format_currency(message.cost, message.currency)}</b>`,
		]),
		__("It goes on the net total of new quotations, sales orders and sales invoices, as soon as they are saved. A discount given by hand, a coupon, and the price of an order that is invoiced stay as they are. POS Invoices don't get it."),
		frm.doc.discount_enabled
			? __("It is given as soon as this form is saved.")
			: __("Nothing happens as long as “Give the Discount” is not ticked."),
	];
	if (message.other_rules.length) {
		const names = message.other_rules.map(
			(rule) => `<a href="${frappe.utils.get_form_link("Pricing Rule", rule.name)}">${escape(rule.title)}</a>`
		);
		lines.push(__("These Pricing Rules apply to whole transactions too, and one replaces the other: {0}", [names.join(", ")]));
	}
	frappe.msgprint({ title: __("What Will the Discount Do?"), message: lines.map((line) => `<p>${line}</p>`).join("") });
}
