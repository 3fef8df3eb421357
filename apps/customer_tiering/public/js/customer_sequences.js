// The button on the customer.
frappe.ui.form.on("Customer", {
	refresh(frm) {
		if (frm.is_new() || frm.doc.disabled || !frappe.model.can_read("Outreach Sequence")) return;
		if (!frm.perm[0]?.write && !frappe.user.has_role(["Tiering Manager", "System Manager"])) return;
		frm.add_custom_button(
			__("Start a Sequence"),
			() => customer_tiering.enter_sequence([frm.doc.name]),
			__("Actions")
		);
	},
});

// What the customer said on the telephone or on paper.
frappe.ui.form.on("Customer", {
	refresh(frm) {
		if (frm.is_new() || !frappe.model.can_create("Outreach Consent")) return;
		frm.add_custom_button(
			__("Note a Consent"),
			() => frappe.new_doc("Outreach Consent", { customer: frm.doc.name }),
			__("Actions")
		);
	},
});
