// The rows' own names say nothing: the customer is the title.
frappe.listview_settings["Outreach Touch"] = {
	hide_name_column: true,
	onload(list) {
		if (!customer_tiering.may_try_again()) return;
		list.page.add_actions_menu_item(__("Try Again"), () =>
			customer_tiering.try_again(list.get_checked_items(true), () => list.refresh())
		);
	},
};
