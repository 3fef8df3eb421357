frappe.ui.form.on("Outreach Offer", {
	refresh(frm) {
		if (frm.is_new()) return;
		frm.add_custom_button(__("Redeemed Codes"), () =>
			frappe.set_route("List", "Outreach Touch", { offer: frm.doc.name, redeemed_in: ["is", "set"] })
		);
	},
});
