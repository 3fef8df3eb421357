from frappe.model.document import Document


class FollowUpCapacity(Document):
	pass
