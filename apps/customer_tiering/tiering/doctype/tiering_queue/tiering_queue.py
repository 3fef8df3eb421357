from frappe.model.document import Document


class TieringQueue(Document):
	"""Customers whose decision may have changed: rows are added by what happens, and taken away by runs."""
