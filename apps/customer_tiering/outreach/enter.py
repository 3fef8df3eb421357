"""How a customer enters a sequence, whichever way: one place, one set of rules."""

from collections.abc import Collection
from datetime import date
from typing import NamedTuple

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


ENROLLED = """
	SELECT customer, MAX(status = 'Active') AS is_active, MAX(COALESCE(exit_reason, '') = 'By Hand') AS was_taken_out,
		MAX(ended_on) AS ended
	FROM `tabOutreach Enrollment`
	WHERE sequence = %(sequence)s AND customer IN %(names)s AND COALESCE(exit_reason, '') != 'Void' GROUP BY customer
"""
ALREADY, ONCE, TAKEN_OUT, TOO_SOON = "already", "once", "taken out", "too soon"


class Refusal(NamedTuple):
	"""Why a customer who was in the sequence before may not enter it; the day on which that ended, and the one from which on it may be."""

	why: str
	ended: date | None
	again: date | None

	def sentence(self, customer: str) -> str:
		if self.why == ALREADY:
			return _("{0} is in the sequence already.").format(customer)
		if self.why == TOO_SOON:
			return _("{0} was in the sequence until {1}, and may enter it again from {2}.").format(
				customer, frappe.format(self.ended, "Date"), frappe.format(self.again, "Date")
			)
		return _("{0} was in the sequence before, and may enter it only once.").format(customer)


def refusals(
	sequence: "frappe.Document", customers: Collection[str], day: date, by_hand: bool = False
) -> dict[str, Refusal]:
	"""Those of the customers who may not enter the (locked) sequence on that day. Whoever was taken out by hand enters only by hand again."""
	found = {}
	for row in rows_of(ENROLLED, customers, sequence=sequence.name):
		again = row.ended and getdate(add_days(row.ended, sequence.re_entry_days))
		if row.is_active:
			why = ALREADY
		elif sequence.enters_once:
			why = ONCE
		elif row.was_taken_out and not by_hand:
			why = TAKEN_OUT
		elif again and again > day:
			why = TOO_SOON
		else:
			continue
		found[row.customer] = Refusal(why, row.ended, again)
	return found


LAST_ORDERS = """
	SELECT document.customer, MAX({day}) AS day FROM {table} document
	WHERE document.customer IN %(names)s AND {counts} AND {is_order} AND {day} <= %(as_of)s GROUP BY document.customer
"""


def last_orders(customers: Collection[str], day: date) -> dict[str, date]:
	"""By customer the day of the last order until that day, of whatever company, from the documents: the next run has not seen the newest ones yet."""
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
		"next_due_on": None
		if held_out
		else looked_at_from(sequence, add_days(entered, sequence.first_day())),
	}


def looked_at_from(sequence: "frappe.Document", day: date) -> date:
	"""From which day on the dispatcher has to look when a step of that day is due: elsewhere the day may begin on the day before."""
	return add_days(day, -1) if sequence.get("only_on_its_day") else day


def enter(row: dict) -> bool:
	"""Insert the enrollment unless it is there already."""
	if frappe.db.exists("Outreach Enrollment", {"enrollment_key": row["enrollment_key"]}):
		return False
	frappe.get_doc({"doctype": "Outreach Enrollment", **row}).insert(ignore_permissions=True)
	return True
