from frappe.model.document import Document


class InterestSource(Document):
	pass
