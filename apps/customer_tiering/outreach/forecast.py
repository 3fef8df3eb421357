"""Who would enter a sequence on which of the coming days."""

from datetime import date
from typing import NamedTuple

import frappe
from frappe.utils import add_days, getdate

from customer_tiering.outreach import key_date
from customer_tiering.outreach.audience_entry import may_enter
from customer_tiering.tiering.audience import customers_in
from customer_tiering.tiering.signals import FIRING_CAUSES

LOOK_BACK = 30


class Entry(NamedTuple):
	day: date
	customer: str


def entries(sequence: "frappe.Document", day: date, last: date) -> list[Entry]:
	"""In the order of their days, from `day` to `last`."""
	if sequence.entry_by == "Audience":
		return _by_audience(sequence, day, last)
	if sequence.entry_by == "Signal":
		found = dict(_by_signal(sequence.entry_signal, day, last))
		inside = customers_in(sequence.audience_filters, among=list(found))
		allowed = {row.name for row in may_enter(sequence, inside, day)}
		return sorted(Entry(on, name) for name, on in found.items() if name in allowed)
	return []


def _by_signal(signal: str, day: date, last: date) -> list[tuple[str, date]]:
	if signal == "Key Date":
		return key_date.coming(day, last)
	return _sleepers(signal, day, last) or _as_before(signal, day, last)


def _by_audience(sequence: "frappe.Document", day: date, last: date) -> list[Entry]:
	rows = may_enter(sequence, customers_in(sequence.audience_filters), day)
	per_day = sequence.entries_per_day or len(rows) or 1
	found = (Entry(getdate(add_days(day, number // per_day)), row.name) for number, row in enumerate(rows))
	return [entry for entry in found if entry.day <= last]


def _sleepers(signal: str, day: date, last: date) -> list[tuple[str, date]]:
	"""Whose last order gets as old as the stage asks for; None but for signals of stages."""
	meaning = {"Became Dormant": "Dormant", "Became Lost": "Lost"}.get(signal)
	age = meaning and frappe.db.get_value(
		"Lifecycle Stage", {"meaning": meaning}, "min_days_since_order", order_by="position"
	)
	if not age:
		return []
	rows = frappe.get_all(
		"Customer",
		filters={"disabled": 0, "last_order_date": ("between", [add_days(day, -age), add_days(last, -age)])},
		fields=["name", "last_order_date"],
	)
	return [(row.name, getdate(add_days(row.last_order_date, age))) for row in rows]


def _as_before(signal: str, day: date, last: date) -> list[tuple[str, date]]:
	"""Who had the signal lately, as many days later."""
	events = frappe.get_all(
		"Tiering Event",
		filters={
			"signal": signal,
			"signal_key": ("is", "set"),
			"cause": ("in", FIRING_CAUSES),
			"as_of": ("between", [add_days(day, -LOOK_BACK), add_days(day, -1)]),
		},
		fields=["customer", "as_of"],
	)
	days = ((event.customer, getdate(add_days(event.as_of, LOOK_BACK))) for event in events)
	return [(customer, on) for customer, on in days if day <= on <= last]
