"""A backlog: customers who would have entered a sequence, had it been switched on before."""

import json
from datetime import date

import frappe
from frappe.utils import add_days

from customer_tiering.outreach.audience_entry import may_enter
from customer_tiering.outreach.enter import SIGNAL
from customer_tiering.tiering.audience import customers_in
from customer_tiering.tiering.signals import FIRING_CAUSES

# The stages that signals lead to, by their meaning.
STAGES = {"Became Dormant": "Dormant", "Became Lost": "Lost", "First Order": "First Purchase"}
SIGNAL_DAYS = 90


def suggestion(sequence: "frappe.Document") -> dict:
	"""What the dialog begins with: {"filters": those of the audience and of the stage that the signal leads to, "signal_days": in which
	time the signal must have come; 0 where a stage tells, None where no signal is asked for}.
	"""
	filters = json.loads(sequence.audience_filters or "[]")
	if sequence.entry_by != SIGNAL:
		return {"filters": filters, "signal_days": None}
	meaning = STAGES.get(sequence.entry_signal)
	stages = frappe.get_all("Lifecycle Stage", {"meaning": meaning or ""}, pluck="name", order_by="position")
	if not stages:
		return {"filters": filters, "signal_days": SIGNAL_DAYS}
	stage = ["Customer", "lifecycle_stage", "=", stages[0]]
	if len(stages) > 1:
		stage[2:] = ["in", stages]
	return {"filters": [*filters, stage], "signal_days": 0}


def backlog(sequence: "frappe.Document", filters: str, signal_days: int, day: date) -> set[str]:
	"""Who is in the audience, and had the sequence's signal in so many days before, if any are asked for."""
	found = customers_in(filters)
	if not signal_days or sequence.entry_by != SIGNAL:
		return found
	had = {
		"signal": sequence.entry_signal,
		"signal_key": ("is", "set"),
		"cause": ("in", FIRING_CAUSES),
		"as_of": (">=", add_days(day, -signal_days)),
	}
	return found & set(frappe.get_all("Tiering Event", had, pluck="customer", order_by=None))


def how_many(sequence: "frappe.Document", filters: str, signal_days: int, day: date) -> int:
	"""How many of them may enter."""
	return len(may_enter(sequence, backlog(sequence, filters, signal_days, day), day))
