"""Due dates by the Holiday List of a rule or its company."""

from datetime import date
from functools import cache

import frappe

from customer_tiering.engine.working_days import due_date


class DueDates:
	"""Due dates of rules, counted from a day; each rule's holidays are read once."""

	def __init__(self, day: date) -> None:
		self.of = cache(lambda rule: due_date(day, rule.due_in_days or 0, _holidays(rule)))


def _holidays(rule: "frappe.Document") -> frozenset[date]:
	company = rule.audience_company or frappe.defaults.get_global_default("company")
	chosen = rule.holiday_list or (
		company and frappe.db.get_value("Company", company, "default_holiday_list")
	)
	if not chosen:
		return frozenset()
	days = frappe.get_all(
		"Holiday", filters={"parent": chosen, "parenttype": "Holiday List"}, pluck="holiday_date"
	)
	return frozenset(days)
