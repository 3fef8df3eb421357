from frappe.model.document import Document


class OutreachTouch(Document):
	pass
