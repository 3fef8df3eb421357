frappe.listview_settings["Interest Topic"] = {
	onload(list) {
		if (frappe.model.can_create("Interest Topic"))
			list.page.add_inner_button(__("Make topics from item groups"), () => choose_groups(list));
	},
};

async function choose_groups(list) {
	const { message: groups } = await frappe.call("customer_tiering.tiering.interest_api.groups_without_topic");
	if (!groups.length) {
		frappe.msgprint(__("Every item group that holds items has its topic already."));
		return;
	}
	const dialog = new frappe.ui.Dialog({
		title: __("Make topics from item groups"),
		fields: [
			{
				fieldname: "groups",
				fieldtype: "MultiCheck",
				label: __("Item Groups with Items"),
				columns: 2,
				select_all: true,
				options: groups.map((group) => ({
					label: `${__(group.name)} (${group.items})`,
					value: group.name,
					checked: 1,
				})),
			},
		],
		primary_action_label: __("Make Topics"),
		async primary_action({ groups }) {
			if (!groups.length) return;
			dialog.hide();
			const { message } = await frappe.call({
				method: "customer_tiering.tiering.interest_api.make_topics",
				args: { groups: JSON.stringify(groups) },
				freeze: true,
			});
			frappe.show_alert({ message: __("{0} topics made", [message.length]), indicator: "green" });
			list.refresh();
		},
	});
	dialog.show();
}
