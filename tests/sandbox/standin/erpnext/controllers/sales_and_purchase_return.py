import frappe
from erpnext.controllers.sales import copy_items
from frappe.model.document import Document


def make_return_doc(
	doctype: str,
	source_name: str,
	target_doc: str | None = None,
	return_against_rejected_qty: bool = False,
) -> Document:
	"""A return of the whole document, not inserted yet."""
	source = frappe.get_doc(doctype, source_name)
	source.check_permission("read")
	target = frappe.new_doc(doctype)
	target.update({"is_return": 1, "return_against": source.name})
	return copy_items(source, target, {f"{frappe.scrub(doctype)}_item": "name"}, sign=-1)
