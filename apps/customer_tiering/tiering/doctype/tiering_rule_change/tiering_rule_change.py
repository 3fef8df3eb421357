from customer_tiering.tiering.kept import KeptRecord


class TieringRuleChange(KeptRecord):
	"""What somebody changed in one act, kept so that it can be undone; written by rule_changes alone."""
