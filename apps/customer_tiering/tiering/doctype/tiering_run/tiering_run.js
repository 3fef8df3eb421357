frappe.ui.form.on("Tiering Run", {
	refresh(frm) {
		frm.disable_save();
	},
});
