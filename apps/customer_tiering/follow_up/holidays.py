"""Due dates by the Holiday List of a rule or its company."""

from datetime import date
from functools import cache

import frappe

from customer_tiering.engine.working_days import due_date


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


def _rule(name: str | None) -> "frappe.Document | frappe._dict":
	there = name and frappe.db.exists("Follow Up Rule", name)
	return frappe.get_doc("Follow Up Rule", name) if there else frappe._dict()


def list_of(rule: "frappe.Document | frappe._dict") -> str | None:
	"""The rule's Holiday List, else that of its company or the site's."""
	company = rule.audience_company or frappe.defaults.get_global_default("company")
	return rule.holiday_list or (company and frappe.db.get_value("Company", company, "default_holiday_list"))


def _holidays(rule: "frappe.Document | frappe._dict") -> frozenset[date]:
	chosen = list_of(rule)
	if not chosen:
		return frozenset()
	days = frappe.get_all(
		"Holiday", filters={"parent": chosen, "parenttype": "Holiday List"}, pluck="holiday_date"
	)
	return frozenset(days)
