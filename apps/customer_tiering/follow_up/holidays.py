"""Due dates by the Holiday List of a rule or its company."""

from collections.abc import Container
from datetime import date, timedelta
from functools import cache

import frappe

from customer_tiering.engine.working_days import due_date
from customer_tiering.tiering.holiday_lists import days_off, list_of


class DueDates:
	"""Due dates of rules, counted from a day; each rule's holidays are read once."""

	def __init__(self, day: date) -> None:
		self.of = cache(lambda rule: due_date(day, rule.due_in_days or 0, _holidays(rule)))


def is_day_off(day: date, rule: str | None) -> bool:
	"""By the holidays of a rule, or of the site's company where there is none (any more)."""
	return day in _holidays(_rule(rule))


def working_days_ahead(day: date, days: int, rule: str | None) -> date:
	"""By the holidays of a rule, or of the site's company where there is none (any more)."""
	return due_date(day, days, _holidays(_rule(rule)))


def last_day_before_work(day: date, rule: str | None) -> date:
	"""The day itself, or the last one of the days off that follow it."""
	return due_date(day + timedelta(days=1), 0, _holidays(_rule(rule))) - timedelta(days=1)


def _rule(name: str | None) -> "frappe.Document | frappe._dict":
	there = name and frappe.db.exists("Follow Up Rule", name)
	return frappe.get_doc("Follow Up Rule", name) if there else frappe._dict()


def _holidays(rule: "frappe.Document | frappe._dict") -> Container[date]:
	chosen = list_of(rule)
	return days_off(chosen) if chosen else frozenset()
