from frappe.model.document import Document


class FollowUpSignal(Document):
	pass
