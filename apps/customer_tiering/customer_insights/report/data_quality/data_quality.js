frappe.query_reports["Data Quality"] = {
	filters: [
		{
			fieldname: "problem",
			label: __("Problem"),
			fieldtype: "Select",
			options: [
				{ value: "", label: __("All Problems") },
				{ value: "No Address", label: __("No Address to Write To") },
				{ value: "Bounced", label: __("Address Bounced") },
				{ value: "No Owner", label: __("No Owner") },
				{ value: "Owner Left", label: __("Owner Disabled") },
				{ value: "Duplicate Contacts", label: __("Same E-Mail on Several Customers") },
				{ value: "Duplicate Customers", label: __("Possible Duplicate Customers") },
				{ value: "Missing Rates", label: __("Missing Exchange Rates") },
				{ value: "Future Documents", label: __("Documents Dated in the Future") },
				{ value: "Too Large", label: __("Figures Too Large") },
				{ value: "Negative Total", label: __("Negative Total in the Window") },
				{ value: "No Industry", label: __("No Industry") },
				{ value: "No Buying Role", label: __("No Buying Role") },
				{ value: "No Key Dates", label: __("No Key Dates") },
			],
		},
	],

	formatter(value, row, column, data, default_formatter) {
		if (!data) return default_formatter(value, row, column, data);
		const report = frappe.query_reports["Data Quality"];
		const escape = frappe.utils.escape_html;
		const link = (address, text) => `<a class="underline" href="${escape(address)}">${escape(text)}</a>`;
		if (data.problem) {
			const behind = `/${report.desk()}/query-report/Data%20Quality?problem=${encodeURIComponent(data.problem)}`;
			if (column.fieldname === "label" && data.customers) return link(behind, value);
			if (column.fieldname === "why") {
				return `<span title="${escape(value)}" class="text-muted">${escape(value)}</span>`;
			}
			if (column.fieldname === "customers") {
				const colour = value ? "red" : "green";
				return `<span class="indicator ${colour} align-top">${default_formatter(value, row, column, data)}</span>`;
			}
			if (column.fieldname === "mend" && data.customers) {
				return value ? link(report.here(value), __("Open the list")) : link(behind, __("Show customers"));
			}
			return value === null || value === undefined ? "" : default_formatter(value, row, column, data);
		}
		if (column.fieldname === "customer") {
			return frappe.utils.get_form_link("Customer", data.customer, true, escape(data.customer_name));
		}
		if (column.fieldname === "mend") return value ? link(report.here(value), __("Mend It")) : "";
		return default_formatter(value, row, column, data);
	},

	// Of a dozen problems nobody needs the number of the row, for whose second digit there is no room.
	get_datatable_options(options) {
		return { ...options, serialNoColumn: false };
	},

	// The framework takes the first column for the row's number, which has a padding of its own.
	after_datatable_render(datatable) {
		for (const cell of [".dt-cell__content--header-", ".dt-cell__content--col-"]) {
			const { padding } = getComputedStyle(datatable.wrapper.querySelector(`${cell}1`));
			datatable.style.setStyle(`.dt-row .dt-cell ${cell}0`, { padding });
		}
	},

	// The same page under the address by which the user reached the Desk.
	here(address) {
		const url = new URL(address, window.location.origin);
		return url.pathname + url.search + url.hash;
	},

	desk() {
		return window.location.pathname.split("/")[1];
	},
};
