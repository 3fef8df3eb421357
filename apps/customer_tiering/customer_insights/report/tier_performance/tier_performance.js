frappe.query_reports["Tier Performance"] = {
	filters: [
		{
			fieldname: "from_date",
			label: __("From Date"),
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
			label: __("To Date"),
			fieldtype: "Date",
			default: frappe.datetime.get_today(),
			reqd: 1,
		},
		{ fieldname: "company", label: __("Company"), fieldtype: "Link", options: "Company" },
		{ fieldname: "territory", label: __("Territory"), fieldtype: "Link", options: "Territory" },
		{
			fieldname: "customer_group",
			label: __("Customer Group"),
			fieldtype: "Link",
			options: "Customer Group",
		},
		{ fieldname: "show_customers", label: __("Show Customers"), fieldtype: "Check" },
	],
	initial_depth: 0,

	formatter(value, row, column, data, default_formatter) {
		if (!data) return default_formatter(value, row, column, data);
		if (value === null || value === undefined) return "";
		const report = frappe.query_reports["Tier Performance"];
		const text =
			column.fieldname === "title"
				? frappe.utils.escape_html(value)
				: default_formatter(value, row, column, data);
		if (data.is_total) return `<b>${text}</b>`;
		if (column.fieldname === "title") return report.name_link(text, data);
		if (column.fieldname === "customers" && !data.customer && value) {
			return `<a href="${report.customers_of(data)}">${text}</a>`;
		}
		if (column.fieldname === "revenue" && data.customer && frappe.model.can_read("Sales Invoice")) {
			return `<a href="${report.invoices_of(data)}">${text}</a>`;
		}
		return text;
	},

	name_link(text, data) {
		if (data.customer) return frappe.utils.get_form_link("Customer", data.customer, true, text);
		const colour = frappe.utils.escape_html(data.colour);
		return `<span class="indicator ${colour}"><a href="${this.customers_of(data)}">${text}</a></span>`;
	},

	// The customers that the row counts, as a list.
	customers_of(data) {
		const filters = frappe.query_report.get_filter_values();
		const below = (name) => JSON.stringify(["descendants of (inclusive)", name]);
		return frappe.utils.generate_route({
			type: "doctype",
			name: "Customer",
			route_options: {
				customer_tier: data.tier || JSON.stringify(["is", "not set"]),
				disabled: 0,
				is_internal_customer: 0,
				...(filters.territory && { territory: below(filters.territory) }),
				...(filters.customer_group && { customer_group: below(filters.customer_group) }),
			},
		});
	},

	// The documents that a customer's revenue is the sum of, as a list.
	invoices_of(data) {
		const { from_date, to_date, company } = frappe.query_report.get_filter_values();
		return frappe.utils.generate_route({
			type: "doctype",
			name: "Sales Invoice",
			route_options: {
				customer: data.customer,
				posting_date: JSON.stringify(["between", [from_date, to_date]]),
				docstatus: 1,
				is_opening: "No",
				...(company && { company }),
			},
		});
	},
};
