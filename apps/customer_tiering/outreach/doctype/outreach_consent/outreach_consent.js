// What is noted stays as it is: the next word is another record.
frappe.ui.form.on("Outreach Consent", {
	refresh(frm) {
		if (!frm.is_new()) frm.disable_form();
	},
});
