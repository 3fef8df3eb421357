"""Something that has to wait."""

from datetime import datetime


class Deferral(Exception):
	"""Why a message can't go now, and when it makes sense to try again (None: the next time)."""

	def __init__(self, reason: str, until: datetime | None = None) -> None:
		super().__init__(reason)
		self.until = until
