frappe.query_reports["Outreach Results"] = {
	filters: [
		{
			fieldname: "from_date",
			label: __("Sent from"),
			fieldtype: "Date",
			// as the tiering's window begins, also around 29 February
			default: [
				frappe.datetime.add_days(frappe.datetime.add_months(frappe.datetime.get_today(), -12), 1),
				frappe.datetime.add_months(frappe.datetime.add_days(frappe.datetime.get_today(), 1), -12),
			].sort()[1],
			reqd: 1,
		},
		{
			fieldname: "to_date",
			label: __("Sent until"),
			fieldtype: "Date",
			default: frappe.datetime.get_today(),
			reqd: 1,
		},
		{
			fieldname: "sequence",
			label: __("Sequence"),
			fieldtype: "Link",
			options: "Outreach Sequence",
		},
		{
			fieldname: "group_by",
			label: __("Group By"),
			fieldtype: "Select",
			options: [
				{ value: "Sequence", label: __("Sequence") },
				{ value: "Step", label: __("Step", null, "Outreach Results") },
				{ value: "Variant", label: __("Variant") },
				{ value: "Email Template", label: __("Email Template") },
				{ value: "Campaign", label: __("Campaign") },
			],
			default: "Sequence",
			reqd: 1,
		},
		{ fieldname: "company", label: __("Orders of Company"), fieldtype: "Link", options: "Company" },
		// empty: as Tiering Settings say
		{ fieldname: "order_days", label: __("Days until a Reorder"), fieldtype: "Int" },
	],

	formatter(value, row, column, data, default_formatter) {
		if (!data) return default_formatter(value, row, column, data);
		if (value === null || value === undefined) return "";
		const text =
			column.fieldtype === "Data"
				? frappe.utils.escape_html(value)
				: default_formatter(value, row, column, data);
		if (data.is_total) return `<b>${text}</b>`;
		const by_sequence = frappe.query_report.get_filter_value("group_by") === "Sequence";
		if (column.fieldname === "label" && by_sequence) {
			return `<a href="${frappe.utils.get_form_link("Outreach Sequence", data.sequence)}">${text}</a>`;
		}
		return text;
	},
};
