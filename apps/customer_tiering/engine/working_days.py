"""Due dates in working days."""

from collections import Counter
from collections.abc import Collection, Container
from dataclasses import dataclass
from datetime import date, timedelta

# A list of holidays that never ends must not keep a job for ever.
FURTHEST = 3660


@dataclass(frozen=True)
class DaysOff:
	"""A list of days off from its first to its last day; before and after it, only weekdays (0 is Monday) are known."""

	listed: frozenset[date]
	first: date
	last: date
	weekly: frozenset[int]

	def __contains__(self, day: object) -> bool:
		if not isinstance(day, date):
			return False
		return day in self.listed if self.first <= day <= self.last else day.weekday() in self.weekly


def weekly_days_off(marked: Collection[date], first: date, last: date) -> frozenset[int]:
	"""The weekdays (0 is Monday) that are marked more often than not from the first to the last day: every other Saturday is none."""
	there = Counter((first + timedelta(days=number)).weekday() for number in range((last - first).days + 1))
	off = Counter(day.weekday() for day in marked if first <= day <= last)
	return frozenset(weekday for weekday, number in off.items() if 2 * number > there[weekday])


def due_date(day: date, working_days: int, holidays: Container[date]) -> date:
	"""The day on which something is due that has so many working days from `day`.

	0 is the day itself, or the first working day after it. Days that are no holidays are working days.
	"""
	due, left = day, working_days
	for _day in range(FURTHEST):
		if left <= 0 and due not in holidays:
			return due
		due += timedelta(days=1)
		if due not in holidays:
			left -= 1
	return day + timedelta(days=working_days)
