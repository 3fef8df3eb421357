from frappe.model.document import Document


class OutreachEnrollment(Document):
	pass
