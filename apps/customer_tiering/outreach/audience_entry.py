"""Customers enter by being in an audience, or by hand as a backlog: many at once, so many a day, the most valuable first."""

from collections.abc import Collection, Iterable, Iterator
from datetime import date
from itertools import islice

import frappe
from frappe.utils import add_days

from customer_tiering.outreach.enter import AUDIENCE, BACKLOG, enrollment_row, last_orders, locked, refusals
from customer_tiering.outreach.rows import stamp
from customer_tiering.outreach.ways import who_left
from customer_tiering.tiering.audience import customers_in
from customer_tiering.tiering.chunks import rows_of

CHUNK = 1000


def enrol_audience(sequence_name: str, day: date) -> int:
	"""Enter who is in the audience now and may enter, as many as the day still allows; returns how many did. Commits."""
	sequence = locked(sequence_name)
	if not sequence.enabled:
		return 0
	candidates = may_enter(sequence, customers_in(sequence.audience_filters, as_of=day), day)
	if sequence.entries_per_day:
		candidates = candidates[: max(0, sequence.entries_per_day - _entered(sequence, day))]
	_insert(_rows(sequence, candidates, AUDIENCE, day))
	frappe.db.commit()
	return len(candidates)


def enter_some_each_day(
	sequence: "frappe.Document", customers: Collection[str], per_day: int, day: date
) -> int:
	"""Enter these customers into the (locked) sequence, `per_day` of them each day from `day` on; returns how many will. The caller commits.

	Everybody is written down at once, with the day; who orders before it leaves before the first message.
	"""
	candidates = may_enter(sequence, customers, day)
	_insert(_rows(sequence, candidates, BACKLOG, day, per_day))
	return len(candidates)


def _rows(
	sequence: "frappe.Document",
	candidates: list[frappe._dict],
	source: str,
	day: date,
	per_day: int | None = None,
) -> Iterator[dict]:
	"""Enrollments that begin on that day, or `per_day` on each day from then on."""
	for start in range(0, len(candidates), CHUNK):
		names = [row.name for row in candidates[start : start + CHUNK]]
		last = last_orders(names, day)
		for number, name in enumerate(names, start):
			begins = add_days(day, number // (per_day or len(candidates)))
			yield enrollment_row(sequence, name, f"{source}|{name}|{day}", source, begins, last.get(name))


def may_enter(sequence: "frappe.Document", customers: Collection[str], day: date) -> list[frappe._dict]:
	"""Those of the customers who may enter by themselves, the most valuable first: only those who are not disabled and whom the sequence
	can write to.
	"""
	wanted = set(customers).difference(refusals(sequence, customers, day))
	rows = rows_of(
		"SELECT name, annual_value, customer_name FROM `tabCustomer` WHERE name IN %(names)s AND disabled = 0",
		sorted(wanted - who_left(sequence, wanted)),
	)
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
