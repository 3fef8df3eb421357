frappe.query_reports["Follow-ups by Rep"] = {
	tree: true,
	name_field: "rep",
	initial_depth: 0,
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
		{ fieldname: "rep", label: __("Rep"), fieldtype: "Link", options: "User" },
		{ fieldname: "rule", label: __("Follow-Up Rule"), fieldtype: "Link", options: "Follow Up Rule" },
	],
	onload(report) {
		report.page.main.on("click", "[data-hand-over]", async (e) => {
			e.preventDefault();
			const { handOver: user, at } = e.currentTarget.dataset;
			await frappe.require("/assets/customer_tiering/js/follow_up.js");
			const done = () => report.refresh();
			if (at) customer_tiering.take_back(user, at, done);
			else customer_tiering.hand_over(user, done);
		});
	},
	// Below a rep what is open and what waits; who may hands all of it over, and takes that back.
	formatter(value, row, column, data, standard) {
		if (["date", "state"].includes(column.fieldname) && data?.date && data.date < frappe.datetime.get_today())
			return `<span class="text-danger">${standard(value, row, column, data)}</span>`;
		const escape = frappe.utils.escape_html;
		if (column.fieldname === "waiting" && value && data?.user)
			return `<a href="/app/follow-up?status=Waiting&user=${encodeURIComponent(data.user)}">${value}</a>`;
		if (column.fieldname === "rule" && value) return `<a href="${frappe.utils.get_form_link("Follow Up Rule", value)}">${escape(value)}</a>`;
		if (column.fieldname === "customer_name" && data?.indent === 0) return hand_over_buttons(data);
		if (column.fieldname === "customer_name" && data?.customer)
			return `<a href="${frappe.utils.get_form_link("Customer", data.customer)}">${escape(value || data.customer)}</a>`;
		if (column.fieldname !== "rep" || !data || data.indent) return standard(value, row, column, data);
		return `<b>${escape(value)}</b>`;
	},
};

// Where a rep's row has no customer.
function hand_over_buttons({ user, open, waiting, undo_at, undo_number }) {
	if (!frappe.user.has_role(["Tiering Manager", "System Manager"])) return "";
	const button = (label, at) =>
		`<button class="btn btn-xs btn-default" style="margin-right: 8px; padding: 0 6px; line-height: 1.5; vertical-align: 1px"
			data-hand-over="${frappe.utils.escape_html(user)}" data-at="${at || ""}">${label}</button>`;
	return (open || waiting ? button(__("Hand Over")) : "") + (undo_at ? button(__("Undo Hand-Over of {0}", [undo_number]), undo_at) : "");
}
