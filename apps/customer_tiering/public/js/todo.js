// One click closes a follow-up with what came of it.
frappe.ui.form.on("ToDo", {
	refresh(frm) {
		if (frm.is_new() || !frm.doc.follow_up_key || frm.doc.status !== "Open" || !frm.perm[0]?.write) return;
		for (const [outcome, label] of customer_tiering.OUTCOMES)
			frm.add_custom_button(
				label,
				async () => {
					const { name, follow_up_note: note, follow_up_tries: tries } = frm.doc;
					const closed = await customer_tiering.close_follow_up(name, outcome, { note, tries });
					if (!closed) return;
					customer_tiering.tell_outcome(outcome, closed, () => frm.reload_doc());
					frm.reload_doc();
				},
				__("Outcome")
			);
		frm.page.set_inner_btn_group_as_primary(__("Outcome"));
	},
});
