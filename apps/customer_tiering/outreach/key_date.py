"""Birthdays and anniversaries: on which day a sequence that begins with one begins, and which it is, in words."""

from datetime import date

import frappe
import pandas as pd
from frappe import _
from frappe.utils import add_days, getdate

from customer_tiering.engine.key_dates import KEY_DATES, label, next_anniversary
from customer_tiering.engine.signals import KEY_DATE
from customer_tiering.outreach.exits import end
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


# Who is under way to a key date and has got nothing yet, with what is known of it now: not the same day any more in the year that it
# was made for (of 29 February, the 28th in others).
CORRECTED = f"""
	SELECT * FROM (
		SELECT enrollment.name, enrollment.customer, enrollment.is_holdout, event.signal_key, sequence.entry_delay_days,
			enrollment.entered_on - INTERVAL sequence.entry_delay_days DAY AS day,
			CASE {" ".join(f"WHEN event.signal_key LIKE '%%|{label(field)} %%' THEN customer.{field}" for field in KEY_DATES)} END AS began
		FROM `tabOutreach Enrollment` enrollment
		JOIN `tabOutreach Sequence` sequence ON sequence.name = enrollment.sequence AND sequence.entry_signal = %(signal)s
		JOIN `tabTiering Event` event ON event.name = enrollment.event AND event.signal = %(signal)s
		JOIN `tabCustomer` customer ON customer.name = enrollment.customer
		WHERE enrollment.status = 'Active' AND NOT EXISTS (
			SELECT 1 FROM `tabOutreach Touch` touch WHERE touch.enrollment = enrollment.name AND touch.status != 'Deferred')
	) under_way
	WHERE NOT day <=> began + INTERVAL (YEAR(day) - YEAR(began)) YEAR
"""


def follow_corrections(today: date) -> None:
	"""Whose key date was corrected before anything went out is under way to the new one; nobody is where there is none any more, or
	none before the signal comes again. Commits one by one.
	"""
	for row in frappe.db.sql(CORRECTED, {"signal": KEY_DATE}, as_dict=True):
		enrollment = frappe.get_doc("Outreach Enrollment", row.name, for_update=True)
		day = _next(row, today)
		if enrollment.status == "Active" and day:
			entered = add_days(day, row.entry_delay_days)
			due = {} if row.is_holdout else {"next_due_on": add_days(entered, -1), "not_before": None}
			enrollment.db_set({"entered_on": entered, **due})
		elif enrollment.status == "Active":
			end(enrollment, "Void", today)
		frappe.db.commit()


def _next(row: frappe._dict, today: date) -> date | None:
	"""The next time of the date as it is now, if no signal is to come for it: each comes once a year."""
	if not row.began:
		return None
	day = next_anniversary(pd.Series([row.began]), today)[0].astype(object)
	what, _space, year = signal_period(row.signal_key, row.customer, KEY_DATE).rpartition(" ")
	key = f"{row.customer}|{KEY_DATE}|{what} {day.year}"
	return day if year == str(day.year) or frappe.db.exists("Tiering Event", {"signal_key": key}) else None


def coming(day: date, last: date) -> list[tuple[str, date]]:
	"""The customers who have a key date from `day` to `last`, each with the first one."""
	known = {field: ("is", "set") for field in KEY_DATES}
	rows = frappe.get_all("Customer", filters={"disabled": 0}, or_filters=known, fields=["name", *KEY_DATES])
	dates = pd.DataFrame.from_records(rows, columns=["name", *KEY_DATES]).set_index("name")
	first = dates.apply(lambda key_date: pd.Series(next_anniversary(key_date, day), dates.index)).min(axis=1)
	return [(name, on.date()) for name, on in first[first <= pd.Timestamp(last)].items()]
