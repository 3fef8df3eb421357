from customer_tiering.tiering.kept import KeptRecord


class TieringRun(KeptRecord):
	"""What a run decided by, and what came of it; written by recompute alone."""
