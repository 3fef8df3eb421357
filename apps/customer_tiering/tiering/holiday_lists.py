"""Days off, by ERPNext's Holiday Lists."""

from datetime import date

import frappe

from customer_tiering.engine.working_days import DaysOff, weekly_days_off

WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


def list_of(rule: "frappe.Document | frappe._dict") -> str | None:
	"""The Holiday List of a follow-up rule, else that of its company or the site's."""
	company = rule.audience_company or frappe.defaults.get_global_default("company")
	return rule.holiday_list or (company and frappe.db.get_value("Company", company, "default_holiday_list"))


def days_off(name: str) -> DaysOff:
	"""Before and after the list, the weekdays that it marks as weekly days off; where it marks none, the one that it names."""
	first, last, named = frappe.db.get_value("Holiday List", name, ["from_date", "to_date", "weekly_off"])
	rows = frappe.get_all(
		"Holiday",
		filters={"parent": name, "parenttype": "Holiday List"},
		fields=["holiday_date", "weekly_off"],
	)
	weekly = weekly_days_off({row.holiday_date for row in rows if row.weekly_off}, first, last)
	if not weekly and named in WEEKDAYS:
		weekly = frozenset({WEEKDAYS.index(named)})
	return DaysOff(frozenset(row.holiday_date for row in rows), first, last, weekly)


def ended_lists(day: date) -> list[tuple[str, date]]:
	"""Names and last days of lists that enabled follow-up rules go by and that had ended before the day."""
	rules = frappe.get_all(
		"Follow Up Rule", filters={"enabled": 1}, fields=["holiday_list", "audience_company"], distinct=True
	)
	names = sorted(set(filter(None, map(list_of, rules))))
	ended = {"name": ("in", names), "to_date": ("<", day)}
	return frappe.get_all(
		"Holiday List", filters=ended, fields=["name", "to_date"], order_by="name", as_list=True
	)
