"""Records of one kind that are judged together: a tier's band ends where the next one's begins."""

import frappe
from frappe.model.document import Document


def others(doc: Document) -> list[Document | frappe._dict]:
	"""The records of the same kind besides this one: those that it is to be saved together with, else what is stored."""
	if doc.flags.together is not None:
		return [each for each in doc.flags.together if each is not doc]
	return frappe.get_all(doc.doctype, filters={"name": ("!=", doc.name)}, fields=["*"])
