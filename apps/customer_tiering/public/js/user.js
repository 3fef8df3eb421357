// Somebody leaves: the open follow-ups go to another user or to the next in line.
frappe.ui.form.on("User", {
	async refresh(frm) {
		if (frm.is_new() || !frappe.user.has_role(["System Manager", "Tiering Manager"])) return;
		const user = frm.doc.name;
		const answer = await frappe.call({
			method: "customer_tiering.follow_up.api.open_follow_ups_of",
			args: { user },
			type: "GET",
		});
		if (frm.doc.name !== user) return;
		if (answer.message)
			frm.add_custom_button(__("Hand Over {0} Follow-Ups", [answer.message]), () =>
				customer_tiering.hand_over(user, () => frm.refresh())
			);
		const last = await frappe.call("customer_tiering.follow_up.api.last_hand_over", { user });
		if (!last.message || frm.doc.name !== user) return;
		const { at, number } = last.message;
		frm.add_custom_button(__("Undo Hand-Over of {0}", [number]), () =>
			customer_tiering.take_back(user, at, () => frm.refresh())
		);
	},
});
