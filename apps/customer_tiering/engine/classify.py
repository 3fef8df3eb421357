"""From facts to decisions: one row a customer, vectorised, deterministic and total."""

from datetime import date

import numpy as np
import pandas as pd

from customer_tiering.engine.churn import churn_risk
from customer_tiering.engine.groups import decide_carried_tiers
from customer_tiering.engine.money import rounded
from customer_tiering.engine.pareto import abc_classes
from customer_tiering.engine.policy import Policy
from customer_tiering.engine.population import Population, fit
from customer_tiering.engine.scores import rfm_scores, score_text, segments
from customer_tiering.engine.stages import decide_stages
from customer_tiering.engine.tiers import STANDING

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
	"root",
	"rhythm_days",
	"open_follow_ups",
)
DECISIONS = (
	"customer_tier",
	"tier_since",
	"below_keep_since",
	"lifecycle_stage",
	"rfm_score",
	"rfm_segment",
	"purchase_frequency",
	"churn_risk",
	"abc_class",
	"by_hand",
	"by_hand_ended",
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
	decisions = decide_carried_tiers(facts, policy, as_of_day)
	for column in ("tier_since", "below_keep_since"):
		decisions[column] = decisions[column].dt.date
	decisions["lifecycle_stage"] = decide_stages(facts, decisions["customer_tier"], policy, as_of)
	scores = rfm_scores(facts, policy, as_of, population)
	decisions["rfm_score"] = score_text(scores).reindex(facts.index)
	decisions["rfm_segment"] = segments(scores, policy).reindex(facts.index)
	decisions["purchase_frequency"] = _frequency(facts, policy)
	recency = (as_of_day - facts["last_order_date"]).dt.days
	decisions["churn_risk"] = churn_risk(facts, recency, policy, population)
	decisions["abc_class"] = abc_classes(facts, population.abc_a_from, population.abc_b_from)
	decisions = decisions[list(DECISIONS)]
	return decisions.astype(object).where(decisions.notna(), None)


def _frequency(facts: pd.DataFrame, policy: Policy) -> pd.Series:
	orders = facts["annual_orders"]
	classes = np.select(
		[orders >= policy.high_frequency_orders, orders >= 1], ["High", "Normal"], default=None
	)
	return pd.Series(classes, index=facts.index, dtype=object)
