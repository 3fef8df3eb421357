frappe.provide("customer_tiering");

// Reasons are kept in English (follow_up/reasons.py); of a rep who is full, the name is told.
customer_tiering.reason_in_words = (reason, user) =>
	reason === "The rep has as many as fit in a day." && user
		? __("{0} has as many as fit in a day.", [frappe.user_info(user).fullname])
		: __(reason || "");

frappe.listview_settings["Follow Up"] = {
	hide_name_column: true,
	add_fields: ["user", "reason"],
	get_indicator(doc) {
		const colours = { Waiting: "orange", "Handed Out": "green", Withdrawn: "gray" };
		return [__(doc.status, null, "Follow Up"), colours[doc.status], `status,=,${doc.status}`];
	},
	formatters: {
		rule(rule, _field, doc) {
			const text = [customer_tiering.reason_in_words(doc.reason, doc.user), rule].filter(Boolean).join(" · ");
			return `<span class="ellipsis" title="${frappe.utils.escape_html(text)}">${frappe.utils.escape_html(text)}</span>`;
		},
	},
	async refresh(list) {
		if (await customer_tiering.load_names(list.data.map((doc) => doc.user))) list.render_list();
	},
};
