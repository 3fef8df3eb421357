frappe.ui.form.on("Outreach Enrollment", {
	refresh(frm) {
		if (frm.doc.status !== "Active" || !frappe.model.can_write("Customer")) return;
		frm.add_custom_button(__("Take Out of the Sequence"), () =>
			frappe.confirm(__("{0} gets nothing more of this sequence.", [frm.doc.customer.bold()]), async () => {
				await frappe.call("customer_tiering.outreach.api.take_out", { enrollment: frm.doc.name });
				frm.reload_doc();
			})
		);
	},
});
