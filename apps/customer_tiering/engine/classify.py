"""From facts to decisions: one row a customer, vectorised, deterministic and total."""

from datetime import date

import numpy as np
import pandas as pd

from customer_tiering.engine.policy import Policy, Stage
from customer_tiering.engine.tiers import STANDING, decide_tiers

FACTS = (
	"orders_ever",
	"last_order_date",
	"annual_orders",
	"annual_value",
	"last_follow_up",
	*STANDING,
	"current_stage",
	"tier_override",
	"tier_override_until",
)
DECISIONS = (
	"customer_tier",
	"tier_since",
	"below_keep_since",
	"lifecycle_stage",
	"rfm_score",
	"rfm_segment",
	"purchase_frequency",
)


def classify(facts: pd.DataFrame, policy: Policy, as_of: date) -> pd.DataFrame:
	"""Decide tier, stage, RFM score, segment and purchase frequency of every customer.

	`facts` is indexed by customer and has the columns of FACTS: orders_ever and annual_orders (whole numbers),
	annual_value (money in the window, in the reporting currency, may be negative), last_order_date,
	last_follow_up, tier_override_until, current_tier_since and current_below_keep_since (datetime64 in the site's time
	zone, NaT where there is none), current_tier, current_stage and tier_override (names or None), current_tier_by_hand
	(whether the present tier was given by an override).

	Returns the columns of DECISIONS on the same index, days as datetime.date; where there is nothing to say, None.
	"""
	as_of_day = pd.Timestamp(as_of)
	recency = (as_of_day - facts["last_order_date"]).dt.days
	decisions = decide_tiers(facts, policy, as_of_day)
	for column in ("tier_since", "below_keep_since"):
		decisions[column] = decisions[column].dt.date
	decisions["lifecycle_stage"] = _stages(facts, decisions["customer_tier"], recency, policy, as_of_day)
	scores = _rfm_scores(facts, recency)
	decisions["rfm_score"] = _score_text(scores, facts.index)
	decisions["rfm_segment"] = _segments(scores, policy).reindex(facts.index)
	decisions["purchase_frequency"] = _frequency(facts, policy)
	return decisions.astype(object).where(decisions.notna(), None)


def _stages(
	facts: pd.DataFrame, tier: pd.Series, recency: pd.Series, policy: Policy, as_of: pd.Timestamp
) -> pd.Series:
	"""The first stage, by position, whose conditions all hold."""
	in_top_tier = tier.isin([t.name for t in policy.tiers if t.is_top])
	held = [_holds(stage, facts, in_top_tier, recency, as_of).to_numpy() for stage in policy.stages]
	names = [stage.name for stage in policy.stages]
	return pd.Series(np.select(held, names, default=None), index=facts.index, dtype=object)


def _holds(
	stage: Stage, facts: pd.DataFrame, in_top_tier: pd.Series, recency: pd.Series, as_of: pd.Timestamp
) -> pd.Series:
	ordered = facts["orders_ever"] > 0
	holds = ~ordered if stage.never_ordered else ordered
	if stage.min_days_since_order:
		holds = holds & (recency >= stage.min_days_since_order)
	if stage.min_orders:
		holds = holds & (facts["orders_ever"] >= stage.min_orders)
	if stage.top_tier_only:
		holds = holds & in_top_tier
	if stage.quiet_days:
		quiet_for = (as_of - facts["last_follow_up"]).dt.days
		quiet = quiet_for.isna() | (quiet_for >= stage.quiet_days)
		holds = holds & (quiet | (facts["current_stage"] == stage.name))
	return holds


def _rfm_scores(facts: pd.DataFrame, recency: pd.Series) -> pd.DataFrame:
	"""1 + ⌊5 × (scored customers strictly worse) ÷ (scored customers)⌋ for each of R, F and M.

	Scored are customers with an order ever; equals share a score. Percentile scoring after Hughes,
	Strategic Database Marketing (1994), with ties kept together.
	"""
	scored = facts["orders_ever"] > 0
	better_if_larger = pd.DataFrame(
		{"r": -recency, "f": facts["annual_orders"], "m": facts["annual_value"]}, index=facts.index
	)[scored]
	strictly_worse = better_if_larger.rank(method="min").sub(1).astype("int64")
	return 1 + (5 * strictly_worse) // max(len(better_if_larger), 1)


def _score_text(scores: pd.DataFrame, index: pd.Index) -> pd.Series:
	text = scores["r"].astype(str) + scores["f"].astype(str) + scores["m"].astype(str)
	return text.astype(object).reindex(index)


def _segments(scores: pd.DataFrame, policy: Policy) -> pd.Series:
	near, frequent, valuable = (
		scores["r"] >= policy.near_score,
		scores["f"] >= policy.high_score,
		scores["m"] >= policy.high_score,
	)
	cells = [
		((near == s.near) & (frequent == s.frequent) & (valuable == s.valuable)).to_numpy()
		for s in policy.segments
	]
	if not cells:
		return pd.Series(None, index=scores.index, dtype=object)
	names = [s.name for s in policy.segments]
	return pd.Series(np.select(cells, names, default=None), index=scores.index, dtype=object)


def _frequency(facts: pd.DataFrame, policy: Policy) -> pd.Series:
	orders = facts["annual_orders"]
	classes = np.select(
		[orders >= policy.high_frequency_orders, orders >= 1], ["High", "Normal"], default=None
	)
	return pd.Series(classes, index=facts.index, dtype=object)
