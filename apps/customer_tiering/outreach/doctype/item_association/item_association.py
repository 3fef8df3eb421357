from frappe.model.document import Document


class ItemAssociation(Document):
	pass
