frappe.query_reports["Customer Ranking"] = {
	filters: [
		{
			fieldname: "from_date",
			label: __("From Date"),
			fieldtype: "Date",
			default: frappe.datetime.month_start(),
			reqd: 1,
		},
		{
			fieldname: "to_date",
			label: __("To Date"),
			fieldtype: "Date",
			default: frappe.datetime.get_today(),
			reqd: 1,
		},
		{ fieldname: "best", label: __("Best"), fieldtype: "Int", default: 10 },
		{ fieldname: "company", label: __("Company"), fieldtype: "Link", options: "Company" },
		{ fieldname: "territory", label: __("Territory"), fieldtype: "Link", options: "Territory" },
		{
			fieldname: "customer_group",
			label: __("Customer Group"),
			fieldtype: "Link",
			options: "Customer Group",
		},
	],

	formatter(value, row, column, data, default_formatter) {
		if (!data || value === null || value === undefined) return "";
		if (column.fieldname === "customer") {
			const name = frappe.utils.escape_html(data.customer_name);
			return frappe.utils.get_form_link("Customer", data.customer, true, name);
		}
		if (column.fieldname === "tier" && value) {
			return `<span class="indicator ${frappe.utils.escape_html(data.colour)}">${frappe.utils.escape_html(
				__(value, null, "Customer Tier")
			)}</span>`;
		}
		return default_formatter(value, row, column, data);
	},
};
