"""What other rules would start, ToDos of rules, mails and call tasks of sequences: by signals, if somebody followed up on all of
them, and by customers who newly come into an audience.
"""

from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING, NamedTuple

import frappe

from customer_tiering.customer_insights.simulated import Simulated
from customer_tiering.engine.assignment import is_held_out
from customer_tiering.engine.key_dates import PREFIX
from customer_tiering.tiering.audience import Condition, conditions_of, customers_in

if TYPE_CHECKING:
	import pandas as pd

RULE = "Follow Up Rule"


class Listener(NamedTuple):
	"""A rule or sequence: what it listens to, whom it is for, and what it makes for each customer.

	One that `takes_audience` waits for no signal: a regular rule, one of a key date (a field that has to be filled), a sequence
	that is entered by being in the audience.
	"""

	doctype: str
	name: str
	enabled: int
	signals: tuple[str, ...]
	takes_audience: bool
	date_field: str | None
	audience: str | None
	company: str | None
	holdout: float
	todos: int
	mails: int


def consequences(signals: "pd.DataFrame", then: Simulated) -> list[dict]:
	"""By signal, the most customers first: `signal`, `customers`, and `starts`, a row for each rule or sequence that listens.

	`signals` has columns customer and signal; `then` are all customers by the other rules. A row of `starts` has `doctype`,
	`name`, `enabled`, `todos` and `mails` over all steps, and `count`, both together. One that is switched off is there, too,
	and would start nothing. An audience's conditions on what tiering computes are asked of what would be; caps, and who was
	in the sequence before, are left aside.
	"""
	by_signal = signals.groupby("signal")["customer"].agg(set)
	listeners = [*_rules(), *_sequences()]
	found = [
		{
			"signal": signal,
			"customers": len(names),
			"starts": _starts(
				[(each, _reached(each, names, then)) for each in listeners if signal in each.signals]
			),
		}
		for signal, names in by_signal.items()
	]
	return sorted(found, key=lambda each: -each["customers"])


def newcomers(now: Simulated, then: Simulated) -> list[dict]:
	"""Who would be in an audience by the other rules and isn't by the current ones, where being in it is enough to start.

	A row, as in `starts` and with the number of `customers`, for each such rule (a ToDo in its next period, or on the key date)
	and sequence that gets any; the rules for the best of a month don't count, as those are so many whoever they are.
	"""
	listeners = [each for each in (*_rules(), *_sequences()) if each.takes_audience]
	reached = [(each, _newly_reached(each, now, then)) for each in listeners]
	return [{**_started(each, names), "customers": len(names)} for each, names in reached if names]


def totals(found: list[dict]) -> dict[str, int]:
	"""{"todos", "mails"} of what is switched on."""
	rows = [row for each in found for row in each["starts"] if row["enabled"]]
	return {key: sum(row[key] for row in rows) for key in ("todos", "mails")}


def _starts(reached: list[tuple[Listener, set[str]]]) -> list[dict]:
	"""A sequence leaves out its calls of customers for whom a rule asks for one for the same reason."""
	asked = set()
	for listener, names in reached:
		if listener.doctype == RULE and listener.enabled:
			asked |= names
	return [
		_started(listener, names, set() if listener.doctype == RULE else asked) for listener, names in reached
	]


def _started(listener: Listener, reached: set[str], asked: Collection[str] = ()) -> dict:
	todos, mails = len(reached.difference(asked)) * listener.todos, len(reached) * listener.mails
	return {
		**{key: getattr(listener, key) for key in ("doctype", "name", "enabled")},
		"todos": todos,
		"mails": mails,
		"count": todos + mails,
	}


def _newly_reached(listener: Listener, now: Simulated, then: Simulated) -> set[str]:
	try:
		_stored, computed = _conditions(listener.audience, then)
		names = then.fitting(computed) - now.fitting(computed)
	except frappe.ValidationError:
		frappe.clear_last_message()
		return set()
	return _reached(listener, names, then)


def _reached(listener: Listener, names: set[str], then: Simulated) -> set[str]:
	"""Those of the customers who are in the audience and not held out; nobody where the audience can't be read."""
	try:
		stored, computed = _conditions(listener.audience, then)
		if listener.date_field:
			stored.append(["Customer", listener.date_field, "is", "set"])
		names = names & then.fitting(computed)
		found = customers_in(stored, listener.company, among=names, as_of=then.as_of)
	except frappe.ValidationError:
		frappe.clear_last_message()
		return set()
	return {name for name in found if not is_held_out(listener.holdout, listener.name, name)}


def _conditions(filters: str | None, simulated: Simulated) -> tuple[list[list], list[Condition]]:
	"""Those on what is stored, and those on what rules decide; predicted lifetime value isn't: fits alone change that."""
	stored, computed = [], []
	for condition in conditions_of(filters):
		if condition.doctype == "Customer" and condition.fieldname in simulated.fields:
			computed.append(condition)
		else:
			stored.append(list(condition))
	return stored, computed


def _rules() -> Iterator[Listener]:
	"""All of them, each making one ToDo for each customer."""
	more: dict[str, list[str]] = {}
	for row in frappe.get_all(
		"Follow Up Signal", filters={"parenttype": "Follow Up Rule"}, fields=["parent", "signal"]
	):
		more.setdefault(row.parent, []).append(row.signal)
	for row in frappe.get_all(
		"Follow Up Rule",
		fields=[
			"name",
			"enabled",
			"trigger",
			"signal",
			"key_date",
			"audience_filters",
			"audience_company",
		],
		order_by="name",
	):
		signals = (row.signal, *more.get(row.name, ())) if (row.trigger or "Signal") == "Signal" else ()
		yield Listener(
			RULE,
			row.name,
			row.enabled,
			signals,
			row.trigger in ("Cadence", "Key Date"),
			PREFIX + frappe.scrub(row.key_date or "") if row.trigger == "Key Date" else None,
			row.audience_filters,
			row.audience_company,
			holdout=0,
			todos=1,
			mails=0,
		)


def _sequences() -> Iterator[Listener]:
	"""All of them; the variants of a step are one mail."""
	steps: dict[str, dict[str, set]] = {}
	for row in frappe.get_all(
		"Outreach Step",
		filters={"parenttype": "Outreach Sequence"},
		fields=["parent", "name", "step_key", "channel", "variant", "weight"],
	):
		if not row.variant or row.weight:
			channels = steps.setdefault(row.parent, {})
			channels.setdefault(row.channel, set()).add(row.step_key or row.name)
	for row in frappe.get_all(
		"Outreach Sequence",
		fields=["name", "enabled", "entry_by", "entry_signal", "audience_filters", "holdout_percent"],
		order_by="name",
	):
		channels = steps.get(row.name, {})
		yield Listener(
			"Outreach Sequence",
			row.name,
			row.enabled,
			(row.entry_signal,) if row.entry_by == "Signal" else (),
			row.entry_by == "Audience",
			None,
			row.audience_filters,
			company=None,
			holdout=row.holdout_percent or 0,
			todos=len(channels.get("Call Task", ())),
			mails=len(channels.get("Email", ())),
		)
