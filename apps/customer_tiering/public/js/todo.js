// One click closes a follow-up with what came of it.
frappe.ui.form.on("ToDo", {
	refresh(frm) {
		// only the system says that a follow-up settled itself
		const settled = frm.doc.follow_up_outcome === "Settled" ? [{ value: "Settled", label: __("Settled", null, "ToDo") }] : [];
		const outcomes = customer_tiering.OUTCOMES.map(([value, label]) => ({ value, label }));
		frm.set_df_property("follow_up_outcome", "options", [{ value: "", label: "" }, ...outcomes, ...settled]);
		const { status, follow_up_outcome: said } = frm.doc;
		const asked = status === "Open" || (status === "Closed" && !said);
		if (frm.is_new() || !frm.doc.follow_up_key || !asked || !frm.perm[0]?.write) return;
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
	// The framework's own Close, or the status edited: asks what came of it.
	async before_save(frm) {
		if (!frm.doc.follow_up_key || frm.doc.status !== "Closed" || frm.doc.follow_up_outcome) return;
		const outcome = await customer_tiering.ask_for_outcome();
		const reason = outcome === "Lost" ? await customer_tiering.ask_for_reason() : null;
		frm.doc.status = "Open"; // the outcome closes it, or lets it come back
		if (!outcome || (outcome === "Lost" && !reason)) {
			frm.refresh_field("status");
			frappe.validated = false;
			return;
		}
		frm.said_outcome = { outcome, was_due: frm.doc.date };
		Object.assign(frm.doc, { follow_up_outcome: outcome, follow_up_lost_reason: reason });
	},
	after_save(frm) {
		if (!frm.said_outcome) return;
		const { outcome, was_due } = frm.said_outcome;
		frm.said_outcome = null;
		const { name, status, date, follow_up_tries: tries } = frm.doc;
		customer_tiering.tell_outcome(outcome, { name, status, date, was_due, tries }, () => frm.reload_doc());
	},
});
