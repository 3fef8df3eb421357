"""Who would enter a sequence, and what would go out over the next days, were it switched on now. Reads set-wise, writes nothing."""

from collections import Counter
from collections.abc import Collection
from datetime import date

import frappe
from frappe import _
from frappe.utils import add_days

from customer_tiering.engine.assignment import is_held_out
from customer_tiering.outreach.forecast import Entry, entries
from customer_tiering.outreach.foresee import Outgoing, Run, foresee
from customer_tiering.outreach.steps import CALL, touches_of
from customer_tiering.outreach.web_address import host_of
from customer_tiering.tiering.audience import customers_in
from customer_tiering.tiering.chunks import chunks

DAYS = 30
SHOWN = 300
REASONS = 10


def preview(sequence: "frappe.Document", day: date, days: int = DAYS) -> dict:
	"""For the Desk: entries and touches of the `days` from `day` on, with totals; lists are cut to the first SHOWN rows, and to customers that the
	session's user may see.

	As things stand: orders, answers, and what other sequences will send are not foreseen.
	"""
	last = add_days(day, days - 1)
	coming = entries(sequence, day, last)
	going = [
		entry for entry in coming if not is_held_out(sequence.holdout_percent, sequence.name, entry.customer)
	]
	runs = [*_active(sequence), *(_run(sequence, entry) for entry in going)]
	called = _called_by_rules(sequence)
	outgoing = sorted(
		(_asked_already(row, called) for row in foresee(sequence, runs, day, last)),
		key=lambda row: (row.day, row.customer),
	)
	goes = [row for row in outgoing if row.goes]
	kept = [row for row in outgoing if not row.goes]
	steps = Counter(step.step_key for step in sequence.steps if not step.variant or step.weight)
	several = {key for key, number in steps.items() if number > 1}
	entering, shown = coming[:SHOWN], outgoing[:SHOWN]
	visible = _visible({row.customer for row in (*entering, *shown)})
	return {
		"from": day,
		"until": last,
		"how": how(sequence),
		"entries": len(coming),
		"held_out": len(coming) - len(going),
		"under_way": frappe.db.count("Outreach Enrollment", {"sequence": sequence.name, "status": "Active"}),
		"by_channel": Counter(row.step.channel for row in goes),
		"by_day": sorted(Counter(str(row.day) for row in goes).items()),
		"late": sum(bool(row.waits_since) for row in goes),
		"kept_back": len(kept),
		"reasons": Counter(row.reason for row in kept).most_common(REASONS),
		"entering": _entering([entry for entry in entering if entry.customer in visible]),
		"outgoing": [_touch(row, several) for row in shown if row.customer in visible],
	}


def _visible(customers: Collection[str]) -> set[str]:
	wanted = {"name": ("in", list(customers))}
	return set(frappe.get_list("Customer", wanted, pluck="name", limit_page_length=0)) if customers else set()


def how(sequence: "frappe.Document") -> str:
	"""Where the entries come from, in a sentence."""
	if sequence.entry_by == "Hand":
		return _("Customers enter by hand only: nobody would enter by itself.")
	if sequence.entry_by == "Audience":
		return _("Everybody who is in the audience today and may enter.")
	if sequence.entry_signal in ("Became Dormant", "Became Lost"):
		return _("Those who will have this signal if they don't order and nobody follows up.")
	if sequence.entry_signal == "Key Date":
		return _("Those who have a key date in these days.")
	return _("An estimate: those who had this signal in the last 30 days, 30 days later.")


def _run(sequence: "frappe.Document", entry: Entry) -> Run:
	entered = add_days(entry.day, sequence.entry_delay_days)
	return Run(
		entry.customer, frappe._dict(name=entry.customer, customer=entry.customer, entered_on=entered), []
	)


def _asked_already(row: Outgoing, called: dict[str, str]) -> Outgoing:
	rule = row.step.channel == CALL and called.get(row.customer)
	return (
		row._replace(goes=False, reason=_("The follow-up rule {0} asks for this call.").format(rule))
		if rule
		else row
	)


def _called_by_rules(sequence: "frappe.Document") -> dict[str, str]:
	"""Whom a follow-up rule asks to call for the reason for which they enter, and which: calls of the sequence are left out then."""
	if sequence.entry_by != "Signal":
		return {}
	signal = sequence.entry_signal
	more = frappe.get_all(
		"Follow Up Signal", filters={"parenttype": "Follow Up Rule", "signal": signal}, pluck="parent"
	)
	rules = frappe.get_all(
		"Follow Up Rule",
		filters={"enabled": 1, "trigger": "Signal"},
		or_filters={"signal": signal, "name": ("in", more)},
		fields=["name", "audience_filters", "audience_company"],
	)
	return {
		name: rule.name
		for rule in rules
		for name in customers_in(rule.audience_filters, rule.audience_company)
	}


def _active(sequence: "frappe.Document") -> list[Run]:
	rows = frappe.get_all(
		"Outreach Enrollment",
		filters={"sequence": sequence.name, "status": "Active", "is_holdout": 0},
		fields=["name", "customer", "entered_on"],
	)
	touches: dict[str, list[frappe._dict]] = {}
	for names in chunks([row.name for row in rows]):
		touches.update(touches_of(names))
	return [Run(row.customer, row, touches.get(row.name, [])) for row in rows]


def _entering(shown: list[Entry]) -> list[dict]:
	wanted = {"name": ("in", [entry.customer for entry in shown])}
	names = dict(frappe.get_all("Customer", wanted, ["name", "customer_name"], as_list=True))
	return [
		{"day": entry.day, "customer": entry.customer, "customer_name": names.get(entry.customer)}
		for entry in shown
	]


def _touch(row: Outgoing, several: Collection[str]) -> dict:
	"""`several`: steps of which there is more than one variant; which one it will be is drawn on entering."""
	step, reader = row.step, row.reader
	return {
		"day": row.day,
		"customer": row.customer,
		"customer_name": row.customer_name,
		"channel": step.channel,
		"what": step.email_template
		if step.channel == "Email"
		else (step.message or host_of(step.webhook_url))[:200],
		"day_offset": step.day_offset,
		"variant": _("one of the variants") if step.step_key in several else "",
		"address": reader and reader.address,
		"name": reader and reader.name,
		"wanted_role": step.get("buying_role") or None,
		"role": reader and reader.role,
		"waits_since": row.waits_since,
		"reason": row.reason,
		"goes": row.goes,
	}
