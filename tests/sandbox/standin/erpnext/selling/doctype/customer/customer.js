frappe.ui.form.on("Customer", {
	refresh(frm) {
		frm.toggle_display("naming_series", frappe.defaults.get_global_default("cust_master_name") === "Naming Series");
		if (frm.is_new()) frappe.contacts.clear_address_and_contact(frm);
		else frappe.contacts.render_address_and_contact(frm);
	},
});
