"""What differs between the decisions and what stands on the customers, and the ledger rows that tell it."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property

import frappe
import pandas as pd

from customer_tiering.engine.policy import Policy
from customer_tiering.engine.tiers import override_ended
from customer_tiering.tiering.customer import COMPUTED_FIELDS
from customer_tiering.tiering.signals import FIRING_CAUSES, TIER_QUIET_DAYS, Signal, stage_signal, tier_signal

DECISION_FIELDS = {"Tier": "customer_tier", "Stage": "lifecycle_stage", "Segment": "rfm_segment"}
MONEY_FIELDS = ("annual_value",)
DATE_FIELDS = ("tier_since", "below_keep_since", "last_order_date")
# Smaller than any currency's smallest unit, larger than what adding up floats loses.
MONEY_TOLERANCE = 1e-6


@dataclass(frozen=True)
class Context:
	"""What all changes of a run have in common."""

	run: str
	policy: Policy
	as_of: date
	baseline: bool
	ordered_since: frozenset[str]
	# Decisions under the rules of the last run; None where they have not changed since.
	by_old_rules: pd.DataFrame | None

	@cached_property
	def entry_values(self) -> dict[str, float]:
		return {tier.name: tier.entry_value for tier in self.policy.tiers}

	@cached_property
	def meanings(self) -> dict[str, str]:
		return {stage.name: stage.meaning for stage in self.policy.stages}


def target_values(facts: pd.DataFrame, decisions: pd.DataFrame) -> pd.DataFrame:
	"""What every computed field should hold: columns COMPUTED_FIELDS, indexed by customer, dates as datetime.date."""
	target = decisions.join(facts[["annual_value", "annual_orders", "last_order_date"]])
	target["last_order_date"] = target["last_order_date"].dt.date
	target = target.astype(object)
	return target.where(target.notna(), None)[list(COMPUTED_FIELDS)]


def changed_rows(facts: pd.DataFrame, target: pd.DataFrame) -> pd.DataFrame:
	"""The rows of `target` in which any field differs from what stands on the customer."""
	differs = pd.Series(False, index=target.index)
	for field in COMPUTED_FIELDS:
		current, wanted = facts[f"current_{field}"], target[field]
		if field in MONEY_FIELDS:
			gap = current.astype("float64").fillna(0.0) - wanted.astype("float64")
			differs |= gap.abs() > MONEY_TOLERANCE
		elif field in DATE_FIELDS:
			differs |= ~_same(pd.to_datetime(current), pd.to_datetime(wanted))
		else:
			differs |= ~_same(current, wanted)
	return target[differs]


def count_events(facts: pd.DataFrame, target: pd.DataFrame, as_of: date) -> int:
	"""How many ledger rows a run writes for the differences."""
	differs = {
		decision: ~_same(facts[f"current_{field}"], target[field])
		for decision, field in DECISION_FIELDS.items()
	}
	differs["Tier"] |= override_ended(facts, pd.Timestamp(as_of))
	return sum(int(rows.sum()) for rows in differs.values())


def ledger_rows(changes: pd.DataFrame, facts: pd.DataFrame, context: Context) -> list[dict]:
	"""One Tiering Event for each changed tier, stage and segment, with the signal that it fires, if any."""
	before = [f"current_{field}" for field in DECISION_FIELDS.values()]
	rows = changes.join(facts[[*before, "current_tier_by_hand", "tier_override", "tier_override_until"]])
	candidates = []
	for customer, row in zip(rows.index, rows.to_dict("records"), strict=True):
		for decision, field in DECISION_FIELDS.items():
			changed = row[f"current_{field}"] != row[field]
			if changed or (decision == "Tier" and _override_ended(row, context.as_of)):
				event = _event(customer, decision, row, context)
				candidates.append(
					(event, _signal(event, context) if event["cause"] in FIRING_CAUSES else None)
				)
	return list(_keep_new_signals(candidates, context))


def _event(customer: str, decision: str, row: dict, context: Context) -> dict:
	field = DECISION_FIELDS[decision]
	return {
		"customer": customer,
		"decision": decision,
		"old_value": row[f"current_{field}"],
		"new_value": row[field],
		"cause": _cause(customer, decision, row, context),
		"signal": None,
		"signal_key": None,
		"as_of": context.as_of,
		"run": context.run,
		"rule_version": context.policy.rule_version,
		"annual_value": row["annual_value"],
		"annual_orders": row["annual_orders"],
		"last_order_date": row["last_order_date"],
	}


def _cause(customer: str, decision: str, row: dict, context: Context) -> str:
	"""Policy only where the old rules would have left the value as it stands; a tier by hand begins as Override and ends as Override Ended."""
	if decision == "Tier" and _overridden(row, context.as_of):
		return "Override"
	if decision == "Tier" and _override_ended(row, context.as_of):
		return "Override Ended"
	if context.baseline:
		return "Baseline"
	if context.by_old_rules is not None:
		field = DECISION_FIELDS[decision]
		if context.by_old_rules.at[customer, field] == row[f"current_{field}"]:
			return "Policy"
	return "Order" if customer in context.ordered_since else "Time"


def _overridden(row: dict, as_of: date) -> bool:
	until = row["tier_override_until"]
	return bool(row["tier_override"]) and (pd.isna(until) or until.date() >= as_of)


def _override_ended(row: dict, as_of: date) -> bool:
	"""The end of an override is told even where the money says the same tier."""
	return bool(row["current_tier_by_hand"]) and not _overridden(row, as_of)


def _signal(event: dict, context: Context) -> Signal | None:
	old, new = event["old_value"], event["new_value"]
	if event["decision"] == "Tier":
		return tier_signal(old, new, context.entry_values, context.as_of)
	if event["decision"] == "Stage":
		return stage_signal(context.meanings.get(old), context.meanings.get(new), event["last_order_date"])
	return None


def _keep_new_signals(candidates: list[tuple[dict, Signal | None]], context: Context) -> Iterator[dict]:
	"""Drop signals that the customer has had in their period."""
	keys = {signal.key(event["customer"]) for event, signal in candidates if signal}
	if not keys:
		yield from (event for event, _ in candidates)
		return
	had = set(frappe.get_all("Tiering Event", filters={"signal_key": ("in", keys)}, pluck="signal_key"))
	recent = _recent_tier_signals(
		[event["customer"] for event, signal in candidates if signal], context.as_of
	)
	for event, signal in candidates:
		if signal:
			key = signal.key(event["customer"])
			if key not in had and (event["customer"], signal.name, event["new_value"]) not in recent:
				event |= {"signal": signal.name, "signal_key": key}
		yield event


def _recent_tier_signals(customers: list[str], as_of: date) -> set[tuple[str, str, str]]:
	rows = frappe.get_all(
		"Tiering Event",
		filters={
			"customer": ("in", customers),
			"decision": "Tier",
			"signal": ("is", "set"),
			"as_of": (">", as_of - timedelta(days=TIER_QUIET_DAYS)),
		},
		fields=["customer", "signal", "new_value"],
	)
	return {(row.customer, row.signal, row.new_value) for row in rows}


def _same(left: pd.Series, right: pd.Series) -> pd.Series:
	return (left.isna() & right.isna()) | (left == right)
