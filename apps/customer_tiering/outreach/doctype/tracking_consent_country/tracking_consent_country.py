from frappe.model.document import Document


class TrackingConsentCountry(Document):
	pass
