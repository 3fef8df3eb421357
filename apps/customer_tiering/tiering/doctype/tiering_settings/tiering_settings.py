from frappe.model.document import Document


class TieringSettings(Document):
	pass
