from frappe.model.document import Document


class LifecycleStage(Document):
	pass
