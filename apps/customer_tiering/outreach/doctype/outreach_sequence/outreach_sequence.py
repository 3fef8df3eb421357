from frappe.model.document import Document


class OutreachSequence(Document):
	pass
