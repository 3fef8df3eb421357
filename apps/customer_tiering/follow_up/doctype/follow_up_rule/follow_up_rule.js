frappe.ui.form.on("Follow Up Rule", {
	setup(frm) {
		for (const field of ["user", "escalate_to"])
			frm.set_query(field, () => ({ filters: { enabled: 1, user_type: "System User" } }));
	},
	refresh(frm) {
		customer_tiering.edit_audience(frm);
		frm.add_custom_button(__("Preview"), () => preview(frm));
		if (!frm.is_new())
			frm.add_custom_button(__("Waiting Follow-Ups"), () =>
				frappe.set_route("List", "Follow Up", { rule: frm.doc.name, status: "Waiting" })
			);
	},
	audience_company(frm) {
		frm.audience?.show_count();
	},
});

// The text as a rep would read it, for any customer, before it is saved.
function preview(frm) {
	const dialog = new frappe.ui.Dialog({
		title: __("Preview"),
		fields: [
			{ fieldname: "customer", fieldtype: "Link", options: "Customer", label: __("Customer"), change: () => show() },
			{ fieldname: "text", fieldtype: "HTML" },
		],
	});
	const place = dialog.get_field("text").$wrapper;
	const show = async () => {
		const customer = dialog.get_value("customer");
		if (!customer || customer === dialog.shown_for) return;
		dialog.shown_for = customer;
		const answer = await frappe
			.call("customer_tiering.follow_up.api.preview", { rule: JSON.stringify(frm.doc), customer })
			.catch(() => null);
		const found = answer?.message;
		if (!found) return place.empty();
		place.html(`<div class="card" style="padding: var(--padding-md)">${found.text}</div>
			<p class="text-muted" style="margin-top: var(--margin-sm)">${frappe.utils.escape_html(found.about)}</p>`);
	};
	dialog.show();
}
