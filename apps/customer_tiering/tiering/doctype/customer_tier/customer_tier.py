from frappe.model.document import Document


class CustomerTier(Document):
	pass
