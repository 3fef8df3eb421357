"""The lifecycle stage: the first one, by position, whose conditions all hold."""

from collections.abc import Iterator
from datetime import date

import numpy as np
import pandas as pd

from customer_tiering.engine.days import days
from customer_tiering.engine.policy import Policy, Stage
from customer_tiering.engine.voice import feedback_categories

NEVER = np.datetime64("NaT", "D")
ALWAYS = np.datetime64("0001-01-01", "D")


def decide_stages(facts: pd.DataFrame, tier: pd.Series, policy: Policy, as_of: date) -> np.ndarray:
	"""The name of every customer's stage on `as_of`, None where none matches; `tier` is the decided one."""
	today = np.datetime64(as_of, "D")
	held = [
		(entry <= today) | (stays & (ready <= today)) for entry, ready, stays in _ways_in(facts, tier, policy)
	]
	return np.select(held, [stage.name for stage in policy.stages], default=None)


def next_stage_on(
	facts: pd.DataFrame, tier: pd.Series, stage: pd.Series, policy: Policy, as_of: date
) -> np.ndarray:
	"""The first day after `as_of` on which time alone moves a customer on from its decided stage (datetime64[D] or NaT).

	Time opens stages and closes none, so that only a stage before the decided one can come. On the day of the facts'
	`next_voice` (points expire, an answer grows old) it has to be asked again.
	"""
	soonest = np.full(len(facts), NEVER)
	undecided = np.ones(len(facts), dtype=bool)
	for each, (entry, _, _) in zip(policy.stages, _ways_in(facts, tier, policy), strict=True):
		undecided &= (stage != each.name).to_numpy()
		soonest = np.fmin(soonest, np.where(undecided & (entry > np.datetime64(as_of, "D")), entry, NEVER))
	return soonest


def _ways_in(
	facts: pd.DataFrame, tier: pd.Series, policy: Policy
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
	"""For each stage: the day of entry, the day from which it can be stayed in, and whether the customer stays in it.

	NaT where what doesn't depend on time keeps the customer out. Who has left a stage for no other reason than a changed
	rule, while by the rules of now it could have stayed, is taken to be in it still: rules that come back bring back whoever
	they had, though a follow-up would keep others from entering.
	"""
	in_top_tier = tier.isin([each.name for each in policy.tiers if each.is_top]).to_numpy()
	category = feedback_categories(facts, policy)
	first_order, last_order = days(facts["first_order_date"]), days(facts["last_order_date"])
	last_follow_up = days(facts["last_follow_up"])
	for stage in policy.stages:
		ready = np.where(_suits(stage, facts, in_top_tier) & _speaks(stage, facts, category), ALWAYS, NEVER)
		if stage.min_days_since_order:
			ready = np.maximum(ready, last_order + np.timedelta64(stage.min_days_since_order, "D"))
		if stage.min_days_since_first_order:
			ready = np.maximum(ready, first_order + np.timedelta64(stage.min_days_since_first_order, "D"))
		entry = ready
		if stage.quiet_days:
			quiet = last_follow_up + np.timedelta64(stage.quiet_days, "D")
			entry = np.maximum(entry, np.where(np.isnat(quiet), ALWAYS, quiet))
		if stage.no_open_follow_up:
			entry = np.where(facts["open_follow_ups"] == 0, entry, NEVER)
		yield (
			entry,
			ready,
			(facts["current_stage"] == stage.name).to_numpy() | (ready <= _left_on(facts, stage)),
		)


def _left_on(facts: pd.DataFrame, stage: Stage) -> np.ndarray:
	"""The day on which a changed rule, and nothing else until now, took the customer out of the stage (datetime64[D] or NaT)."""
	found = (left.get(stage.name) if isinstance(left, dict) else None for left in facts["left_by_rules"])
	return np.array(list(found), dtype="datetime64[D]")


def _suits(stage: Stage, facts: pd.DataFrame, in_top_tier: np.ndarray) -> np.ndarray:
	"""The conditions that don't depend on time."""
	orders = facts["orders_ever"].to_numpy()
	suits = ((orders == 0) if stage.never_ordered else (orders > 0)) & (orders >= stage.min_orders)
	return suits & in_top_tier if stage.top_tier_only else suits


def _speaks(stage: Stage, facts: pd.DataFrame, category: np.ndarray) -> np.ndarray:
	"""The conditions on issues, points and the last answer."""
	holds = np.ones(len(facts), dtype=bool)
	if stage.min_open_issues:
		holds &= (facts["open_issues"] >= stage.min_open_issues).to_numpy()
	if stage.min_points:
		holds &= (facts["loyalty_points"] >= stage.min_points).to_numpy()
	if stage.feedback:
		holds &= category == stage.feedback
	return holds
