// The number of the record says less than the reason, for which there is room without it. The score is there on a phone, too.
frappe.listview_settings["Customer Feedback"] = {
	hide_name_column: true,
	add_fields: ["score"],
	get_indicator({ score }) {
		if (!score) return [__("No Score"), "gray", "score,is,not set"];
		const colour = score >= 9 ? "green" : score >= 7 ? "yellow" : "red";
		return [__("{0} of 10", [score]), colour, `score,=,${score}`];
	},
};
