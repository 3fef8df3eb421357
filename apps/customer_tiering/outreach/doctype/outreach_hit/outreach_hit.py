from frappe.model.document import Document


class OutreachHit(Document):
	"""One request for a picture or link of a mail, as it came in; `outreach.hits` writes it and says whose it was."""
