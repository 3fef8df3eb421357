"""Cards and reports that list sleeping customers filter by the names of stages; these names are the administrator's."""

import json

import frappe

# Where such a filter stands: DocType, name, field.
PLACES = (
	("Number Card", "Dormant Customers", "filters_json"),
	("Report", "Dormant Large Customers", "json"),
)


def follow_stages(doc: "frappe.Document | None" = None, method: str | None = None, *names: object) -> None:
	"""Filter by all stages that mean Dormant now: after one was saved, renamed or deleted, and after an update."""
	if frappe.flags.in_install:
		return
	dormant = frappe.get_all("Lifecycle Stage", {"meaning": "Dormant"}, pluck="name", order_by="position")
	for doctype, name, field in PLACES:
		stored = frappe.db.get_value(doctype, name, field)
		if not stored:
			continue
		values = json.loads(stored)
		for each in values if isinstance(values, list) else values["filters"]:
			if each[1] == "lifecycle_stage":
				each[2:4] = ["in", dormant]
		if json.dumps(values) != stored:
			frappe.db.set_value(doctype, name, field, json.dumps(values), update_modified=False)
			frappe.clear_document_cache(doctype, name)
