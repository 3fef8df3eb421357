from frappe.model.document import Document


class FeedbackReason(Document):
	"""A reason that customers may choose from when they are asked."""
