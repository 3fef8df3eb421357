// One click closes a follow-up with what came of it.
frappe.ui.form.on("ToDo", {
	refresh(frm) {
		if (frm.is_new() || !frm.doc.follow_up_rule || frm.doc.status !== "Open" || !frm.perm[0]?.write) return;
		for (const [outcome, label] of customer_tiering.OUTCOMES)
			frm.add_custom_button(
				label,
				async () => {
					if (await customer_tiering.close_follow_up(frm.doc.name, outcome)) frm.reload_doc();
				},
				__("Outcome")
			);
		frm.page.set_inner_btn_group_as_primary(__("Outcome"));
	},
});
