from frappe.model.document import Document


class TieringRuleChange(Document):
	"""What somebody changed in one act, kept so that it can be undone; written by rule_changes alone."""
