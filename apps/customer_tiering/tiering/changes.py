"""What differs between the decisions and what stands on the customers, and the ledger rows that tell it."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property

import frappe
import pandas as pd

from customer_tiering.engine.policy import ASLEEP, Policy
from customer_tiering.engine.signals import FIRST_ORDER, SIGNALS, SUPER_PROMOTER
from customer_tiering.tiering.as_if_never import Restored
from customer_tiering.tiering.customer import COMPUTED_FIELDS
from customer_tiering.tiering.rule_records import KINDS
from customer_tiering.tiering.signals import (
	FIRING_CAUSES,
	TIER_QUIET_DAYS,
	Signal,
	free_keys,
	stage_signal,
	tier_signal,
)
from customer_tiering.tiering.take_back import TakenBack
from customer_tiering.tiering.voids import stood_before

DECISION_FIELDS = {kind.decision: kind.field for kind in KINDS.values()}
MONEY_FIELDS = ("annual_value",)
DATE_FIELDS = ("tier_since", "below_keep_since", "last_order_date", "tiering_review_on")
# Smaller than any currency's smallest unit, larger than what adding up floats loses.
MONEY_TOLERANCE = 1e-6
# What more customers in one, or other ones, can bring about; the others come with a day or a last order.
EDITABLE = {name for name, about in SIGNALS.items() if about.editable}
# What orders, days and rules bring about, and nothing else that somebody does.
OF_MONEY = {name for name, about in SIGNALS.items() if about.of_money}
CONDITION = ["customer", "signal", "period", "detail", "signal_key"]


@dataclass(frozen=True)
class OldRules:
	"""What the rules of the last run say today: decisions by customer, and the conditions that hold."""

	decisions: pd.DataFrame
	conditions: pd.DataFrame

	@cached_property
	def keys(self) -> frozenset[tuple[str, str, str]]:
		columns = (self.conditions[name] for name in ("customer", "signal", "period"))
		return frozenset(zip(*columns, strict=True))


@dataclass(frozen=True)
class Context:
	"""What all changes of a run have in common.

	`ordered` are customers whose orders changed since the last run, `lowered` those who did more than buy, `edited` those who were merged, regrouped, disabled or
	enabled, made internal or not, or referred others, `…_in_group` also those tiered with them, `referrers_of_ordered` those
	who referred them; `old` is None where the rules have not changed since, `conditions` those that hold and are not in the ledger yet (columns CONDITION), `voids` the
	ledger's signals whose cause is gone (see find_voids), `back` those who were decided once more (see as_if_never), `moved_by` what
	has moved them and `ordered_before` whose first order is not their first, `taken_back` signals that they had and that were taken
	back (customer, signal, tier), `slept_before` who slept since that order already, which nobody was told
	(customer, stage, day), `refitted_whales` orders that are whales
	only because the median order is another one now, `untouched` customers to whom nothing has happened and for whom no day
	has come, `not_ordered` also those of whom somebody changed what has nothing to do with money: what their tiers changed
	by is an exchange rate, a cost or a figure of the population. So are the ways down of those `not_lowered`, who have done
	nothing but buy. `undone` is what is taken back of rules that somebody tried: then whatever is new since has come late, by
	an order or a day, as the rules are those of before.
	"""

	policy: Policy
	as_of: date
	baseline: bool
	ordered: frozenset[str]
	ordered_in_group: frozenset[str]
	lowered_in_group: frozenset[str]
	edited: frozenset[str]
	edited_in_group: frozenset[str]
	referrers_of_ordered: frozenset[str]
	old: OldRules | None
	conditions: pd.DataFrame
	voids: pd.DataFrame
	undone: TakenBack
	back: Mapping[str, Restored]
	taken_back: frozenset[tuple[str, str, str]]
	slept_before: frozenset[tuple[str, str, date]]
	moved_by: dict[str, str]
	ordered_before: frozenset[str]
	refitted_whales: frozenset[str]
	untouched: frozenset[str]
	not_ordered: frozenset[str]
	not_lowered: frozenset[str]
	run: str = ""

	@cached_property
	def entry_values(self) -> dict[str, float]:
		return {tier.name: tier.entry_value for tier in self.policy.tiers}

	def came_with_tier(self, row: dict) -> bool:
		"""Whether the stage moved because the tier did: into or out of one that is for top tiers only.

		Who has fallen asleep, woken up or ordered for the first time did so by itself.
		"""
		if self.meanings.get(row["current_lifecycle_stage"]) in (None, "Lead"):
			return False
		for_top = {stage.name for stage in self.policy.stages if stage.top_tier_only}
		stages = {row["current_lifecycle_stage"], row["lifecycle_stage"]}
		asleep = any(self.meanings.get(stage) in ASLEEP for stage in stages)
		return row["current_customer_tier"] != row["customer_tier"] and bool(stages & for_top) and not asleep

	@cached_property
	def voided_keys(self) -> frozenset[str]:
		"""Of the signals that are being taken back now, and may come again for real."""
		return frozenset(self.voids["signal_key"])

	def goes_back(self, customer: str, decision: str, new: str | None) -> bool:
		"""Whether it is nothing but a way back out of rules that were undone."""
		stood = self.undone.stood.get(decision, {})
		return customer in stood and stood[customer] == new

	def comes_late(self, decision: str, current: pd.Series, new: pd.Series) -> pd.Series:
		"""Who stands where it does by rules that were undone, and has come there for real since: that is still to be told."""
		stood = pd.Series(self.undone.stood.get(decision, {}), dtype=object)
		stood = stood[stood.notna()].reindex(new.index)
		return stood.notna() & _same(current, new) & (stood != new)

	def fell(self, row: dict) -> bool:
		before, after = (self.entry_values.get(row[f"{prefix}customer_tier"]) for prefix in ("current_", ""))
		return before is not None and after is not None and after < before

	def fell_asleep(self, row: dict) -> bool:
		return self.meanings.get(row["lifecycle_stage"]) in ASLEEP

	@cached_property
	def meanings(self) -> dict[str, str]:
		return {stage.name: stage.meaning for stage in self.policy.stages}


def target_values(facts: pd.DataFrame, decisions: pd.DataFrame, context: Context) -> pd.DataFrame:
	"""What every computed field should hold: columns COMPUTED_FIELDS, indexed by customer, dates as datetime.date."""
	target = decisions.join(facts[["annual_value", "annual_orders", "last_order_date", "loyalty_points"]])
	target["below_keep_cause"] = _below_keep_causes(facts, decisions, context)
	target["last_order_date"] = target["last_order_date"].dt.date
	target = target.astype(object)
	return target.where(target.notna(), None)[list(COMPUTED_FIELDS)]


def _below_keep_causes(facts: pd.DataFrame, decisions: pd.DataFrame, context: Context) -> pd.Series:
	"""Edit or Policy where one of these, and neither an order nor a day, brought a customer under the keep value of its tier.

	Kept until the fall, so that the end of the grace doesn't tell of a changed rule as if time had done it.
	"""
	since = pd.to_datetime(decisions["below_keep_since"])
	waited = since.notna() & (since == facts["current_below_keep_since"])
	causes = facts["current_below_keep_cause"].astype(object).where(waited, None)
	for customer in since.index[since.notna() & ~waited]:
		causes[customer] = _why_below_keep(customer, decisions, context)
	return causes


def _why_below_keep(customer: str, decisions: pd.DataFrame, context: Context) -> str | None:
	if context.old is not None:
		old = context.old.decisions.loc[customer]
		stays = old["customer_tier"] == decisions.at[customer, "customer_tier"]
		if stays and pd.isna(old["below_keep_since"]):
			return "Policy"
	if customer in context.not_ordered or customer in context.not_lowered:
		return "Policy"
	cause = _happened(customer, context.lowered_in_group, context.edited_in_group)
	return None if cause in FIRING_CAUSES else cause


def changed_rows(
	facts: pd.DataFrame, target: pd.DataFrame, decisions: pd.DataFrame, context: Context
) -> pd.DataFrame:
	"""The rows of `target` that differ from what stands on the customer, or that have something new for the ledger."""
	differs = pd.Series(
		target.index.isin(context.conditions["customer"]) | target.index.isin(context.voids["customer"]),
		index=target.index,
	)
	differs |= _turned_by_hand(facts, decisions)
	for decision in context.undone.stood:
		field = DECISION_FIELDS[decision]
		differs |= context.comes_late(decision, facts[f"current_{field}"], target[field])
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


def count_events(facts: pd.DataFrame, decisions: pd.DataFrame, context: Context) -> int:
	"""How many ledger rows a run writes for the differences."""
	differs = {
		decision: ~_same(facts[f"current_{field}"], decisions[field])
		| context.comes_late(decision, facts[f"current_{field}"], decisions[field])
		for decision, field in DECISION_FIELDS.items()
	}
	differs["Tier"] |= _turned_by_hand(facts, decisions)
	changed = sum(int(rows.sum()) for rows in differs.values())
	return changed + len(context.conditions) + int(context.voids["customer"].isin(facts.index).sum())


def _turned_by_hand(facts: pd.DataFrame, decisions: pd.DataFrame) -> pd.Series:
	"""Whose override begins or ends: the ledger has it even where the tier stays, since how it ends depends on it."""
	return decisions["by_hand"].astype(bool) != facts["current_tier_by_hand"].astype(bool)


def ledger_rows(
	changes: pd.DataFrame, facts: pd.DataFrame, decisions: pd.DataFrame, context: Context
) -> list[dict]:
	"""Tiering Events: one for each changed tier, stage and segment, with the signal that it fires, if any; one for each
	condition that is new; one for each signal that is void."""
	before = [f"current_{field}" for field in (*DECISION_FIELDS.values(), "below_keep_cause")]
	rows = changes.join(facts[[*before, "first_order_date"]]).join(decisions[["by_hand", "by_hand_ended"]])
	rows["turned_by_hand"] = _turned_by_hand(facts, decisions)
	for decision, stood in context.undone.stood.items():
		current, new = f"current_{DECISION_FIELDS[decision]}", rows[DECISION_FIELDS[decision]]
		late = rows.index[context.comes_late(decision, rows[current], new)]
		rows.loc[late, current] = pd.Series({name: stood[name] for name in late}, dtype=object)
	records = dict(zip(rows.index, rows.to_dict("records"), strict=True))
	candidates = []
	reasons = _override_reasons(rows.index[rows["by_hand"].astype(bool)], facts["root"], context.as_of)
	stood = {
		decision: stood_before(context.voids, decision, facts[f"current_{DECISION_FIELDS[decision]}"])
		for decision in ("Tier", "Stage")
	}
	for decision, before_rules in context.undone.stood.items():
		stood[decision] |= before_rules
	for customer, row in records.items():
		for decision, field in DECISION_FIELDS.items():
			changed = row[f"current_{field}"] != row[field]
			if changed or (decision == "Tier" and row["turned_by_hand"]):
				event = _decision_event(customer, decision, row, context)
				if decision == "Tier" and row["by_hand"]:
					event["detail"] = reasons.get(customer)
				fires = event["cause"] in FIRING_CAUSES and not (
					decision == "Tier" and customer in context.moved_by
				)
				before = stood.get(decision, {}).get(customer, event["old_value"])
				candidates.append(
					(event, _signal(event, before, row["first_order_date"], context) if fires else None)
				)
	return [
		*_keep_new_signals(candidates, context),
		*_condition_events(records, context),
		*_void_events(records, context),
	]


def _override_reasons(customers: pd.Index, roots: pd.Series, as_of: date) -> dict[str, str]:
	"""Why a tier was set by hand: on the customer, else on the one that it is tiered with."""
	names = sorted({*customers, *roots[customers]})
	found = (
		frappe.get_all(
			"Customer",
			{"name": ("in", names), "tier_override": ("is", "set")},
			["name", "tier_override_reason", "tier_override_until"],
		)
		if names
		else []
	)
	said = {
		row.name: row.tier_override_reason
		for row in found
		if not row.tier_override_until or row.tier_override_until >= as_of
	}
	return {name: (said.get(name) or said.get(roots[name]) or "")[:140] or None for name in customers}


def _condition_events(records: dict[str, dict], context: Context) -> Iterator[dict]:
	"""Whatever the cause, the key is used up: a condition that a changed rule brought fires in its next period at the earliest."""
	new = context.conditions[context.conditions["customer"].isin(list(records))]
	for customer, signal, period, detail, key in new[CONDITION].itertuples(index=False):
		event = _event(customer, "Signal", records[customer], context)
		cause = _condition_cause(customer, signal, period, context)
		yield event | {"cause": cause, "signal": signal, "signal_key": key, "detail": detail[:140]}


def _condition_cause(customer: str, signal: str, period: str, context: Context) -> str:
	if context.baseline:
		return "Baseline"
	if context.old and (customer, signal, period) not in context.old.keys:
		return "Policy"
	if period in context.refitted_whales or (customer in context.untouched and not context.undone.tried):
		return "Policy"
	if signal in OF_MONEY and customer in context.not_ordered:
		return "Policy"
	if customer in context.ordered or (signal == SUPER_PROMOTER and customer in context.referrers_of_ordered):
		return "Order"
	return "Edit" if signal in EDITABLE and customer in context.edited else "Time"


def _void_events(records: dict[str, dict], context: Context) -> Iterator[dict]:
	voids = context.voids[context.voids["customer"].isin(list(records))]
	for customer, signal, key in voids[["customer", "signal", "signal_key"]].itertuples(index=False):
		event = _event(customer, "Void", records[customer], context)
		by_order = customer in context.ordered_in_group or customer in context.referrers_of_ordered
		cause = "Policy" if key in context.undone.keys else "Order" if by_order else "Edit"
		yield event | {"cause": cause, "signal": signal, "voids": key}


def _event(customer: str, decision: str, row: dict, context: Context) -> dict:
	return {
		"customer": customer,
		"decision": decision,
		"old_value": None,
		"new_value": None,
		"cause": None,
		"signal": None,
		"signal_key": None,
		"detail": None,
		"voids": None,
		"as_of": context.as_of,
		"run": context.run,
		"rule_version": context.policy.rule_version,
		"annual_value": row["annual_value"],
		"annual_orders": row["annual_orders"],
		"last_order_date": row["last_order_date"],
	}


def _decision_event(customer: str, decision: str, row: dict, context: Context) -> dict:
	field = DECISION_FIELDS[decision]
	values = {"old_value": row[f"current_{field}"], "new_value": row[field]}
	cause = _cause(customer, decision, row, context)
	return _event(customer, decision, row, context) | values | {"cause": cause}


def _cause(customer: str, decision: str, row: dict, context: Context) -> str:
	"""Policy only where the old rules would have left the value as it stands, or where neither an order nor a day nor anybody
	has touched the customer; a tier by hand begins as Override and ends as Override Ended. A stage that follows the tier has the tier's cause."""
	if decision == "Tier" and row["by_hand"]:
		return "Override"
	if decision == "Tier" and row["by_hand_ended"]:
		return "Override Ended"
	if context.baseline:
		return "Baseline"
	if decision == "Tier" and context.moved_by.get(customer) == "Policy":
		return "Policy"
	if context.goes_back(customer, decision, row[DECISION_FIELDS[decision]]):
		return "Policy"
	if decision == "Tier" and row["current_below_keep_cause"] and context.fell(row):
		return row["current_below_keep_cause"]
	if context.old is not None:
		field = DECISION_FIELDS[decision]
		if context.old.decisions.at[customer, field] == row[f"current_{field}"]:
			return "Policy"
	overdue = decision == "Stage" and context.undone.tried and context.fell_asleep(row)
	if not overdue and customer in (context.not_ordered if decision == "Tier" else context.untouched):
		return "Policy"
	if decision == "Tier" and customer in context.not_lowered and context.fell(row):
		return "Policy"
	if decision == "Tier":
		ordered = context.lowered_in_group if context.fell(row) else context.ordered_in_group
		return _happened(customer, ordered, context.edited_in_group)
	if decision == "Stage" and context.came_with_tier(row):
		return _cause(customer, "Tier", row, context)
	return _happened(customer, context.ordered, () if context.fell_asleep(row) else context.edited)


def _happened(customer: str, ordered: Collection[str], edited: Collection[str]) -> str:
	if customer in ordered:
		return "Order"
	return "Edit" if customer in edited else "Time"


def _signal(event: dict, before: str | None, first_order: pd.Timestamp, context: Context) -> Signal | None:
	"""Counted from `before`, where the customer stood before what is taken back now; the way back there is no news."""
	new = event["new_value"]
	if event["decision"] == "Tier" and event["customer"] in context.back:
		return _news_of_way(context.back[event["customer"]], event, context)
	if before != event["old_value"] and (new == before or _undoes(event, before, context)):
		return None
	if event["decision"] == "Tier":
		return tier_signal(before, new, context.entry_values, context.as_of)
	if event["decision"] == "Stage":
		found = stage_signal(
			context.meanings.get(before), context.meanings.get(new), event["last_order_date"]
		)
		slept = (event["customer"], new, event["last_order_date"]) in context.slept_before
		if slept and event["cause"] == "Order":
			return None
		if found and found.name == FIRST_ORDER:
			known = event["customer"] in context.ordered_before or _is_history(first_order, context)
			return None if known else found
		return found
	return None


def _news_of_way(back: Restored, event: dict, context: Context) -> Signal | None:
	"""The last move of who was decided once more, if it was heard of on no day, or is no more."""
	day, before, new = back.way.moves[-1] if back.way.moves else (None, None, None)
	signal = tier_signal(before, new, context.entry_values, context.as_of)
	if not signal or new != event["new_value"]:
		return None
	unheard = back.agreed_on is None or day > back.agreed_on
	return signal if unheard or (event["customer"], signal.name, new) in context.taken_back else None


def _is_history(first_order: pd.Timestamp, context: Context) -> bool:
	"""Whether who has slept since would be asleep now: orders of long ago that somebody typed in welcome nobody."""
	return first_order.date() <= context.policy.asleep_since(context.as_of)


def _undoes(event: dict, before: str | None, context: Context) -> bool:
	"""Whether a tier that changed is but the end of a way down that was taken back, and not all of it is made up for."""
	entry = context.entry_values
	if event["decision"] != "Tier" or event["customer"] in context.undone.tiers:
		return False
	if not {before, event["old_value"], event["new_value"]} <= set(entry):
		return False
	old, new = entry[event["old_value"]], entry[event["new_value"]]
	return old < new < entry[before]


def _keep_new_signals(candidates: list[tuple[dict, Signal | None]], context: Context) -> Iterator[dict]:
	"""Drop signals that the customer has had in their period."""
	keys = {signal.key(event["customer"]) for event, signal in candidates if signal}
	if not keys:
		yield from (event for event, _ in candidates)
		return
	free = free_keys(keys, context.voided_keys)
	recent = recent_tier_signals(
		[event["customer"] for event, signal in candidates if signal], context.as_of, context.voided_keys
	)
	for event, signal in candidates:
		if signal:
			key = free.get(signal.key(event["customer"]))
			if key and (event["customer"], signal.name, event["new_value"]) not in recent:
				event |= {"signal": signal.name, "signal_key": key}
		yield event


def recent_tier_signals(
	customers: list[str], as_of: date, taken_back: Collection[str] = ()
) -> set[tuple[str, str, str]]:
	"""Customer, signal and tier of what was signalled in the last TIER_QUIET_DAYS days and not taken back since, or now."""
	rows = frappe.db.sql(
		"""SELECT event.customer, event.signal, event.new_value, event.signal_key FROM `tabTiering Event` event
		WHERE event.customer IN %(customers)s AND event.decision = 'Tier' AND event.signal_key IS NOT NULL
			AND event.as_of > %(after)s
			AND NOT EXISTS (SELECT 1 FROM `tabTiering Event` void WHERE void.voids = event.signal_key)""",
		{"customers": customers, "after": as_of - timedelta(days=TIER_QUIET_DAYS)},
	)
	return {tuple(row) for *row, key in rows if key not in taken_back}


def _same(left: pd.Series, right: pd.Series) -> pd.Series:
	return (left.isna() & right.isna()) | (left == right)
