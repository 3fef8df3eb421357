frappe.ui.form.on("Outreach Touch", {
	refresh(frm) {
		const { status, address, email_queue, attempts } = frm.doc;
		if (status !== "Failed" || address || email_queue || attempts || !customer_tiering.may_try_again()) return;
		frm.add_custom_button(__("Try Again"), () => customer_tiering.try_again([frm.doc.name], () => frm.reload_doc()));
	},
});
