// ERPNext has settings for this list: they are kept, ours come to them.
{
	const settings = (frappe.listview_settings["Customer"] ||= {});
	const before = settings.onload;
	settings.onload = function (list) {
		before?.call(this, list);
		if (!customer_tiering.may_enter_sequences() || !frappe.model.can_read("Outreach Sequence")) return;
		list.page.add_actions_menu_item(
			__("Start a Sequence"),
			() => customer_tiering.enter_sequence(list.get_checked_items(true)),
			false
		);
	};
}
