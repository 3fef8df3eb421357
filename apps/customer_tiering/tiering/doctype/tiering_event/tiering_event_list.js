// The rows' own names say nothing: the customer is the title.
frappe.listview_settings["Tiering Event"] = { hide_name_column: true };
