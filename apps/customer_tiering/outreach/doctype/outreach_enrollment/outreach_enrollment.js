frappe.ui.form.on("Outreach Enrollment", {
	refresh(frm) {
		if (frm.doc.status !== "Active" || !customer_tiering.may_enter_sequences()) return;
		frm.add_custom_button(__("Take Out of the Sequence"), () =>
			frappe.confirm(__("{0} gets nothing more of this sequence.", [frm.doc.customer.bold()]), async () => {
				await frappe.call("customer_tiering.outreach.api.take_out", { enrollment: frm.doc.name });
				frm.reload_doc();
			})
		);
	},
});
