from frappe.model.document import Document


class TieringCompany(Document):
	pass
