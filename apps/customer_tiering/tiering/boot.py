"""What the Desk has to know before it asks: the currency of figures that stand in other DocTypes' records."""

import frappe


def add_reporting_currency(bootinfo: frappe._dict) -> None:
	"""As a document of the page's, where the framework looks a Currency field's currency up whose options are those of ours:
	`Tiering Settings:tiering_settings:reporting_currency`, no record having a field of the name in the middle."""
	currency = frappe.db.get_single_value("Tiering Settings", "reporting_currency")
	name = "Tiering Settings"
	bootinfo.docs.append({"doctype": f":{name}", "name": name, "reporting_currency": currency})
