// The number of the record says less than the reason and what was written, for which there is room without it. The score is there
// on a phone, too.
frappe.listview_settings["Customer Feedback"] = {
	hide_name_column: true,
	add_fields: ["score", "comment"],
	get_indicator({ score }) {
		if (!score) return [__("No Score"), "gray", "score,is,not set"];
		const colour = score >= 9 ? "green" : score >= 7 ? "yellow" : "red";
		return [__("{0} of 10", [score]), colour, `score,=,${score}`];
	},
	formatters: {
		reason(reason, _field, { comment }) {
			const said = [reason && __(reason, null, "Feedback Reason"), comment].filter(Boolean).join(" · ");
			return `<span class="ellipsis" title="${frappe.utils.escape_html(said)}">${frappe.utils.escape_html(said)}</span>`;
		},
	},
	refresh(list) {
		// the framework heads an indicator with Status
		const heads = list.$result.find(".list-row-head .list-row-col");
		heads.find("span").filter((_, head) => $(head).text().trim() === __("Status")).text(__("Score", null, "Customer Feedback"));
	},
};
