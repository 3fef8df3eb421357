from frappe.model.document import Document


class OutreachSuppression(Document):
	pass
