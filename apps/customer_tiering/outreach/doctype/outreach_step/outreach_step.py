from frappe.model.document import Document


class OutreachStep(Document):
	pass
