// What a customer answered behind a link stays as it is.
frappe.ui.form.on("Customer Feedback", {
	refresh(frm) {
		if (frm.doc.touch) frm.disable_form();
	},
});
