// The tier and the stage beside the customer's name.
frappe.ui.form.on("Customer", {
	refresh(frm) {
		customer_tiering.show_tier(frm);
	},
});

frappe.provide("customer_tiering");

customer_tiering.show_tier = async function (frm) {
	if (frm.is_new() || !frm.doc.customer_tier) return;
	const { message } = await frappe.db.get_value("Customer Tier", frm.doc.customer_tier, "colour");
	const stage = frm.doc.lifecycle_stage ? ` · ${__(frm.doc.lifecycle_stage)}` : "";
	const text = __("Tier {0}", [__(frm.doc.customer_tier)]) + stage;
	frm.dashboard.add_indicator(frappe.utils.escape_html(text), (message && message.colour) || "gray");
};
