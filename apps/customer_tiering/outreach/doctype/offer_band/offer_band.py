from frappe.model.document import Document


class OfferBand(Document):
	pass
