from frappe.model.document import Document


class RFMSegment(Document):
	pass
