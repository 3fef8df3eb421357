frappe.ui.form.on("Follow Up", {
	async refresh(frm) {
		await customer_tiering.load_names([frm.doc.user]);
		const in_words = (reason) => frappe.utils.escape_html(customer_tiering.reason_in_words(reason, frm.doc.user));
		frm.set_df_property("reason", "formatter", in_words);
	},
});
