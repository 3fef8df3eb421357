frappe.ui.form.on("Follow Up Rule", {
	setup(frm) {
		for (const field of ["user", "escalate_to"])
			frm.set_query(field, () => ({ filters: { enabled: 1, user_type: "System User" } }));
		// Lists of holidays are HR's alone to read: their names are enough to choose one.
		frm.set_query("holiday_list", () => ({ query: "customer_tiering.follow_up.holiday_lists.search" }));
	},
	refresh(frm) {
		for (const property of ["ignore_link_validation", "only_select"]) frm.set_df_property("holiday_list", property, 1);
		customer_tiering.edit_audience(frm);
		if (frm.doc.enabled && frm.doc.last_problem) frm.set_intro(__(frm.doc.last_problem), "red");
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

// The text as a rep would read it, before it is saved: for the customer chosen last, else for one of the audience.
function preview(frm) {
	const dialog = new frappe.ui.Dialog({
		title: __("Preview"),
		no_focus: true, // whose list would hide the text
		fields: [
			{ fieldname: "customer", fieldtype: "Link", options: "Customer", label: __("Customer"), change: () => show(dialog.get_value("customer")) },
			{ fieldname: "text", fieldtype: "HTML" },
		],
	});
	const escape = frappe.utils.escape_html;
	const place = dialog.get_field("text").$wrapper;
	const chosen = `follow-up-preview:${frm.doc.name}`;
	const show = async (customer) => {
		if (dialog.has_shown && (!customer || customer === dialog.shown_for)) return;
		dialog.has_shown = true;
		dialog.shown_for = customer;
		const args = { rule: JSON.stringify(frm.doc), customer };
		const answer = await frappe.call("customer_tiering.follow_up.api.preview", args).catch(() => null);
		const found = answer?.message;
		if (!found) {
			localStorage.removeItem(chosen); // a customer who is gone
			return place.empty();
		}
		if (!found.customer) return place.html(`<p class="text-muted">${__("Nobody is in the audience now. Choose a customer.")}</p>`);
		if (customer) localStorage.setItem(chosen, customer);
		dialog.shown_for = found.customer;
		dialog.set_value("customer", found.customer);
		const outside = found.is_in_audience
			? ""
			: `<p class="text-danger">${__("This customer is not in the audience: the rule would make no follow-up.")}</p>`;
		place.html(`${outside}<div class="card" style="padding: var(--padding-md)">${found.text}</div>
			<p class="text-muted" style="margin-top: var(--margin-sm)">${escape(found.about)}</p>`);
	};
	dialog.show();
	show(localStorage.getItem(chosen) || null);
}
