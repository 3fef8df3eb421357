"""CDNOW's published fits come out again: of how often its customers ordered (2005), and of what they spent (2013).

The papers count in weeks that they made of days. Here it is days: the same customers, so that alpha is 7 times the
published one, and the likelihood, which holds one density in time for each repeat order, is ln 7 lower for each of them.
"""

from datetime import date
from math import log

import pandas as pd
import pytest

from customer_tiering.engine import bg_nbd, gamma_gamma
from customer_tiering.engine.buyers import buyers, order_days
from customer_tiering.engine.lifetime_value import back_test, fit
from tests import cdnow

# 39 weeks for the fit, 39 weeks after it.
FITTED_UNTIL = date(1997, 9, 30)
WEEK = 7


@pytest.fixture(scope="module")
def days() -> pd.DataFrame:
	numbers = {customer: number for number, customer in cdnow.sampled().items()}
	rows = [
		(numbers[p.customer], pd.Timestamp(p.day), 1, float(p.amount))
		for p in cdnow.purchases()
		if p.customer in numbers
	]
	return order_days(pd.DataFrame(rows, columns=["customer", "day", "orders", "money"]))


@pytest.fixture(scope="module")
def known(days: pd.DataFrame) -> pd.DataFrame:
	return buyers(days, FITTED_UNTIL)


def test_customers_are_described_as_published(known: pd.DataFrame) -> None:
	published = cdnow.summary()
	assert len(published) == len(known) == 2357
	for row in known.itertuples():
		frequency, recency, age = published[row.Index]
		assert row.frequency == frequency
		assert row.recency / WEEK == pytest.approx(recency, abs=0.0051)
		assert row.age / WEEK == pytest.approx(age, abs=0.0051)


def test_how_often_customers_order(known: pd.DataFrame) -> None:
	model = bg_nbd.fit(known)
	repeat_orders = known["frequency"].sum()
	assert repeat_orders == 2457
	assert model.r == pytest.approx(0.243, abs=0.0005)
	assert model.alpha / WEEK == pytest.approx(4.414, abs=0.0005)
	assert model.a == pytest.approx(0.793, abs=0.0005)
	assert model.b == pytest.approx(2.426, abs=0.0005)
	assert model.log_likelihood + repeat_orders * log(WEEK) == pytest.approx(-9582.4, abs=0.05)


def test_what_they_spend(known: pd.DataFrame) -> None:
	assert gamma_gamma.can_be_fitted(known).sum() == 946
	model = gamma_gamma.fit(known)
	assert model.p == pytest.approx(6.25, abs=0.005)
	assert model.q == pytest.approx(3.74, abs=0.005)
	assert model.gamma == pytest.approx(15.44, abs=0.005)


def test_the_39_weeks_after(days: pd.DataFrame, known: pd.DataFrame) -> None:
	"""The paper's table 3 has a customer with 2 repeat orders until week 30.43 of 38.86 order 1.226 times in 39 weeks."""
	orders = fit(known).predict(known, 39 * WEEK)["orders"]
	assert orders["0001"] == pytest.approx(1.226, abs=0.0005)
	came = days[days["day"] > pd.Timestamp(FITTED_UNTIL)]
	assert orders.sum() == pytest.approx(len(came), rel=0.15)


def test_the_model_beats_the_guess(days: pd.DataFrame) -> None:
	test = back_test(days, cdnow.LAST_DAY, 365)
	assert (test.fitted_until, test.days, test.customers) == (FITTED_UNTIL, 39 * WEEK, 2357)
	assert test.is_worth_it and test.error < 0.6 * test.naive_error
	assert abs(test.bias) < 0.2 < abs(test.naive_bias)
