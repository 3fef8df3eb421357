"""What the framework's timespans ("last month", "next 7 days") mean on a given day; its own function knows today alone."""

from collections.abc import Callable
from datetime import date

from frappe import _, throw
from frappe.utils import (
	add_days,
	add_months,
	escape_html,
	get_first_day,
	get_first_day_of_week,
	get_last_day,
	get_last_day_of_week,
	get_quarter_ending,
	get_quarter_start,
	get_year_ending,
	get_year_start,
	getdate,
)

STEP = {"last": -1, "this": 0, "next": 1}
NEAR = {"yesterday": -1, "today": 0, "tomorrow": 1}
MONTHS = {"month": 1, "quarter": 3, "year": 12}
ENDS: dict[str, tuple[Callable, Callable]] = {
	"week": (get_first_day_of_week, get_last_day_of_week),
	"month": (get_first_day, get_last_day),
	"quarter": (get_quarter_start, get_quarter_ending),
	"year": (get_year_start, get_year_ending),
}


def days_of(timespan: object, day: date) -> tuple[date, date]:
	"""The first and the last day of a timespan seen from `day`. Raises ValidationError for an unknown one."""
	try:
		first, last = _days_of(str(timespan).lower().split(), day)
	except (KeyError, ValueError):
		throw(_("{0} is no timespan").format(escape_html(str(timespan)[:140])))
	return getdate(first), getdate(last)


def _days_of(words: list[str], day: date) -> tuple[date, date]:
	if len(words) == 1:
		near = add_days(day, NEAR[words[0]])
		return near, near
	if len(words) == 3 and words[2] == "days":
		other = add_days(day, STEP[words[0]] * int(words[1]))
		return min(day, other), max(day, other)
	if words[1:] == [
		"6",
		"months",
	]:  # as the framework has it: the two whole quarters before, or after, this one
		near, far = sorted((add_months(day, STEP[words[0]] * 3), add_months(day, STEP[words[0]] * 6)))
		return get_quarter_start(near), get_quarter_ending(far)
	which, unit = words
	first, last = ENDS[unit]
	step = STEP[which]
	inside = add_days(day, 7 * step) if unit == "week" else add_months(day, MONTHS[unit] * step)
	return first(inside), last(inside)
