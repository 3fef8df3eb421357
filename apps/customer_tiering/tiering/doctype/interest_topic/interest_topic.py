from frappe.model.document import Document


class InterestTopic(Document):
	pass
