"""From facts to decisions: one row a customer, vectorised, deterministic and total."""

from datetime import date

import numpy as np
import pandas as pd

from customer_tiering.engine.churn import churn_risk
from customer_tiering.engine.groups import decide_carried_tiers
from customer_tiering.engine.key_dates import KEY_DATES
from customer_tiering.engine.money import rounded
from customer_tiering.engine.pareto import abc_classes
from customer_tiering.engine.policy import Policy
from customer_tiering.engine.population import Population, fit
from customer_tiering.engine.review import review_on
from customer_tiering.engine.scores import rfm_scores, score_text, segments
from customer_tiering.engine.stages import decide_stages
from customer_tiering.engine.tiers import OVERRIDE, STANDING
from customer_tiering.engine.voice import feedback_categories

FACTS = (
	"orders_ever",
	"first_order_date",
	"last_order_date",
	"annual_orders",
	"annual_value",
	"last_follow_up",
	*STANDING,
	*OVERRIDE,
	"current_stage",
	"left_by_rules",
	"root",
	"rhythm_days",
	"open_follow_ups",
	"last_enquiry",
	"next_exit",
	"next_document",
	"loyalty_points",
	"open_issues",
	"overdue_issues",
	"last_score",
	"next_voice",
	*KEY_DATES,
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
	"feedback_category",
	"tiering_review_on",
	"by_hand",
	"by_hand_ended",
)


def classify(
	facts: pd.DataFrame, policy: Policy, as_of: date, population: Population | None = None
) -> pd.DataFrame:
	"""Decide tier, stage, scores, segment, frequency, churn risk and ABC class of every customer, and when to look again.

	`facts` is indexed by customer and has the columns of FACTS. Money is in the reporting currency and may be negative;
	days are datetime64 in the site's time zone, NaT where there is none:

	- orders_ever, annual_orders, open_follow_ups: whole numbers; annual_value: money in the window.
	- first_order_date, last_order_date, last_follow_up, last_enquiry, tier_override_until and the KEY_DATES.
	- next_exit: the next day on which a document leaves the window; next_document: the first day after `as_of` of a
	  document or an enquiry that is known already.
	- current_tier, current_tier_since, current_below_keep_since, current_stage: how the customer stands (names or
	  None), and current_tier_by_hand: whether an override gave the tier; tier_override: a name or None.
	- left_by_rules: of stages that a changed rule, and nothing else since, took the customer out of, the day on which it did
	  ({name: date}), or None.
	- root: the customer that it is tiered with, itself or one that has a row; all of a group are given.
	- rhythm_days: median gap between its order days, NaN where there are too few.
	- loyalty_points, open_issues, overdue_issues: whole numbers; last_score: the last answer that still counts, 0 to
	  10, NaN without one; next_voice: the first day after `as_of` on which time alone changes any of these.

	Besides, where the policy has the signal on: recent_value and next_recent_exit, referred_value, spend_0 to
	spend_{decline_months + 1} and expected_on (see conditions and is_declining).

	`population` is that of the last full run; without it `facts` are all customers and it is fitted to them.

	Returns the columns of DECISIONS on the same index, days as datetime.date; where there is nothing to say, None.
	"""
	as_of_day = pd.Timestamp(as_of)
	facts = facts.assign(annual_value=rounded(facts["annual_value"]))
	population = population or fit(facts, policy, as_of, median_order=None)
	decisions = decide_carried_tiers(facts, policy, as_of_day)
	decisions["lifecycle_stage"] = decide_stages(facts, decisions["customer_tier"], policy, as_of)
	scores = rfm_scores(facts, policy, as_of, population)
	decisions["rfm_score"] = score_text(scores).reindex(facts.index)
	decisions["rfm_segment"] = segments(scores, policy).reindex(facts.index)
	decisions["purchase_frequency"] = _frequency(facts, policy)
	recency = (as_of_day - facts["last_order_date"]).dt.days
	decisions["churn_risk"] = churn_risk(facts, recency, policy, population)
	decisions["abc_class"] = abc_classes(facts, population.abc_a_from, population.abc_b_from)
	decisions["feedback_category"] = feedback_categories(facts, policy)
	decisions["tiering_review_on"] = review_on(facts, decisions, policy, as_of, population)
	for column in ("tier_since", "below_keep_since", "tiering_review_on"):
		decisions[column] = decisions[column].dt.date
	decisions = decisions[list(DECISIONS)]
	return decisions.astype(object).where(decisions.notna(), None)


def _frequency(facts: pd.DataFrame, policy: Policy) -> pd.Series:
	orders = facts["annual_orders"]
	classes = np.select(
		[orders >= policy.high_frequency_orders, orders >= 1], ["High", "Normal"], default=None
	)
	return pd.Series(classes, index=facts.index, dtype=object)
