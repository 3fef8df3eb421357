frappe.provide("customer_tiering");

// Reasons are kept in English (follow_up/reasons.py); of a rep who is full, the name is told.
customer_tiering.reason_in_words = (reason, user) =>
	reason === "The rep has as many as fit in a day." && user
		? __("{0} has as many as fit in a day.", [frappe.user_info(user).fullname])
		: __(reason || "");

// Resolves to whether names came that weren't there before.
customer_tiering.load_names = async function (users) {
	const unknown = [...new Set(users.filter(Boolean))].filter((user) => !frappe.boot.user_info[user]);
	if (!unknown.length) return false;
	const method = "frappe.desk.form.load.get_user_info_for_viewers";
	frappe.update_user_info((await frappe.call(method, { users: JSON.stringify(unknown) })).message);
	return true;
};

frappe.listview_settings["Follow Up"] = {
	add_fields: ["user"],
	get_indicator(doc) {
		const colours = { Waiting: "orange", "Handed Out": "green", Withdrawn: "gray" };
		return [__(doc.status, null, "Follow Up"), colours[doc.status], `status,=,${doc.status}`];
	},
	formatters: {
		reason: (reason, _field, doc) => frappe.utils.escape_html(customer_tiering.reason_in_words(reason, doc.user)),
	},
	async refresh(list) {
		if (await customer_tiering.load_names(list.data.map((doc) => doc.user))) list.render_list();
	},
};
