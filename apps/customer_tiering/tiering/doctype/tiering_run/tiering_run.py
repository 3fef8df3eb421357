from frappe.model.document import Document


class TieringRun(Document):
	pass
