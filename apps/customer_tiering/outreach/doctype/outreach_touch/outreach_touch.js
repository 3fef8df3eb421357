// What other systems and texts say is shown as it is written, never as HTML. (The framework does so by itself for fields of one line.)
frappe.ui.form.on("Outreach Touch", {
	setup(frm) {
		for (const field of ["reason", "text"]) {
			frappe.meta.docfield_map[frm.doctype][field].formatter = as_written;
			frm.get_docfield(field).formatter = as_written;
		}
	},
	refresh(frm) {
		const { status, address, email_queue, attempts } = frm.doc;
		if (status !== "Failed" || address || email_queue || attempts || !customer_tiering.may_try_again()) return;
		frm.add_custom_button(__("Try Again"), () => customer_tiering.try_again([frm.doc.name], () => frm.reload_doc()));
	},
});

const as_written = (value) =>
	frappe.utils.escape_html(value || "").replace(/\n/g, "<br>");
