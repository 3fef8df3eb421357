// The number says less than the reason, for which there is room without it.
frappe.listview_settings["Customer Feedback"] = { hide_name_column: true };
