"""What signals would start if somebody followed up on all of them: ToDos of rules, mails and call tasks of sequences."""

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

import frappe

from customer_tiering.engine.assignment import is_held_out
from customer_tiering.tiering.audience import customers_in
from customer_tiering.tiering.customer import COMPUTED_FIELDS

if TYPE_CHECKING:
	import pandas as pd

# Fields of an audience that a simulation knows as they would be.
SIMULATED = {"customer_tier": "tier_then", "lifecycle_stage": "stage_then", "rfm_segment": "segment_then"}


class Listener(NamedTuple):
	"""A rule or sequence: what it listens to, whom it is for, and what it makes for each customer."""

	doctype: str
	name: str
	enabled: int
	signals: tuple[str, ...]
	audience: str | None
	company: str | None
	holdout: float
	todos: int
	mails: int


def consequences(signals: "pd.DataFrame", customers: "pd.DataFrame") -> list[dict]:
	"""By signal, the most customers first: `signal`, `customers`, and `starts`, a row for each rule or sequence that listens.

	`signals` has columns customer and signal; `customers`, indexed by customer, has the names that would be: tier_then, stage_then and
	segment_then. A row of `starts` has `doctype`, `name`, `enabled`, `todos` and `mails` over all steps, and `count`, both
	together. One that is switched off is there, too, and would start nothing. Of an audience's conditions those on figures
	that tiering computes are left aside, but for tier, stage and segment, which are those that would be; so are caps, and
	who was in the sequence before.
	"""
	by_signal = signals.groupby("signal")["customer"].agg(set)
	listeners = [*_rules(), *_sequences()]
	found = [
		{
			"signal": signal,
			"customers": len(names),
			"starts": [_started(each, names, customers) for each in listeners if signal in each.signals],
		}
		for signal, names in by_signal.items()
	]
	return sorted(found, key=lambda each: -each["customers"])


def totals(found: list[dict]) -> dict[str, int]:
	"""{"todos", "mails"} of what is switched on."""
	rows = [row for each in found for row in each["starts"] if row["enabled"]]
	return {key: sum(row[key] for row in rows) for key in ("todos", "mails")}


def _started(listener: Listener, names: set[str], customers: "pd.DataFrame") -> dict:
	number = len(_reached(listener, names, customers))
	todos, mails = number * listener.todos, number * listener.mails
	return {
		**{key: getattr(listener, key) for key in ("doctype", "name", "enabled")},
		"todos": todos,
		"mails": mails,
		"count": todos + mails,
	}


def _reached(listener: Listener, names: set[str], customers: "pd.DataFrame") -> set[str]:
	"""Those of the customers who are in the audience and not held out; nobody where the audience can't be read."""
	try:
		stored, simulated = _conditions(listener.audience)
		names = {name for name in names if all(_fits(customers, name, row) for row in simulated)}
		found = customers_in(stored, listener.company, among=names)
	except (ValueError, frappe.ValidationError):
		frappe.clear_last_message()
		return set()
	return {name for name in found if not is_held_out(listener.holdout, listener.name, name)}


def _conditions(filters: str | None) -> tuple[list[list], list[list]]:
	"""Conditions on what is stored, and [column, operator, names] on what is simulated."""
	stored, simulated = [], []
	for row in json.loads(filters or "[]"):
		doctype, field, operator, value = ("Customer", *row) if len(row) == 3 else row[:4]
		if doctype == "Customer" and field in SIMULATED and operator in ("=", "!=", "in", "not in"):
			values = value.split(",") if isinstance(value, str) and "in" in operator else value
			values = values if isinstance(values, list) else [values]
			simulated.append([SIMULATED[field], operator, {str(each).strip() for each in values}])
		elif doctype != "Customer" or field not in COMPUTED_FIELDS:
			stored.append([doctype, field, operator, value])
	return stored, simulated


def _fits(customers: "pd.DataFrame", name: str, condition: list) -> bool:
	column, operator, names = condition
	return (customers.at[name, column] in names) == (operator in ("=", "in"))


def _rules() -> Iterator[Listener]:
	"""Those that listen to signals, each making one ToDo for each."""
	more: dict[str, list[str]] = {}
	for row in frappe.get_all(
		"Follow Up Signal", filters={"parenttype": "Follow Up Rule"}, fields=["parent", "signal"]
	):
		more.setdefault(row.parent, []).append(row.signal)
	for row in frappe.get_all(
		"Follow Up Rule",
		fields=["name", "enabled", "trigger", "signal", "audience_filters", "audience_company"],
		order_by="name",
	):
		signals = (row.signal, *more.get(row.name, ())) if (row.trigger or "Signal") == "Signal" else ()
		yield Listener(
			"Follow Up Rule",
			row.name,
			row.enabled,
			signals,
			row.audience_filters,
			row.audience_company,
			holdout=0,
			todos=1,
			mails=0,
		)


def _sequences() -> Iterator[Listener]:
	"""Those that customers enter by a signal; the variants of a step are one mail."""
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
			row.audience_filters,
			company=None,
			holdout=row.holdout_percent or 0,
			todos=len(channels.get("Call Task", ())),
			mails=len(channels.get("Email", ())),
		)
