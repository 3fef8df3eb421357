// The rows' own names say nothing: the customer is the title.
frappe.listview_settings["Outreach Enrollment"] = {
	hide_name_column: true,
	onload(list) {
		if (!customer_tiering.may_enter_sequences()) return;
		list.page.add_actions_menu_item(__("Take Out of the Sequence"), () => {
			const enrollments = list.get_checked_items(true);
			frappe.confirm(__("{0} customers get nothing more of their sequence.", [enrollments.length]), async () => {
				const { message } = await frappe.call("customer_tiering.outreach.api.take_out", { enrollments });
				frappe.show_alert({ message: __("Taken out: {0}", [message]), indicator: "green" });
				list.refresh();
			});
		});
	},
};
