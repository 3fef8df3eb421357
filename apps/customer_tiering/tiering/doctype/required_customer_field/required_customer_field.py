from frappe.model.document import Document


class RequiredCustomerField(Document):
	pass
