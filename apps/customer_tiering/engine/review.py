"""When to look at a customer again although nothing has happened: the first day on which time alone could change something."""

from collections.abc import Iterator
from datetime import date

import numpy as np
import pandas as pd
from dateutil.relativedelta import relativedelta

from customer_tiering.engine.churn import churn_days
from customer_tiering.engine.conditions import (
	is_asleep,
	is_silent_potential,
	is_super_promoter,
	is_upsell_ready,
	sleep_warning_days,
)
from customer_tiering.engine.days import days, later
from customer_tiering.engine.decline import is_declining
from customer_tiering.engine.key_dates import KEY_DATES, next_anniversary
from customer_tiering.engine.policy import Policy
from customer_tiering.engine.population import Population
from customer_tiering.engine.stages import next_stage_on
from customer_tiering.engine.tiers import override_valid

NEVER = np.datetime64("NaT", "D")
LAST_DAY = np.datetime64(date.max, "D")


def review_on(
	facts: pd.DataFrame, decisions: pd.DataFrame, policy: Policy, as_of: date, population: Population
) -> pd.Series:
	"""The first day after `as_of` on which a decision, a figure or a condition signal could change by itself (or NaT).

	It holds while no new document comes, the population stays and the customers' standing is what was decided; it may be
	too early, never too late. What a referred customer's documents change when they leave the window is seen only
	when the referrer is looked at together with that customer. `decisions` has its days as datetime64.
	"""
	today = np.datetime64(as_of, "D")
	soonest = np.full(len(facts), NEVER)
	for day in _turning_points(facts, decisions, policy, as_of, population):
		soonest = np.fmin(soonest, np.where((day > today) & (day <= LAST_DAY), day, NEVER))
	return pd.Series(soonest.astype("datetime64[s]"), index=facts.index)


def _turning_points(
	facts: pd.DataFrame, decisions: pd.DataFrame, policy: Policy, as_of: date, population: Population
) -> Iterator[np.ndarray]:
	"""Days on which something turns, one array for each something; those that have passed don't matter."""
	yield from _of_documents(facts, policy)
	yield from _of_the_tier(facts, decisions, policy, as_of)
	yield next_stage_on(facts, decisions["customer_tier"], decisions["lifecycle_stage"], policy, as_of)
	yield from _of_the_last_order(facts, decisions, policy, population)
	yield from _of_the_month(facts, policy, as_of)
	yield from _of_days_ahead(facts, policy, as_of)
	yield days(facts["next_voice"])


def _of_documents(facts: pd.DataFrame, policy: Policy) -> Iterator[np.ndarray]:
	"""A document leaves a window, or one with a later date begins to count; in a group, any member's."""
	in_group = facts.groupby("root", sort=False)[["next_exit", "next_document"]].transform("min")
	yield days(in_group["next_exit"])
	yield days(in_group["next_document"])
	if policy.upsell_value > 0:
		yield days(facts["next_recent_exit"])


def _of_the_tier(
	facts: pd.DataFrame, decisions: pd.DataFrame, policy: Policy, as_of: date
) -> Iterator[np.ndarray]:
	"""Grace and dwell are over, or an override is: its own or the root's."""
	grace, dwell = (
		decisions["customer_tier"].map({tier.name: getattr(tier, length) for tier in policy.tiers})
		for length in ("grace_days", "minimum_dwell_days")
	)
	root_s_since = decisions["tier_since"].loc[facts["root"]]
	yield np.maximum(later(days(decisions["below_keep_since"]), grace), later(days(root_s_since), dwell))
	valid = override_valid(facts, pd.Timestamp(as_of))
	ends = facts["tier_override_until"].where(valid)
	yield later(days(ends), 1)
	yield later(days(ends.loc[facts["root"]]), 1)


def _of_the_last_order(
	facts: pd.DataFrame, decisions: pd.DataFrame, policy: Policy, population: Population
) -> Iterator[np.ndarray]:
	"""The silence since the last order becomes a risk, a warning, a potential or a lower score."""
	last_order, enquiry = days(facts["last_order_date"]), days(facts["last_enquiry"])
	for count in churn_days(facts, policy, population):
		yield later(last_order, count)
	yield later(last_order, sleep_warning_days(facts, policy).mask(is_asleep(decisions, policy)))
	if policy.silent_days:
		asked_since = enquiry > last_order
		yield np.where(asked_since, later(last_order, policy.silent_days), NEVER)
		yield np.where(asked_since, later(enquiry, policy.silent_days), NEVER)
	if policy.scoring == "Fixed Breakpoints":
		for count in policy.recency_breakpoints:
			yield later(last_order, count)


def _of_the_month(facts: pd.DataFrame, policy: Policy, as_of: date) -> Iterator[np.ndarray]:
	"""A month begins: signals of the month come anew, and a decline may show.

	After two months without an order there is nothing left to decline from.
	"""
	holds = (
		is_declining(facts, policy)
		| is_upsell_ready(facts, policy)
		| is_silent_potential(facts, policy, as_of)
		| is_super_promoter(facts, policy)
	)
	for months, turns in (
		(1, holds | is_declining(facts, policy, months_later=1)),
		(2, is_declining(facts, policy, months_later=2)),
	):
		first_day = np.datetime64(as_of + relativedelta(months=months, day=1), "D")
		yield np.where(turns, first_day, NEVER)


def _of_days_ahead(facts: pd.DataFrame, policy: Policy, as_of: date) -> Iterator[np.ndarray]:
	"""A day comes so near that it is told of; and the day after it."""
	if policy.pattern_years:
		expected = days(facts["expected_on"])
		yield later(expected, -policy.pattern_lead_days)
		yield later(expected, 1)
	for key_date in KEY_DATES:
		coming = next_anniversary(facts[key_date], as_of)
		yield later(coming, -policy.key_date_lead_days)
		yield later(coming, 1)
