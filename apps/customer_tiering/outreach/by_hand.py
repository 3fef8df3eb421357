"""What people do with sequences themselves: enter customers, or a backlog of them, and take one out."""

from collections.abc import Collection
from datetime import date

import frappe
from frappe import _

from customer_tiering.outreach.audience_entry import enter_some_each_day
from customer_tiering.outreach.backlog import STAGES
from customer_tiering.outreach.enter import HAND, SIGNAL, enrollment_row, enter, last_orders, locked, refusals
from customer_tiering.outreach.exits import end
from customer_tiering.outreach.recipients import mobile_of, recipient_of
from customer_tiering.tiering.audience import customers_in


def enter_by_hand(sequence: "frappe.Document", customers: Collection[str], day: date) -> dict:
	"""Enter these customers today; {"entered": their number, "refused": [a sentence for each of the others], "waiting": [one for each who
	can't be written to]}. Commits before, and the caller afterwards.
	"""
	sequence = locked(sequence.name)
	refuse_switched_off(sequence)
	names = list(dict.fromkeys(customers))
	before, last = refusals(sequence, names, day, by_hand=True), last_orders(names, day)
	entered, refused, waiting = 0, [], []
	for name in names:
		refusal = before.get(name)
		if refusal or not frappe.db.exists("Customer", {"name": name, "disabled": 0}):
			refused.append(refusal.sentence(name) if refusal else _("{0} is disabled.").format(name))
			continue
		key = f"{HAND}|{name}|{frappe.utils.now()}"
		entered += enter(enrollment_row(sequence, name, key, HAND, day, last.get(name)))
		waiting += _can_t_be_reached(sequence, name)
	return {"entered": entered, "refused": refused, "waiting": waiting}


def _can_t_be_reached(sequence: "frappe.Document", name: str) -> list[str]:
	customer, channels = frappe.get_doc("Customer", name), {step.channel for step in sequence.steps}
	found = []
	if "Email" in channels and not recipient_of(customer):
		found.append(_("{0} has no e-mail address: mails wait until there is one.").format(name))
	if "SMS" in channels and not mobile_of(customer):
		found.append(_("{0} has no mobile number: text messages wait until there is one.").format(name))
	return found


def unlike(sequence: "frappe.Document", customers: Collection[str]) -> list[str]:
	"""A sentence for each of the customers for whom the sequence's texts are not meant: outside its audience, or not in the stage
	that it begins with.
	"""
	names = list(dict.fromkeys(customers))
	inside = customers_in(sequence.audience_filters, among=names)
	meaning = STAGES.get(sequence.entry_signal) if sequence.entry_by == SIGNAL else None
	if meaning:
		stages = frappe.get_all("Lifecycle Stage", {"meaning": meaning}, pluck="name")
		inside &= set(
			frappe.get_all(
				"Customer", {"name": ("in", names), "lifecycle_stage": ("in", stages)}, pluck="name"
			)
		)
	return [
		_("{0} is none of those whom {1} is meant for: look at its texts first.").format(name, sequence.name)
		for name in names
		if name not in inside
	]


def enter_backlog(sequence: "frappe.Document", customers: Collection[str], per_day: int, day: date) -> dict:
	"""Commits before, and the caller afterwards."""
	sequence = locked(sequence.name)
	refuse_switched_off(sequence)
	if not 1 <= per_day <= 10000:
		frappe.throw(_("{0} must be between 1 and 10,000.").format(_("Customers a day")))
	entered = enter_some_each_day(sequence, customers, per_day, day)
	return {"entered": entered, "days": -(-entered // per_day)}


def take_out(enrollment: "frappe.Document", day: date) -> bool:
	"""Whether the customer was under way."""
	return enrollment.status == "Active" and end(enrollment, "By Hand", day)


def refuse_switched_off(sequence: "frappe.Document") -> None:
	if not sequence.enabled:
		frappe.throw(_("The sequence {0} is switched off.").format(frappe.bold(sequence.name)))
