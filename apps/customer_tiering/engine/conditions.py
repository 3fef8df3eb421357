"""Condition signals: what is worth a word while the tier and the stage stay."""

from collections.abc import Iterator
from datetime import date

import numpy as np
import pandas as pd

from customer_tiering.engine.days import days, days_times
from customer_tiering.engine.decline import is_declining
from customer_tiering.engine.key_dates import KEY_DATES, label, next_anniversary
from customer_tiering.engine.money import rounded, thousandths
from customer_tiering.engine.policy import ASLEEP, Policy
from customer_tiering.engine.population import Population
from customer_tiering.engine.signals import (
	DECLINING,
	KEY_DATE,
	SILENT_POTENTIAL,
	SLEEP_WARNING,
	SUPER_PROMOTER,
	UPSELL_READY,
	WHALE_ORDER,
	YEARLY_PATTERN,
)

COLUMNS = ["customer", "signal", "period", "detail"]


def conditions(
	facts: pd.DataFrame,
	decisions: pd.DataFrame,
	policy: Policy,
	as_of: date,
	population: Population,
	whales: pd.DataFrame,
) -> pd.DataFrame:
	"""The condition signals that hold on `as_of`: columns customer, signal, period and detail, sorted by the first three.

	`facts` and `decisions` are what classify was given and gave. Besides, `facts` has recent_value (money of the last
	`upsell_months` months) where `upsell_value` is set, referred_value (money in the window of the customers that this one
	referred) where `promoter_percent` is, spend_1 to spend_{decline_months + 1} where `decline_percent` is (see is_declining),
	last_enquiry and expected_on (datetime64) and KEY_DATES (datetime64). `whales` has a row an order in the window
	that is at least whale_from: columns customer, order (its name), day and money.

	A customer has a signal once in a period: the last order's date, the order's name, the calendar month of `as_of` or
	of the expected day, or a key date's name and year. The detail says in figures what it is about, in no language.
	"""
	found = [
		*_of_the_last_order(facts, decisions, policy, as_of),
		*_of_an_order(facts, policy, population, whales),
		*_of_the_month(facts, policy, as_of),
		*_of_a_day_ahead(facts, policy, as_of),
	]
	rows = pd.concat([pd.DataFrame(columns=COLUMNS, dtype=object), *(rows for rows in found if len(rows))])
	return rows.sort_values(COLUMNS, ignore_index=True)


def whale_from(policy: Policy, population: Population) -> float | None:
	"""The money from which an order is a whale; None where the signal is off or there is no ordinary order above zero."""
	if not policy.whale_factor or not population.median_order or population.median_order < 0:
		return None
	return round(policy.whale_factor * population.median_order, 3)


def is_asleep(decisions: pd.DataFrame, policy: Policy) -> pd.Series:
	"""Whether the decided stage means that the customer is dormant or lost."""
	return decisions["lifecycle_stage"].isin(
		[stage.name for stage in policy.stages if stage.meaning in ASLEEP]
	)


def sleep_warning_days(facts: pd.DataFrame, policy: Policy) -> pd.Series:
	"""The days since the last order from which a customer is warned of; NaN where the signal is off."""
	if not policy.sleep_factor:
		return pd.Series(np.nan, index=facts.index)
	own = days_times(facts["rhythm_days"], policy.sleep_factor).clip(lower=policy.sleep_min_days)
	return own.fillna(policy.sleep_default_days)


def is_upsell_ready(facts: pd.DataFrame, policy: Policy) -> pd.Series:
	"""Enough money in the last months for the next package."""
	if policy.upsell_value <= 0:
		return pd.Series(False, index=facts.index)
	return rounded(facts["recent_value"]) >= policy.upsell_value


def is_silent_potential(facts: pd.DataFrame, policy: Policy, as_of: date) -> pd.Series:
	"""No order for `silent_days` days, but an enquiry within them."""
	if not policy.silent_days:
		return pd.Series(False, index=facts.index)
	today = pd.Timestamp(as_of)
	silent = (today - facts["last_order_date"]).dt.days >= policy.silent_days
	return silent & ((today - facts["last_enquiry"]).dt.days < policy.silent_days)


def is_super_promoter(facts: pd.DataFrame, policy: Policy) -> pd.Series:
	"""The customers that it referred bring at least `promoter_percent` percent of what it brings itself."""
	if not policy.promoter_percent:
		return pd.Series(False, index=facts.index)
	referred, own = thousandths(facts["referred_value"]), thousandths(facts["annual_value"]).clip(lower=0)
	return (referred > 0) & (100 * referred >= policy.promoter_percent * own)


def _of_the_last_order(
	facts: pd.DataFrame, decisions: pd.DataFrame, policy: Policy, as_of: date
) -> Iterator[pd.DataFrame]:
	recency = (pd.Timestamp(as_of) - facts["last_order_date"]).dt.days
	warned = (recency >= sleep_warning_days(facts, policy)) & ~is_asleep(decisions, policy)
	last_order = _text(facts["last_order_date"][warned])
	yield _rows(SLEEP_WARNING, last_order.index, last_order, last_order)


def _of_an_order(
	facts: pd.DataFrame, policy: Policy, population: Population, whales: pd.DataFrame
) -> Iterator[pd.DataFrame]:
	least = whale_from(policy, population)
	if least is None:
		return
	whales = whales[(rounded(whales["money"]) >= least) & whales["customer"].isin(facts.index)]
	detail = whales["order"].astype(str) + " · " + _money(whales["money"])
	yield _rows(WHALE_ORDER, whales["customer"], whales["order"], detail)


def _of_the_month(facts: pd.DataFrame, policy: Policy, as_of: date) -> Iterator[pd.DataFrame]:
	month = f"{as_of:%Y-%m}"
	declining = facts[is_declining(facts, policy)]
	if len(declining):
		spend = [_money(declining[f"spend_{n}"]) for n in range(policy.decline_months + 1, 0, -1)]
		yield _rows(DECLINING, declining.index, month, spend[0].str.cat(spend[1:], sep=" → "))
	ready = facts[is_upsell_ready(facts, policy)]
	if len(ready):
		yield _rows(UPSELL_READY, ready.index, month, _money(ready["recent_value"]))
	silent = facts[is_silent_potential(facts, policy, as_of)]
	yield _rows(SILENT_POTENTIAL, silent.index, month, _text(silent["last_enquiry"]))
	promoters = facts[is_super_promoter(facts, policy)]
	if len(promoters):
		yield _rows(SUPER_PROMOTER, promoters.index, month, _money(promoters["referred_value"]))


def _of_a_day_ahead(facts: pd.DataFrame, policy: Policy, as_of: date) -> Iterator[pd.DataFrame]:
	today = np.datetime64(as_of, "D")
	if policy.pattern_years:
		expected = days(facts["expected_on"])
		soon = (expected >= today) & (expected - np.timedelta64(policy.pattern_lead_days, "D") <= today)
		day = _text(facts["expected_on"][soon])
		yield _rows(YEARLY_PATTERN, day.index, day.str[:7], day)
	for key_date in KEY_DATES:
		coming = next_anniversary(facts[key_date], as_of)
		soon = coming - np.timedelta64(policy.key_date_lead_days, "D") <= today
		day = _text(pd.Series(coming[soon].astype("datetime64[s]"), index=facts.index[soon]))
		yield _rows(KEY_DATE, day.index, label(key_date) + " " + day.str[:4], day)


def _rows(
	signal: str, customer: pd.Series | pd.Index, period: pd.Series | str, detail: pd.Series
) -> pd.DataFrame:
	columns = {"customer": customer, "signal": signal, "period": period, "detail": detail}
	plain = {name: getattr(column, "array", column) for name, column in columns.items()}
	return pd.DataFrame(plain, columns=COLUMNS, dtype=object)


def _text(day: pd.Series) -> pd.Series:
	"""Days as 2026-11-22."""
	return day.dt.strftime("%Y-%m-%d").astype(object)


def _money(money: pd.Series) -> pd.Series:
	return money.map("{:,.2f}".format).astype(object)
