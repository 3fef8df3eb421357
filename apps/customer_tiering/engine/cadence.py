"""When a regular follow-up comes round for each customer: on days that are spread over the period, the same in every run.

A customer's place in the period follows from a hash of rule and customer, so that neither a new rule nor a changed
audience asks for everybody on one day. Periods are numbered; the number belongs to the follow-up's key.
"""

from collections.abc import Iterable
from datetime import date
from zlib import crc32

LENGTHS = {"Days": 1, "Weeks": 7}
# Each month has this many days, whatever month it is.
DAYS_OF_MONTH = 28


def periods_begun(
	names: Iterable[str], rule: str, every: int, unit: str, after: date, until: date
) -> dict[str, int]:
	"""The number of the latest period of each customer that began after `after` and not after `until`; others are left out.

	`unit`: Days, Weeks or Months, `every` so many of them a period.
	"""
	if unit == "Months":
		first, last = _months(after), _months(until)
		length = every * DAYS_OF_MONTH
	else:
		first, last = after.toordinal(), until.toordinal()
		length = every * LENGTHS[unit]
	begun = {}
	for name in names:
		place = crc32(f"{rule}|{name}".encode()) % length
		number = (last - place) // length
		if number > (first - place) // length:
			begun[name] = number
	return begun


def _months(day: date) -> int:
	"""Days since year 0 in a calendar whose months all end with the 28th; the days after it are no days of their own."""
	return (12 * day.year + day.month - 1) * DAYS_OF_MONTH + min(day.day, DAYS_OF_MONTH) - 1
