from frappe.model.document import Document


class TieringEvent(Document):
	pass
