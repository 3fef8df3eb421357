"""From facts to decisions: one row a customer, vectorised, deterministic and total."""

from datetime import date

import numpy as np
import pandas as pd

from customer_tiering.engine.money import rounded
from customer_tiering.engine.policy import Policy, Stage
from customer_tiering.engine.population import Population, fit
from customer_tiering.engine.scores import rfm_scores, score_text, segments
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


def classify(
	facts: pd.DataFrame, policy: Policy, as_of: date, population: Population | None = None
) -> pd.DataFrame:
	"""Decide tier, stage, RFM score, segment and purchase frequency of every customer.

	`facts` is indexed by customer and has the columns of FACTS: orders_ever and annual_orders (whole numbers),
	annual_value (money in the window, in the reporting currency, may be negative), last_order_date,
	last_follow_up, tier_override_until, current_tier_since and current_below_keep_since (datetime64 in the site's time
	zone, NaT where there is none), current_tier, current_stage and tier_override (names or None), current_tier_by_hand
	(whether the present tier was given by an override). `population` is that of the last full run; without it `facts` are
	all customers and it is fitted to them.

	Returns the columns of DECISIONS on the same index, days as datetime.date; where there is nothing to say, None.
	"""
	as_of_day = pd.Timestamp(as_of)
	facts = facts.assign(annual_value=rounded(facts["annual_value"]))
	population = population or fit(facts, policy, as_of, median_order=None)
	recency = (as_of_day - facts["last_order_date"]).dt.days
	decisions = decide_tiers(facts, policy, as_of_day)
	for column in ("tier_since", "below_keep_since"):
		decisions[column] = decisions[column].dt.date
	decisions["lifecycle_stage"] = _stages(facts, decisions["customer_tier"], recency, policy, as_of_day)
	scores = rfm_scores(facts, policy, as_of, population)
	decisions["rfm_score"] = score_text(scores).reindex(facts.index)
	decisions["rfm_segment"] = segments(scores, policy).reindex(facts.index)
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


def _frequency(facts: pd.DataFrame, policy: Policy) -> pd.Series:
	orders = facts["annual_orders"]
	classes = np.select(
		[orders >= policy.high_frequency_orders, orders >= 1], ["High", "Normal"], default=None
	)
	return pd.Series(classes, index=facts.index, dtype=object)
