"""When a message may go out: by weekday and hour on the clock of whoever gets it."""

from dataclasses import dataclass
from datetime import datetime, time, timedelta, timezone
from zoneinfo import ZoneInfo

ALL_DAYS = frozenset(range(7))


@dataclass(frozen=True)
class SendWindow:
	"""Weekdays (0 is Monday) and the hours from `start` up to, not including, `end` (24 is midnight)."""

	days: frozenset[int] = ALL_DAYS
	start: int = 0
	end: int = 24

	def __post_init__(self) -> None:
		if not self.days or not self.days <= ALL_DAYS or not 0 <= self.start < self.end <= 24:
			raise ValueError(f"not a send window: {self}")

	def opens(self, moment: datetime, zone: ZoneInfo) -> datetime:
		"""The first moment at or after `moment` (with a time zone) at which it is open there; `moment` itself if it is now.

		Goes by the clock on the wall: where clocks are put forward over the opening hour, it opens when they have been.
		"""
		local = moment.astimezone(zone)
		if local.weekday() in self.days and self.start <= local.hour < self.end:
			return moment
		for days in range(9):
			day = local.date() + timedelta(days=days)
			opening = datetime.combine(day, time(self.start), zone).astimezone(timezone.utc)
			if day.weekday() in self.days and opening > moment.astimezone(
				timezone.utc
			):  # of one zone, the wall clocks are compared
				return opening.astimezone(moment.tzinfo)
		raise AssertionError("a week without an open day")
