// What a manager wants to know of a rule: when it asks whom, and how much of it is still to be done.
frappe.listview_settings["Follow Up Rule"] = {
	add_fields: ["assign_to", "signal", "every", "every_unit", "key_date", "days_ahead", "top_customers", "user", "role", "last_problem"],
	get_indicator: (doc) =>
		doc.enabled && doc.last_problem
			? [__("Broken"), "red", "enabled,=,1|last_problem,is,set"]
			: doc.enabled ? [__("Enabled"), "green", "enabled,=,1"] : [__("Disabled"), "gray", "enabled,=,0"],
	formatters: {
		trigger: (_value, _field, doc) => in_cell(is_wide() ? when(doc) : `${when(doc)} · ${who(doc)}`),
		assign_to: (_value, _field, doc) => in_cell(who(doc)),
	},
	button: {
		show: () => true,
		get_label: () => "…",
		get_description: () => __("Open Follow-Ups"),
		// managers may not list the ToDos of others: the report shows them
		action: (doc) =>
			frappe.user.has_role(["Sales Manager", "Tiering Manager", "System Manager"])
				? frappe.set_route("query-report", "Follow-ups by Rep", { rule: doc.name })
				: frappe.set_route("List", "ToDo", { follow_up_rule: doc.name, status: "Open" }),
	},
	async refresh(list) {
		if (await customer_tiering.load_names(list.data.map((doc) => doc.assign_to === "User" && doc.user))) list.render_list();
		const { message: open } = await frappe.call("customer_tiering.follow_up.api.open_follow_ups_by_rule");
		list.$result.find(".btn-action").each((_, button) => {
			const number = open[decodeURIComponent($(button).data("name"))] || 0;
			$(button).text(__("{0} open", [number])).toggleClass("text-muted", !number);
		});
	},
};

// Below that, lists have room for one column.
const is_wide = () => window.innerWidth > 1366;

const in_cell = (text) =>
	`<span class="ellipsis" title="${frappe.utils.escape_html(text)}">${frappe.utils.escape_html(text)}</span>`;

function when(doc) {
	if (doc.trigger === "Cadence")
		return doc.every === 1
			? { Days: __("Every day"), Weeks: __("Every week"), Months: __("Every month") }[doc.every_unit]
			: {
					Days: __("Every {0} days", [doc.every]),
					Weeks: __("Every {0} weeks", [doc.every]),
					Months: __("Every {0} months", [doc.every]),
			  }[doc.every_unit];
	if (doc.trigger === "Key Date") return __("{0}, {1} days ahead", [__(doc.key_date), doc.days_ahead || 0]);
	if (doc.trigger === "Top of the Month") return __("Top {0} of the month", [doc.top_customers]);
	return __(doc.signal);
}

function who(doc) {
	if (doc.assign_to === "User") return frappe.user_info(doc.user).fullname;
	if (doc.assign_to === "Role in Turn") return __("{0} in turn", [__(doc.role)]);
	return __(doc.assign_to);
}
