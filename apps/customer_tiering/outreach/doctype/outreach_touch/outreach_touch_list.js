// The rows' own names say nothing: the customer is the title. Below stands why something didn't go out, and until when: a column has no room for it.
frappe.listview_settings["Outreach Touch"] = {
	hide_name_column: true,
	add_fields: ["reason", "deferred_until"],
	onload(list) {
		if (!customer_tiering.may_try_again()) return;
		list.page.add_actions_menu_item(__("Try Again"), () =>
			customer_tiering.try_again(list.get_checked_items(true), () => list.refresh())
		);
	},
	refresh(list) {
		const touches = new Map(list.data.map((touch) => [touch.name, touch]));
		list.$result.find(".touch-reason").remove();
		list.$result.find(".list-row-checkbox").each((_, box) => {
			const { reason, deferred_until: until } = touches.get(decodeURIComponent(box.dataset.name || "")) || {};
			const again = until && __("Tried again from {0}", [frappe.datetime.str_to_user(until)]);
			if (!reason && !again) return;
			$(`<div class="touch-reason text-muted small" style="padding: 0 12px 8px 30px; white-space: normal"></div>`)
				.text([reason, again].filter(Boolean).join(" · "))
				.insertAfter($(box).closest(".list-row-container").find(".list-row").first());
		});
	},
};
