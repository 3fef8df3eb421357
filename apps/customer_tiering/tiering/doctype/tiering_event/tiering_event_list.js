// The rows' own names say nothing: the customer is the title.
const EVENT_VALUES = { Tier: "Customer Tier", Stage: "Lifecycle Stage", Segment: "RFM Segment" };
const event_value = (value, field, event) =>
	value ? frappe.utils.escape_html(__(value, null, EVENT_VALUES[event.decision])) : "";

frappe.listview_settings["Tiering Event"] = {
	hide_name_column: true,
	add_fields: ["decision"],
	formatters: { old_value: event_value, new_value: event_value },
};
