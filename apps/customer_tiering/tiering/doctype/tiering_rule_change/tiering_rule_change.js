frappe.ui.form.on("Tiering Rule Change", {
	refresh(frm) {
		frm.disable_save();
		if (frm.doc.status !== "Applied") return;
		frm.add_custom_button(__("Undo"), async () => {
			await frappe.require("/assets/customer_tiering/js/undo_rule_change.js");
			customer_tiering.undo_rule_change(frm.doc.name, () => frm.reload_doc());
		});
	},
});
