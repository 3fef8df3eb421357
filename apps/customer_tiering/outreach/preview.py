"""Who would enter a sequence, and what would go out over the next days, were it switched on now. Reads set-wise, writes nothing."""

from collections import Counter
from collections.abc import Iterator
from datetime import date, datetime, time
from typing import NamedTuple
from zoneinfo import ZoneInfo

import frappe
from frappe import _
from frappe.utils import add_days

from customer_tiering.engine.assignment import is_held_out
from customer_tiering.outreach.clock import window_of
from customer_tiering.outreach.forecast import Entry, entries
from customer_tiering.outreach.steps import CALL, TOUCH_FIELDS, plan_after
from customer_tiering.outreach.where_to import Reach, where_to
from customer_tiering.tiering.audience import customers_in

DAYS = 30
SHOWN = 300


class Outgoing(NamedTuple):
	"""One touch that would go out."""

	day: date
	customer: str
	step: "frappe.Document"


def preview(sequence: "frappe.Document", day: date, days: int = DAYS) -> dict:
	"""For the Desk: entries and touches of the `days` from `day` on, with totals; lists are cut to the first SHOWN rows.

	The tiers' caps and what may hold a message back on its day are not foreseen; orders that may come in neither.
	"""
	last = add_days(day, days - 1)
	coming = entries(sequence, day, last)
	going = [
		entry for entry in coming if not is_held_out(sequence.holdout_percent, sequence.name, entry.customer)
	]
	called = _called_by_rules(sequence)
	outgoing = [
		row
		for row in (*_of_active(sequence, day, last), *_of_entries(sequence, going, last))
		if row.step.channel != CALL or row.customer not in called
	]
	outgoing.sort(key=lambda row: (row.day, row.customer))
	shown = outgoing[:SHOWN]
	names = {entry.customer for entry in coming[:SHOWN]} | {row.customer for row in outgoing}
	reach = where_to(names)
	return {
		"from": day,
		"until": last,
		"how": how(sequence),
		"entries": len(coming),
		"held_out": len(coming) - len(going),
		"under_way": frappe.db.count("Outreach Enrollment", {"sequence": sequence.name, "status": "Active"}),
		"by_channel": Counter(row.step.channel for row in outgoing),
		"by_day": sorted(Counter(str(row.day) for row in outgoing).items()),
		"unreachable": len(
			{row.customer for row in outgoing if reach[row.customer].problem(row.step.channel)}
		),
		"entering": [_entry(entry, reach) for entry in coming[:SHOWN]],
		"outgoing": [_touch(row, reach[row.customer]) for row in shown],
	}


def how(sequence: "frappe.Document") -> str:
	"""Where the entries come from, in a sentence."""
	if sequence.entry_by == "Hand":
		return _("Customers enter by hand only: nobody would enter by itself.")
	if sequence.entry_by == "Audience":
		return _("Everybody who is in the audience today and may enter.")
	if sequence.entry_signal in ("Became Dormant", "Became Lost"):
		return _("Those who will have this signal if they don't order and nobody follows up.")
	return _("An estimate: those who had this signal in the last 30 days, 30 days later.")


def _called_by_rules(sequence: "frappe.Document") -> set[str]:
	"""Whom a follow-up rule asks to call for the reason for which they enter: calls of the sequence are left out then."""
	if sequence.entry_by != "Signal":
		return set()
	signal = sequence.entry_signal
	more = frappe.get_all(
		"Follow Up Signal", filters={"parenttype": "Follow Up Rule", "signal": signal}, pluck="parent"
	)
	rules = frappe.get_all(
		"Follow Up Rule",
		filters={"enabled": 1, "trigger": "Signal"},
		or_filters={"signal": signal, "name": ("in", more)},
		fields=["audience_filters", "audience_company"],
	)
	return {name for rule in rules for name in customers_in(rule.audience_filters, rule.audience_company)}


def _of_entries(sequence: "frappe.Document", coming: list[Entry], last: date) -> Iterator[Outgoing]:
	for entry in coming:
		start = frappe._dict(name=entry.customer, entered_on=add_days(entry.day, sequence.entry_delay_days))
		yield from _run(sequence, entry.customer, start, [], entry.day, last)


def _of_active(sequence: "frappe.Document", day: date, last: date) -> Iterator[Outgoing]:
	active = frappe.get_all(
		"Outreach Enrollment",
		filters={"sequence": sequence.name, "status": "Active", "is_holdout": 0},
		fields=["name", "customer", "entered_on"],
	)
	touches: dict[str, list] = {}
	for touch in frappe.get_all(
		"Outreach Touch",
		filters={"sequence": sequence.name},
		fields=[*TOUCH_FIELDS, "enrollment"],
		order_by="creation",
	):
		touches.setdefault(touch.enrollment, []).append(touch)
	for row in active:
		yield from _run(sequence, row.customer, row, touches.get(row.name, []), day, last)


def _run(
	sequence: "frappe.Document", customer: str, enrollment: frappe._dict, touches: list, day: date, last: date
) -> Iterator[Outgoing]:
	"""Step after step until the last day, each on a day on which the sequence sends."""
	touches = list(touches)
	for _number in range(2 * len(sequence.steps)):  # each may be followed by a reminder
		coming = plan_after(enrollment, sequence, touches)
		for due in coming:
			on = max(due.on, day)
			if due.step.channel != CALL:
				on = _open_day(sequence, on)
			if on <= last:
				yield Outgoing(on, customer, due.step)
			touches = [touch for touch in touches if touch.step != due.step.step_key]
			touches.append(
				frappe._dict(
					step=due.step.step_key,
					day_offset=due.step.day_offset,
					touched_on=on,
					status="Sent",
					channel=due.step.channel,
					variant=due.step.variant,
					**_promised(due.step, on),
				)
			)
		if not coming or min(due.on for due in coming) > last:
			return


def _promised(step: "frappe.Document", day: date) -> dict:
	"""What the touch of a step with an offer would keep, for the reminder."""
	days = step.get("offer") and frappe.get_cached_value("Outreach Offer", step.offer, "valid_days")
	return {"offer": step.offer, "coupon_code": "?", "offer_end": add_days(day, days)} if days else {}


def _open_day(sequence: "frappe.Document", day: date) -> date:
	window, utc = window_of(sequence), ZoneInfo("UTC")
	return window.opens(datetime.combine(day, time(window.start), utc), utc).date()


def _entry(entry: Entry, reach: dict[str, Reach]) -> dict:
	return {
		"day": entry.day,
		"customer": entry.customer,
		"customer_name": reach[entry.customer].customer_name,
	}


def _touch(row: Outgoing, reach: Reach) -> dict:
	step = row.step
	return {
		"day": row.day,
		"customer": row.customer,
		"customer_name": reach.customer_name,
		"channel": step.channel,
		"what": step.email_template
		if step.channel == "Email"
		else (step.message or step.webhook_url or "")[:80],
		"day_offset": step.day_offset,
		"variant": _("one of the variants") if step.variant else "",
		"address": reach.address(step.channel),
		"problem": reach.problem(step.channel),
	}
