"""Customers enter by being in an audience, or by hand as a backlog: many at once, so many a day, the most valuable first."""

from collections.abc import Collection, Iterable
from datetime import date
from itertools import islice

import frappe
from frappe.utils import add_days

from customer_tiering.outreach.enter import AUDIENCE, BACKLOG, enrollment_row, last_orders, locked
from customer_tiering.outreach.rows import stamp
from customer_tiering.outreach.suppress import stopped_customers
from customer_tiering.tiering.audience import customers_in

CHUNK = 1000


def enrol_audience(sequence_name: str, day: date) -> int:
	"""Enter who is in the audience now and may enter, as many as the day still allows; returns how many did. Commits."""
	sequence = locked(sequence_name)
	if not sequence.enabled:
		return 0
	candidates = may_enter(sequence, customers_in(sequence.audience_filters, as_of=day), day)
	if sequence.entries_per_day:
		candidates = candidates[: max(0, sequence.entries_per_day - _entered(sequence, day))]
	_insert(
		enrollment_row(sequence, row.name, f"{AUDIENCE}|{row.name}|{day}", AUDIENCE, day, row.last_order_date)
		for row in candidates
	)
	frappe.db.commit()
	return len(candidates)


def enter_some_each_day(
	sequence: "frappe.Document", customers: Collection[str], per_day: int, day: date
) -> int:
	"""Enter these customers into the (locked) sequence, `per_day` of them each day from `day` on; returns how many will. The caller commits.

	Everybody is written down at once, with the day; who orders before it leaves before the first message.
	"""
	candidates = may_enter(sequence, customers, day)
	_insert(
		enrollment_row(
			sequence,
			row.name,
			f"{BACKLOG}|{row.name}|{day}",
			BACKLOG,
			add_days(day, number // per_day),
			row.last_order_date,
		)
		for number, row in enumerate(candidates)
	)
	return len(candidates)


def may_enter(sequence: "frappe.Document", customers: Collection[str], day: date) -> list[frappe._dict]:
	"""Name and last order of those of the customers who may enter, the most valuable first.

	Whoever was taken out by hand, or unsubscribed, does not enter again by itself.
	"""
	blocked = set(
		frappe.db.sql(
			"""SELECT customer FROM `tabOutreach Enrollment`
			WHERE sequence = %(sequence)s AND (exit_reason IS NULL OR exit_reason != 'Void')
				AND (status = 'Active' OR exit_reason = 'By Hand' OR %(once)s = 1 OR ended_on > %(since)s)""",
			{
				"sequence": sequence.name,
				"once": sequence.enters_once,
				"since": add_days(day, -sequence.re_entry_days),
			},
			pluck=True,
		)
	)
	wanted = sorted(set(customers) - blocked - stopped_customers(sequence.name))
	rows = []
	for start in range(0, len(wanted), CHUNK):
		rows += frappe.get_all(
			"Customer",
			filters={"name": ("in", wanted[start : start + CHUNK]), "disabled": 0},
			fields=["name", "last_order_date", "annual_value", "customer_name"],
			order_by=None,
		)
	unknown = last_orders([row.name for row in rows if not row.last_order_date], day)
	for row in rows:
		row.last_order_date = row.last_order_date or unknown.get(row.name)
	return sorted(rows, key=lambda row: (-(row.annual_value or 0), row.name))


def _entered(sequence: "frappe.Document", day: date) -> int:
	entered = {
		"source": AUDIENCE,
		"sequence": sequence.name,
		"entered_on": add_days(day, sequence.entry_delay_days),
	}
	return frappe.db.count("Outreach Enrollment", entered)


def _insert(rows: Iterable[dict]) -> None:
	"""Some at a time, so that no more than these are held."""
	rows = iter(rows)
	while some := list(islice(rows, CHUNK)):
		values = [{"name": frappe.generate_hash(length=12), **row, **stamp()} for row in some]
		frappe.db.bulk_insert(
			"Outreach Enrollment",
			list(values[0]),
			[tuple(value.values()) for value in values],
			ignore_duplicates=True,
		)
