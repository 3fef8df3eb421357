"""A customer's own rhythm of ordering, and the time of the year at which it orders every year."""

from datetime import date

import numpy as np
import pandas as pd

from customer_tiering.engine.days import add_years, days
from customer_tiering.engine.policy import Policy

# A season: days on either side of the same day of the year that are the same time of the year.
SEASON_DAYS = 7
# Who orders more often than either of these has no season.
RARE_GAP_DAYS = 90
RARE_ORDER_DAYS_A_YEAR = 3

# A customer's number and a day as one sortable whole number; the days of years 1 to 9999 fit with room on either side.
SPAN = 1 << 22
FIRST = -(1 << 20)


def rhythm(order_days: pd.DataFrame, policy: Policy, as_of: date) -> pd.DataFrame:
	"""How often, and at which time of the year, customers order.

	`order_days` has a row an order, in any order and with repetitions: columns customer and day (datetime64 in the site's
	time zone); what comes after `as_of` is left out. Returns one row a customer that is left, index customer:

	- rhythm_days: the median gap in days between its distinct order days; NaN with fewer than three of them.
	- expected_on: datetime64, the next day, `as_of` or later, on which it is expected by a yearly pattern, else NaT.

	A day is expected when it is the anniversary of an order day that opened a season last year, each of the
	`pattern_years` years before it had an order within SEASON_DAYS of it, this year's season had none yet, and the
	customer orders seldom: a median gap of at least RARE_GAP_DAYS, or over those years at most RARE_ORDER_DAYS_A_YEAR
	order days a year. Nothing but `expected_on` having passed changes the answer while no order comes.
	"""
	order_days = order_days[order_days["day"] <= pd.Timestamp(as_of)]
	codes, customers = pd.factorize(order_days["customer"])
	keys = np.sort(_keys(codes, days(order_days["day"])))
	keys = keys[np.diff(keys, prepend=-1) > 0]
	median_gap = _median_gaps(keys, len(customers))
	expected_on = np.full(len(customers), np.datetime64("NaT", "D"))
	if policy.pattern_years:
		owner, expected = _expected(keys, median_gap, policy.pattern_years, np.datetime64(as_of, "D"))
		# Of several the soonest: written last.
		latest_first = np.argsort(expected)[::-1]
		expected_on[owner[latest_first]] = expected[latest_first]
	return pd.DataFrame(
		{"rhythm_days": median_gap, "expected_on": expected_on.astype("datetime64[s]")},
		index=pd.Index(customers, name="customer"),
	)


def _keys(owner: np.ndarray, day: np.ndarray) -> np.ndarray:
	return owner.astype("int64") * SPAN + day.astype("int64") - FIRST


def _owners_and_days(keys: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
	return keys // SPAN, (keys % SPAN + FIRST).astype("datetime64[D]")


def _median_gaps(keys: np.ndarray, size: int) -> np.ndarray:
	owner, day = _owners_and_days(keys)
	within = owner[1:] == owner[:-1]
	gaps = pd.Series(np.diff(day)[within].astype("int64")).groupby(owner[1:][within])
	return gaps.median().where(gaps.size() >= 2).reindex(range(size)).to_numpy("float64")


def _expected(
	keys: np.ndarray, median_gap: np.ndarray, years: int, as_of: np.datetime64
) -> tuple[np.ndarray, np.ndarray]:
	"""Customers' numbers and the days, `as_of` or later, on which they are expected."""
	owner, day = _owners_and_days(keys)
	season = np.timedelta64(SEASON_DAYS, "D")
	opens = np.ones(len(keys), dtype=bool)
	opens[1:] = np.diff(keys) > SEASON_DAYS
	expected = add_years(day, 1)
	candidate = opens & (expected >= as_of)
	owner, expected = owner[candidate], expected[candidate]

	def orders(first: np.ndarray, last: np.ndarray) -> np.ndarray:
		return np.searchsorted(keys, _keys(owner, last), "right") - np.searchsorted(keys, _keys(owner, first))

	seldom = median_gap[owner] >= RARE_GAP_DAYS
	seldom |= orders(add_years(expected, -years), expected) <= RARE_ORDER_DAYS_A_YEAR * years
	holds = seldom & (orders(expected - season, expected) == 0)
	for ago in range(2, years + 1):
		middle = add_years(expected, -ago)
		holds &= orders(middle - season, middle + season) > 0
	return owner[holds], expected[holds]
