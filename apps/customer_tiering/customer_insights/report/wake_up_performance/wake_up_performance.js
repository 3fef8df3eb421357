frappe.query_reports["Wake-up Performance"] = {
	filters: [
		{
			fieldname: "from_date",
			label: __("Entered from"),
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
			label: __("Entered until"),
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
				{ value: "Month of Entry", label: __("Month of Entry") },
				{ value: "Tier", label: __("Tier") },
				{ value: "Enrollment", label: __("Enrollment") },
			],
			default: "Sequence",
			reqd: 1,
		},
		{ fieldname: "company", label: __("Orders of Company"), fieldtype: "Link", options: "Company" },
		{
			fieldname: "order_days",
			label: __("Days after the Last Mail"),
			fieldtype: "Int",
			default: 30,
		},
	],

	formatter(value, row, column, data, default_formatter) {
		if (!data) return default_formatter(value, row, column, data);
		if (value === null || value === undefined) return "";
		const report = frappe.query_reports["Wake-up Performance"];
		const text =
			column.fieldtype === "Data"
				? frappe.utils.escape_html(value)
				: default_formatter(value, row, column, data);
		if (data.is_total) return `<b>${text}</b>`;
		const link = value && report.link_of(column.fieldname, data);
		return link ? `<a href="${link}">${text}</a>` : text;
	},

	// What a cell counts: its document, or the list of the enrollments or touches.
	link_of(fieldname, data) {
		const form = (doctype, name) => frappe.utils.get_form_link(doctype, name);
		const group_by = frappe.query_report.get_filter_value("group_by");
		if (group_by === "Enrollment") {
			if (fieldname === "label") return form("Outreach Enrollment", data.group);
			if (fieldname === "customer") return form("Customer", data.customer);
			if (fieldname === "invoice" && frappe.model.can_read("Sales Invoice")) {
				return form("Sales Invoice", data.invoice);
			}
			return null;
		}
		if (group_by === "Sequence" && fieldname === "label") {
			return form("Outreach Sequence", data.group);
		}
		const more = {
			entered: {},
			active: { status: "Active" },
			unsubscribed: { exit_reason: "Unsubscribed" },
		}[fieldname];
		const between = this.entered_between(group_by, data);
		if (!more || !between) return null;
		const sequence =
			group_by === "Sequence"
				? data.group
				: frappe.query_report.get_filter_value("sequence");
		return frappe.utils.generate_route({
			type: "doctype",
			name: "Outreach Enrollment",
			route_options: {
				entered_on: JSON.stringify(["between", between]),
				...(sequence && { sequence }),
				...more,
			},
		});
	},

	entered_between(group_by, data) {
		const { from_date, to_date } = frappe.query_report.get_filter_values();
		if (group_by === "Sequence") return [from_date, to_date];
		if (group_by !== "Month of Entry") return null;
		const month_end = moment(data.group).endOf("month").format("YYYY-MM-DD");
		return [
			data.group > from_date ? data.group : from_date,
			month_end < to_date ? month_end : to_date,
		];
	},
};
