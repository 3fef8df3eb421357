"""Birthdays and anniversaries: on which day a sequence that begins with one begins, and which it is, in words."""

from datetime import date

import frappe
import pandas as pd
from frappe import _
from frappe.utils import getdate

from customer_tiering.engine.key_dates import KEY_DATES, label, next_anniversary
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
	dates = pd.DataFrame.from_records(rows, columns=["name", *KEY_DATES]).set_index("name")
	first = dates.apply(lambda key_date: pd.Series(next_anniversary(key_date, day), dates.index)).min(axis=1)
	return [(name, on.date()) for name, on in first[first <= pd.Timestamp(last)].items()]
