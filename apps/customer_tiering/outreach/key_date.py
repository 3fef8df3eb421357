"""Birthdays and anniversaries: on which day a sequence that begins with one begins, and which it is, in words."""

from datetime import date

import frappe
from frappe import _
from frappe.utils import add_years, getdate

from customer_tiering.engine.key_dates import KEY_DATES, label
from customer_tiering.engine.signals import KEY_DATE
from customer_tiering.tiering.signals import signal_period


def words(key_date: str) -> str:
	"""For the reader of a mail, in the language of the texts around it; as the signal's period calls it ("partner since")."""
	return {
		"birthday": _("your birthday"),
		"founded": _("the anniversary of your company"),
		"partner since": _("the anniversary of our partnership"),
	}.get(key_date, "")


def words_for(enrollment: str | None) -> str:
	"""Of the key date by which the customer entered; empty for who entered otherwise."""
	event = enrollment and frappe.db.get_value("Outreach Enrollment", enrollment, "event")
	row = event and frappe.db.get_value(
		"Tiering Event", event, ["customer", "signal", "signal_key"], as_dict=True
	)
	if not row or row.signal != KEY_DATE:
		return ""
	return words(signal_period(row.signal_key, row.customer, KEY_DATE).rpartition(" ")[0])


def example_for(customer: "frappe.Document") -> str:
	"""Of the first key date that is known of the customer."""
	return next((words(label(field)) for field in KEY_DATES if customer.get(field)), "")


def begins_on(event: frappe._dict) -> date | None:
	"""The key date itself, which the signal comes some days before; None for other signals."""
	return getdate(event.detail) if event.signal == KEY_DATE and event.detail else None


def coming(day: date, last: date) -> list[tuple[str, date]]:
	"""The customers who have a key date from `day` to `last`, each with the first one."""
	known = {field: ("is", "set") for field in KEY_DATES}
	rows = frappe.get_all("Customer", filters={"disabled": 0}, or_filters=known, fields=["name", *KEY_DATES])
	found = {}
	for row in rows:
		days = (_next(getdate(row[field]), day) for field in KEY_DATES if row[field])
		first = min((on for on in days if on <= last), default=None)
		if first:
			found[row.name] = first
	return list(found.items())


def _next(began: date, day: date) -> date:
	"""The first anniversary on that day or later; as engine.key_dates has it."""
	years = max(day.year - began.year, 1)
	on = getdate(add_years(began, years))
	return on if on >= day else getdate(add_years(began, years + 1))
