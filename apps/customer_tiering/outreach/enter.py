"""How a customer enters a sequence, whichever way: one place, one set of rules."""

from collections.abc import Collection
from datetime import date

import frappe
from frappe import _
from frappe.utils import add_days, getdate

from customer_tiering.engine.assignment import is_held_out
from customer_tiering.tiering.chunks import rows_of
from customer_tiering.tiering.orders import orders_from_settings

SIGNAL, AUDIENCE, HAND, BACKLOG = "Signal", "Audience", "Hand", "Backlog"


def locked(sequence: str) -> "frappe.Document":
	"""The sequence, into which nobody else enters customers until the next commit. Commits before: what others entered is seen."""
	frappe.db.commit()
	frappe.db.sql("SELECT name FROM `tabOutreach Sequence` WHERE name = %s FOR UPDATE", sequence)
	return frappe.get_doc("Outreach Sequence", sequence)


def why_not(sequence: "frappe.Document", customer: str, day: date) -> str | None:
	"""Why the customer can't enter the (locked) sequence on that day, in a sentence; None if nothing is in the way."""
	known = frappe.get_all(
		"Outreach Enrollment",
		filters={"customer": customer, "sequence": sequence.name, "exit_reason": ("!=", "Void")},
		fields=["status", "ended_on"],
	)
	if any(row.status == "Active" for row in known):
		return _("{0} is in the sequence already.").format(customer)
	if known and sequence.enters_once:
		return _("{0} was in the sequence before, and may enter it only once.").format(customer)
	ended = max((getdate(row.ended_on) for row in known if row.ended_on), default=None)
	if ended and add_days(ended, sequence.re_entry_days) > day:
		return _("{0} was in the sequence until {1}, and may enter it again from {2}.").format(
			customer,
			frappe.format(ended, "Date"),
			frappe.format(add_days(ended, sequence.re_entry_days), "Date"),
		)
	return None


LAST_ORDERS = """
	SELECT document.customer, MAX({day}) AS day FROM {table} document
	WHERE document.customer IN %(names)s AND {counts} AND {is_order} AND {day} <= %(as_of)s GROUP BY document.customer
"""


def last_orders(customers: Collection[str], day: date) -> dict[str, date]:
	"""By customer the day of the last order until that day, from the documents: before the first run no customer knows it."""
	orders = orders_from_settings()
	query = LAST_ORDERS.format(
		day=orders.day, table=orders.table, counts=orders.counts, is_order=orders.is_order_by_itself
	)
	return {row.customer: row.day for row in rows_of(query, customers, as_of=day)}


def enrollment_row(
	sequence: "frappe.Document",
	customer: str,
	key: str,
	source: str,
	day: date,
	last_order_date: date | None,
	event: str | None = None,
) -> dict:
	"""The values of a new enrollment whose day 0 is `day` (and the sequence's delay) later."""
	entered = getdate(add_days(day, sequence.entry_delay_days))
	held_out = is_held_out(sequence.holdout_percent, sequence.name, customer)
	return {
		"customer": customer,
		"sequence": sequence.name,
		"event": event,
		"source": source,
		"enrollment_key": f"{sequence.name}|{key}",
		"status": "Active",
		"is_holdout": int(held_out),
		"entered_on": entered,
		"last_order_date": last_order_date,
		"next_due_on": None if held_out else add_days(entered, sequence.first_day()),
	}


def enter(row: dict) -> bool:
	"""Insert the enrollment unless it is there already."""
	if frappe.db.exists("Outreach Enrollment", {"enrollment_key": row["enrollment_key"]}):
		return False
	frappe.get_doc({"doctype": "Outreach Enrollment", **row}).insert(ignore_permissions=True)
	return True
