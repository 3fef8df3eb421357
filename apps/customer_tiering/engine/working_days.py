"""Due dates in working days."""

from collections.abc import Collection
from datetime import date, timedelta

# A list of holidays that never ends must not keep a job for ever.
FURTHEST = 3660


def due_date(day: date, working_days: int, holidays: Collection[date]) -> date:
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
