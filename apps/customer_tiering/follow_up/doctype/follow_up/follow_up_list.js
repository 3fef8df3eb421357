frappe.listview_settings["Follow Up"] = {
	get_indicator(doc) {
		const colours = { Waiting: "orange", "Handed Out": "green", Withdrawn: "gray" };
		return [__(doc.status, null, "Follow Up"), colours[doc.status], `status,=,${doc.status}`];
	},
};
