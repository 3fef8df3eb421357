"""What other rules would decide today, next to what the current ones would. Nothing is written.

"Now" is what the current rules decide as of the day, not what stands on the customers: so only the change of the rules shows,
and not what a nightly run has still to catch up with.
"""

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from frappe import _
from frappe.utils import getdate

from customer_tiering.engine.policy import Policy
from customer_tiering.tiering.customer import COMPUTED_FIELDS
from customer_tiering.tiering.policy import read_policy, refuse_gaps
from customer_tiering.tiering.recompute import Progress, no_progress
from customer_tiering.tiering.rule_records import KINDS

if TYPE_CHECKING:
	import pandas as pd

	from customer_tiering.tiering.judgement import Judgement

COLUMNS = {kind.decision.lower(): kind.field for kind in KINDS.values()}
# Of the computed fields those that no decision is: they are facts.
FIGURES = ("annual_value", "annual_orders", "last_order_date", "loyalty_points")


@dataclass(frozen=True)
class Simulation:
	"""Everybody under two policies.

	`customers` is indexed by customer, with `tier`, `stage` and `segment` (names or None), `money` (in the window, in
	that policy's reporting currency) and `orders`, each with the endings `_now` and `_then`; and `last_order` (datetime64).
	`fields_now` and `fields_then`, on the same index, are the computed fields of Customer, but for why one fell below.
	`signals` (columns customer, signal) are those that hold by the other rules, don't by the current ones, and have not
	been in the ledger in their period. `grace` counts customers whom only grace or dwell days keep from falling by the
	other rules.
	"""

	as_of: date
	now: Policy
	then: Policy
	customers: "pd.DataFrame"
	fields_now: "pd.DataFrame"
	fields_then: "pd.DataFrame"
	signals: "pd.DataFrame"
	grace: int
	notes: tuple[str, ...]


def simulate(
	then: Policy, as_of: date | None = None, progress: Progress = no_progress, now: Policy | None = None
) -> Simulation:
	"""Decide everybody as of a day (default: today in the site's time zone) by the policy `then` and by the current one.

	A tier that is to be renamed keeps its stored name in `then`. What is known of orders is read once, unless the policies
	count orders otherwise. Raises ValidationError for a policy that can't decide everybody.
	"""
	from customer_tiering.tiering.facts import read_people, with_orders
	from customer_tiering.tiering.judgement import judge, judge_likewise
	from customer_tiering.tiering.notes import notes_on_orders

	as_of = as_of or getdate()
	now = now or read_policy()
	refuse_gaps(then)
	progress(0, 4, _("Reading orders"))
	people = read_people(as_of)
	facts = with_orders(people, now, as_of)
	progress(1, 4, _("Deciding by the current rules"))
	judged_now = judge(facts, now, as_of)
	progress(2, 4, _("Deciding by the other rules"))
	if then.facts_depend_on == now.facts_depend_on:
		facts_then, judged_then = facts, judge_likewise(judged_now, facts, then, as_of)
	else:
		facts_then = with_orders(people, then, as_of)
		judged_then = judge(facts_then, then, as_of)
	progress(3, 4, _("Comparing"))
	customers = _side_by_side((facts, judged_now), (facts_then, judged_then))
	return Simulation(
		as_of=as_of,
		now=now,
		then=then,
		customers=customers,
		fields_now=_fields(facts, judged_now),
		fields_then=_fields(facts_then, judged_then),
		signals=_new_signals(customers, judged_now, judged_then, now, then, as_of),
		grace=_held_by_grace(judged_now, judged_then),
		notes=tuple(notes_on_orders(then, as_of)),
	)


def _side_by_side(
	now: tuple["pd.DataFrame", "Judgement"], then: tuple["pd.DataFrame", "Judgement"]
) -> "pd.DataFrame":
	import pandas as pd

	columns = {}
	for ending, (facts, judged) in (("now", now), ("then", then)):
		for name, field in COLUMNS.items():
			columns[f"{name}_{ending}"] = judged.decisions[field]
		columns[f"money_{ending}"] = facts["annual_value"]
		columns[f"orders_{ending}"] = facts["annual_orders"]
	columns["last_order"] = then[0]["last_order_date"]
	return pd.DataFrame(columns)


def _fields(facts: "pd.DataFrame", judged: "Judgement") -> "pd.DataFrame":
	found = judged.decisions.join(facts[list(FIGURES)])
	return found[[field for field in COMPUTED_FIELDS if field in found]]


def _held_by_grace(now: "Judgement", then: "Judgement") -> int:
	"""Customers whose money is below what their tier asks for by the other rules, but not by the current ones."""
	waits = then.decisions["below_keep_since"].notna() & now.decisions["below_keep_since"].isna()
	return int(waits.sum())


def _new_signals(
	customers: "pd.DataFrame",
	now: "Judgement",
	then: "Judgement",
	policy_now: Policy,
	policy_then: Policy,
	as_of: date,
) -> "pd.DataFrame":
	import pandas as pd

	from customer_tiering.tiering.signals import Signal, free_keys

	found = [
		*_conditions_only_then(now, then),
		*_of_stages(customers, policy_now, policy_then),
		*_of_tiers(customers, policy_then, as_of),
	]
	keys = {Signal(signal, period).key(customer): (customer, signal) for customer, signal, period in found}
	free = free_keys(keys)
	return pd.DataFrame([keys[key] for key in keys if key in free], columns=["customer", "signal"])


def _conditions_only_then(now: "Judgement", then: "Judgement") -> list[tuple[str, str, str]]:
	key = ["customer", "signal", "period"]
	held = set(now.conditions[key].itertuples(index=False, name=None))
	return [row for row in then.conditions[key].itertuples(index=False, name=None) if row not in held]


def _of_stages(customers: "pd.DataFrame", now: Policy, then: Policy) -> list[tuple[str, str, str]]:
	from customer_tiering.tiering.signals import stage_signal

	before = {stage.name: stage.meaning for stage in now.stages}
	after = {stage.name: stage.meaning for stage in then.stages}
	moved = customers[_differs(customers, "stage")]
	last_order = moved["last_order"].dt.date
	found = []
	for customer, old, new, day in zip(
		moved.index, moved["stage_now"], moved["stage_then"], last_order, strict=True
	):
		if before.get(old) != after.get(new):
			signal = stage_signal(before.get(old), after.get(new), day)
			if signal:
				found.append((customer, signal.name, signal.period))
	return found


def _of_tiers(customers: "pd.DataFrame", then: Policy, as_of: date) -> list[tuple[str, str, str]]:
	from customer_tiering.tiering.changes import recent_tier_signals
	from customer_tiering.tiering.signals import tier_signal

	entry = {tier.name: tier.entry_value for tier in then.tiers}
	moved = customers[_differs(customers, "tier")]
	recent = recent_tier_signals(list(moved.index), as_of) if len(moved) else set()
	found = []
	for customer, old, new in zip(moved.index, moved["tier_now"], moved["tier_then"], strict=True):
		signal = tier_signal(old, new, entry, as_of)
		if signal and (customer, signal.name, new) not in recent:
			found.append((customer, signal.name, signal.period))
	return found


def _differs(customers: "pd.DataFrame", name: str) -> "pd.Series":
	left, right = customers[f"{name}_now"], customers[f"{name}_then"]
	return ~((left.isna() & right.isna()) | (left == right))
