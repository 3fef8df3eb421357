from frappe.model.document import Document


class FollowUpRule(Document):
	pass
