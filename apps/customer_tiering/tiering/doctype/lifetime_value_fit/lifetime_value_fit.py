from frappe.model.document import Document


class LifetimeValueFit(Document):
	pass
