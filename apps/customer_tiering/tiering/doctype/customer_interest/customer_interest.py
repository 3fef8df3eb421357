from frappe.model.document import Document


class CustomerInterest(Document):
	pass
