"""The models against what they mean: likelihoods integrated over all customers that there could be, and simulated customers."""

import contextlib
from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from math import exp, log

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy import integrate, stats

from customer_tiering.engine import bg_nbd, gamma_gamma
from customer_tiering.engine.bg_nbd import BgNbd
from customer_tiering.engine.buyers import brought, buyers, order_days
from customer_tiering.engine.dropout import mean_over_dropout
from customer_tiering.engine.gamma_gamma import GammaGamma
from customer_tiering.engine.lifetime_value import BackTest, Model, NoFitError, back_test, fit, refuse_absurd
from customer_tiering.engine.maximum import at_bounds, maximise

CDNOW = BgNbd(r=0.243, alpha=30.9, a=0.793, b=2.426, log_likelihood=0.0)
SPEND = GammaGamma(p=6.25, q=3.74, gamma=15.44, log_likelihood=0.0)
MODELS = (CDNOW, BgNbd(2.0, 15.0, 1.0, 4.0, 0.0), BgNbd(1.3, 80.0, 3.5, 1.2, 0.0))
CUSTOMERS = ((0, 0, 200), (1, 1, 200), (3, 150, 200), (12, 199, 200), (4, 90, 90))
START = date(2024, 1, 1)
COLUMNS = ["frequency", "recency", "age", "spend", "log_spend", "paid", "orders", "money"]


def customers(*rows: tuple[float, float, float], spend: float = 10.0) -> pd.DataFrame:
	frame = pd.DataFrame(rows, columns=["frequency", "recency", "age"], dtype=float)
	paid = spend * (frame["frequency"] + 1)
	spend = np.where(frame["frequency"] > 0, spend, np.nan)
	with np.errstate(divide="ignore"):
		return frame.assign(spend=spend, log_spend=np.log(np.maximum(spend, 0.0)), paid=paid)


def simulated(model: BgNbd, spend: GammaGamma, count: int, age: int, later: int, seed: int) -> pd.DataFrame:
	"""Customers as the models have them, one after the other; `orders` and `money` are those of `later` days after `age`."""
	chance = np.random.default_rng(seed)
	rows = []
	for _customer in range(count):
		rate = chance.gamma(model.r, 1 / model.alpha)
		gone = chance.beta(model.a, model.b)
		mean = spend.p / chance.gamma(spend.q, 1 / spend.gamma)
		times, at = [], 0.0
		while rate > 0:
			at += chance.exponential(1 / rate)
			if at > age + later:
				break
			times.append(at)
			if chance.random() < gone:
				break
		paid = chance.gamma(spend.p, mean / spend.p, len(times))
		seen = sum(time <= age for time in times)
		mean_paid = paid[:seen].mean() if seen else np.nan
		rows.append(
			(
				seen,
				times[seen - 1] if seen else 0.0,
				age,
				mean_paid,
				np.log(paid[:seen]).mean() if seen else np.nan,
				chance.gamma(spend.p, mean / spend.p) + paid[:seen].sum(),
				len(times) - seen,
				paid[seen:].sum(),
			)
		)
	return pd.DataFrame(rows, columns=COLUMNS)


def of_one(
	rate: float, gone: np.ndarray, x: int, recency: float, age: float
) -> tuple[np.ndarray, np.ndarray]:
	"""The likelihood of what a customer with this rate and this probability of being gone did: alive still, and gone since."""
	alive = (1 - gone) ** x * rate**x * exp(-rate * age)
	dead = gone * (1 - gone) ** (x - 1) * rate**x * exp(-rate * recency) if x else 0 * gone
	return alive, dead


def over_all_customers(model: BgNbd, of: Callable[[float, np.ndarray], np.ndarray]) -> float:
	"""The mean of a function of rate and probability over the customers that the model knows, by quadrature over quantiles."""
	nodes, weights = np.polynomial.legendre.leggauss(120)
	# Crowded towards both ends, where densities may have poles.
	places, crowd = 0.5 + nodes * (3 - nodes**2) / 4, weights * 0.75 * (1 - nodes**2)
	rates = stats.gamma(model.r, scale=1 / model.alpha).ppf(places)
	gones = stats.beta(model.a, model.b).ppf(places)
	return sum(weight * float(crowd @ of(rate, gones)) for rate, weight in zip(rates, crowd, strict=True))


class TestHowOften:
	@pytest.mark.parametrize("model", MODELS)
	def test_the_likelihood_is_the_mean_over_all_customers(self, model: BgNbd) -> None:
		for x, recency, age in CUSTOMERS[:4]:
			found, _gradient = bg_nbd._Likelihood(
				*(np.array([float(value)]) for value in (x, recency, age)), np.ones(1)
			)(np.array([model.r, model.alpha, model.a, model.b]))
			meant = over_all_customers(
				model, lambda rate, gone, c=(x, recency, age): sum(of_one(rate, gone, *c))
			)
			assert found == pytest.approx(log(meant), rel=1e-4)

	def test_its_gradient_is_its_slope(self) -> None:
		likelihood = bg_nbd._Likelihood(*np.array(CUSTOMERS, float).T, np.arange(1.0, 6.0))
		at = np.array([0.7, 20.0, 0.6, 2.0])
		for index in range(4):
			step = np.eye(4)[index] * at[index] * 1e-6
			slope = (likelihood(at + step)[0] - likelihood(at - step)[0]) / (2 * step[index])
			assert likelihood(at)[1][index] == pytest.approx(slope, rel=1e-5)

	@pytest.mark.parametrize("model", MODELS)
	def test_expected_orders_are_those_of_all_customers_who_did_the_same(self, model: BgNbd) -> None:
		days = 365
		for customer in CUSTOMERS:
			likelihood = over_all_customers(model, lambda rate, gone, c=customer: sum(of_one(rate, gone, *c)))
			alive = over_all_customers(model, lambda rate, gone, c=customer: of_one(rate, gone, *c)[0])
			orders = over_all_customers(
				model,
				lambda rate, gone, c=customer: (
					of_one(rate, gone, *c)[0] * -np.expm1(-rate * gone * days) / np.maximum(gone, 1e-300)
				),
			)
			known = customers(customer)
			assert model.alive(known)[0] == pytest.approx(alive / likelihood, rel=1e-3)
			assert model.expected_orders(known, days)[0] == pytest.approx(orders / likelihood, rel=1e-3)

	@given(
		a=st.floats(1e-3, 1e3),
		b=st.floats(1e-2, 1e3),
		orders=st.floats(1e-2, 1e3),
		horizon=st.floats(1e-4, 50),
	)
	@settings(deadline=None, max_examples=60)
	def test_the_mean_over_dropout_needs_no_more_points(
		self, a: float, b: float, orders: float, horizon: float
	) -> None:
		one = tuple(np.array([value]) for value in (b, orders, horizon))
		assert mean_over_dropout(a, *one)[0] == pytest.approx(
			mean_over_dropout(a, *one, points=3000)[0], rel=1e-6
		)

	def test_the_mean_over_dropout_is_an_integral(self) -> None:
		for a, b, orders, horizon in ((0.8, 2.4, 3.2, 1.7), (5.0, 40.0, 120.0, 0.9), (1.0, 1.0, 0.3, 12.0)):
			beta = stats.beta(a, b)
			meant, _error = integrate.quad(
				lambda p, d=beta, n=orders, h=horizon: d.pdf(p) * (1 - (1 + p * h) ** -n) / p, 0, 1, limit=200
			)
			found = mean_over_dropout(a, *(np.array([value]) for value in (b, orders, horizon)))
			assert found[0] == pytest.approx(meant, rel=1e-6)

	def test_parameters_that_customers_were_made_with_come_back(self) -> None:
		true = BgNbd(r=0.8, alpha=20.0, a=0.6, b=3.0, log_likelihood=0.0)
		found = bg_nbd.fit(simulated(true, SPEND, 8000, 400, 0, seed=5))
		for name in ("r", "alpha", "a", "b"):
			assert getattr(found, name) == pytest.approx(getattr(true, name), rel=0.15), name

	def test_what_customers_do_then_is_what_was_expected(self) -> None:
		true = BgNbd(r=0.8, alpha=20.0, a=0.6, b=3.0, log_likelihood=0.0)
		crowd = simulated(true, SPEND, 20_000, 200, 365, seed=6)
		expected = true.expected_orders(crowd, 365)
		for low, high in ((0, 0), (1, 1), (2, 4), (5, 10), (11, 10_000)):
			some = crowd["frequency"].between(low, high)
			assert some.sum() > 500
			assert expected[some].mean() == pytest.approx(crowd.loc[some, "orders"].mean(), rel=0.08)

	@given(
		x=st.integers(0, 3000),
		age=st.integers(0, 8000),
		share=st.floats(0, 1),
		days=st.integers(1, 2000),
		model=st.builds(
			BgNbd,
			st.floats(1e-3, 1e3),
			st.floats(1e-2, 1e4),
			st.floats(1e-3, 1e3),
			st.floats(1e-3, 1e3),
			st.just(0.0),
		),
	)
	@example(
		x=0, age=0, share=0.0, days=32, model=BgNbd(266.0, 1.0, 272.1406341817561, 594.0301200001146, 0.0)
	)
	@example(x=0, age=0, share=0.0, days=1, model=BgNbd(210.0, 1.0, 271.25, 595.0625, 0.0))
	@settings(deadline=None, max_examples=100)
	def test_more_time_is_more_orders_and_longer_silence_less_life(
		self, x: int, age: int, share: float, days: int, model: BgNbd
	) -> None:
		recency = age * share if x else 0
		known = customers((x, recency, age), (x, recency / 2, age), (x, recency, age + 100))
		alive = model.alive(known)
		orders, more = model.expected_orders(known, days), model.expected_orders(known, days + 30)
		assert ((alive >= 0) & (alive <= 1)).all() and np.isfinite(orders).all()
		assert alive[0] >= alive[1] - 1e-12 and alive[0] >= alive[2] - 1e-12
		at_most = (model.r + x) * (days + 30) / (model.alpha + known["age"])
		tiny = 1e-9 * (1 + orders) + 1e-12 * at_most  # numbers as large as that are taken from each other
		assert (orders >= -tiny).all() and (more >= orders - tiny).all()
		assert orders[0] >= orders[2] - tiny[0]
		at_most = (model.r + x) * days / (model.alpha + known["age"])
		assert (orders <= at_most * (1 + 1e-6) + 1e-12).all()

	@pytest.mark.parametrize("unit", [1 / 7, 24.0])
	def test_the_unit_of_time_changes_nothing_but_alpha(self, unit: float) -> None:
		crowd = simulated(CDNOW, SPEND, 1500, 300, 0, seed=7)
		one = bg_nbd.fit(crowd)
		other = bg_nbd.fit(crowd.assign(recency=crowd["recency"] * unit, age=crowd["age"] * unit))
		assert (other.r, other.a, other.b) == pytest.approx((one.r, one.a, one.b), rel=1e-3)
		assert other.alpha == pytest.approx(one.alpha * unit, rel=1e-3)
		densities = crowd["frequency"].sum() * log(unit)
		assert other.log_likelihood == pytest.approx(one.log_likelihood - densities, rel=1e-8)

	@pytest.mark.parametrize(
		"crowd",
		[
			customers(*[(9, 270, 300)] * 200),  # everybody is the same
			customers(*[(n, 30 * n, 30 * n) for n in range(1, 200)]),  # nobody is ever gone
			customers(*[(1, 5, 1000)] * 200, *[(0, 0, 1000)] * 10),  # everybody is gone soon
			customers(*[(364, 364, 364)] * 200),  # every day
			customers(*[(1, 1, 1)] * 150, *[(0, 0, 0)] * 5000),  # the first days of a shop
		],
	)
	def test_odd_customers_are_fitted_with_numbers_that_can_be_used(self, crowd: pd.DataFrame) -> None:
		model = bg_nbd.fit(crowd)
		orders = model.expected_orders(crowd, 365)
		assert np.isfinite(orders).all() and (orders >= 0).all() and (orders <= 366 * 3).all()


RATES = np.linspace(1e-6, 5, 200_001)


def weights_of_rates(x: int, spend: float) -> np.ndarray:
	"""How likely customers with these rates (p by their mean spend) are, and then that mean of x orders."""
	mean = stats.gamma.pdf(spend, SPEND.p * x, scale=1 / (RATES * x))
	return mean * stats.gamma.pdf(RATES, SPEND.q, scale=1 / SPEND.gamma)


class TestHowMuch:
	def test_the_likelihood_is_the_mean_over_all_customers(self) -> None:
		for x, spend in ((1, 35.0), (4, 12.5), (20, 80.0)):
			found, _gradient = gamma_gamma._Likelihood(np.array([float(x)]), np.array([spend]))(
				np.array([SPEND.p, SPEND.q, SPEND.gamma])
			)
			meant = integrate.simpson(weights_of_rates(x, spend), x=RATES)
			assert found == pytest.approx(log(meant), rel=1e-6)

	def test_its_gradient_is_its_slope(self) -> None:
		likelihood = gamma_gamma._Likelihood(np.array([1.0, 3.0, 8.0]), np.array([20.0, 55.0, 31.0]))
		at = np.array([4.0, 2.0, 20.0])
		for index in range(3):
			step = np.eye(3)[index] * 1e-5
			slope = (likelihood(at + step)[0] - likelihood(at - step)[0]) / 2e-5
			assert likelihood(at)[1][index] == pytest.approx(slope, rel=1e-5)

	def test_the_likelihood_of_single_orders_is_the_mean_over_all_customers(self) -> None:
		for orders in ([35.0], [10.0, 15.0, 12.5], [80.0, 20.0, 44.0, 3.0]):
			mean, log_mean = np.mean(orders), np.log(orders).mean()
			likelihood = gamma_gamma._OfSingleOrders(
				*(np.array([of]) for of in (len(orders), mean, log_mean))
			)
			found, _gradient = likelihood(np.array([SPEND.p, SPEND.q, SPEND.gamma]))
			each = [stats.gamma.pdf(order, SPEND.p, scale=1 / RATES) for order in orders]
			of_rates = np.prod(each, axis=0) * stats.gamma.pdf(RATES, SPEND.q, scale=1 / SPEND.gamma)
			assert found == pytest.approx(log(integrate.simpson(of_rates, x=RATES)), rel=1e-6)

	def test_its_gradient_is_its_slope_too(self) -> None:
		of = (np.array([1.0, 3.0, 8.0]), np.array([20.0, 55.0, 31.0]), np.array([3.0, 3.9, np.nan]))
		likelihood = gamma_gamma._OfSingleOrders(*of)
		at = np.array([4.0, 2.0, 20.0])
		for index in range(3):
			step = np.eye(3)[index] * 1e-5
			slope = (likelihood(at + step)[0] - likelihood(at - step)[0]) / 2e-5
			assert likelihood(at)[1][index] == pytest.approx(slope, rel=1e-5)

	def test_orders_alike_of_customers_who_are_not_are_told_apart(self) -> None:
		"""Log-normal spend, as in the demo: means alone take the spread between customers for one within them."""
		chance = np.random.default_rng(2)
		orders = np.exp(chance.normal(0, 1.5, (2000, 1)) + chance.normal(0, 0.35, (2000, 4)))
		crowd = customers(*[(3, 50, 100)] * 2000).assign(
			spend=orders[:, 1:].mean(axis=1),
			log_spend=np.log(orders[:, 1:]).mean(axis=1),
			paid=orders.sum(axis=1),
		)
		means, single = gamma_gamma.fit(crowd), gamma_gamma.fit_single_orders(crowd)
		assert means.p < 3 < 7 < single.p < 9
		to_come = np.exp(np.log(orders).mean(axis=1))
		off = [np.abs(np.log(model.expected_spend(crowd) / to_come)).mean() for model in (means, single)]
		assert off[1] < 0.5 * off[0]

	def test_expected_spend_is_that_of_all_customers_who_spent_the_same(self) -> None:
		for x, spend in ((1, 35.0), (4, 12.5), (20, 80.0)):
			weights = weights_of_rates(x, spend)
			means = integrate.simpson(weights * SPEND.p / RATES, x=RATES)
			found = SPEND.expected_spend(customers((x - 1, 1, 1), spend=spend))
			assert found[0] == pytest.approx(means / integrate.simpson(weights, x=RATES), rel=1e-6)

	def test_one_order_says_a_little_and_many_say_all(self) -> None:
		one, loyal = SPEND.expected_spend(customers((0, 0, 9), (100_000, 9, 9), spend=80.0))
		everybody = SPEND.p * SPEND.gamma / (SPEND.q - 1)
		assert everybody < one < loyal == pytest.approx(80.0, rel=1e-3)

	def test_means_without_a_mean_are_no_trouble(self) -> None:
		"""From corner shops to corporations: what a new customer spends has no mean, what a known one will spend has."""
		true = GammaGamma(p=8.0, q=0.7, gamma=20.0, log_likelihood=0.0)
		crowd = simulated(BgNbd(2.0, 20.0, 0.5, 3.0, 0.0), true, 4000, 400, 0, seed=11)
		found = gamma_gamma.fit(crowd)
		assert found.q == pytest.approx(0.7, rel=0.1) and found.has_a_mean
		assert np.isfinite(found.expected_spend(crowd)).all()

	def test_parameters_that_customers_were_made_with_come_back(self) -> None:
		crowd = simulated(BgNbd(2.0, 20.0, 0.5, 3.0, 0.0), SPEND, 8000, 400, 0, seed=8)
		for found, off in ((gamma_gamma.fit(crowd), 0.15), (gamma_gamma.fit_single_orders(crowd), 0.08)):
			for name in ("p", "q", "gamma"):
				assert getattr(found, name) == pytest.approx(getattr(SPEND, name), rel=off), name

	def test_credited_customers_count_as_having_brought_nothing(self) -> None:
		spend = SPEND.expected_spend(customers((3, 1, 1), spend=-50.0))
		assert 0 < spend[0] == SPEND.expected_spend(customers((3, 1, 1), spend=0.0))[0]


@pytest.fixture(scope="module")
def crowd() -> pd.DataFrame:
	return simulated(BgNbd(0.8, 20.0, 0.6, 3.0, 0.0), SPEND, 1500, 300, 0, seed=9)


class TestValue:
	@pytest.mark.parametrize("factor", [0.001, 7.3, 1e6])
	def test_money_times_k_is_value_times_k(self, crowd: pd.DataFrame, factor: float) -> None:
		dearer = crowd.assign(
			spend=crowd["spend"] * factor,
			log_spend=crowd["log_spend"] + log(factor),
			paid=crowd["paid"] * factor,
		)
		one, other = fit(crowd).predict(crowd, 365), fit(dearer).predict(dearer, 365)
		assert other["value"].to_numpy() == pytest.approx(one["value"].to_numpy() * factor, rel=1e-3)
		assert other["orders"].to_numpy() == pytest.approx(one["orders"].to_numpy())

	def test_value_is_orders_times_spend(self, crowd: pd.DataFrame) -> None:
		found = fit(crowd).predict(crowd, 365)
		assert found["value"].to_numpy() == pytest.approx((found["orders"] * found["spend"]).to_numpy())
		assert found.index.equals(crowd.index)

	def test_money_to_come_is_worth_less_the_later_it_comes(self, crowd: pd.DataFrame) -> None:
		model = fit(crowd)
		full, less = (model.predict(crowd, 730, rate) for rate in (0.0, 0.1))
		assert less["orders"].equals(full["orders"])
		# Not even what comes on the last day loses more than two years' discount, nor is anything worth more.
		share = less["value"].sum() / full["value"].sum()
		assert 1.1**-2 < share < 1.1**-0.25
		ends = np.linspace(0, 730, 731)
		one = crowd.iloc[:1]
		daily = np.diff([model.orders.expected_orders(one, end).iloc[0] for end in ends])
		meant = (daily * 1.1 ** (-(ends[1:] - 0.5) / 365.25)).sum() * full["spend"].iloc[0]
		assert less["value"].iloc[0] == pytest.approx(meant, rel=1e-3)

	def test_rows_that_are_equal_are_one_with_weights(self, crowd: pd.DataFrame) -> None:
		once, thrice = bg_nbd.fit(crowd), bg_nbd.fit(pd.concat([crowd] * 3))
		assert (once.r, once.alpha, once.a, once.b) == pytest.approx(
			(thrice.r, thrice.alpha, thrice.a, thrice.b), rel=1e-3
		)
		assert thrice.log_likelihood == pytest.approx(3 * once.log_likelihood)


class TestNoFit:
	def test_too_few_came_back(self) -> None:
		few = customers(*[(2, 50, 100)] * 99, *[(0, 0, 100)] * 500)
		with pytest.raises(NoFitError) as refused:
			fit(few)
		error = refused.value
		assert (error.reason, error.repeaters, error.needed) == (NoFitError.TOO_FEW_REPEATERS, 99, 100)
		assert isinstance(fit(few, least_repeaters=99), Model)

	def test_who_brought_nothing_does_not_count(self) -> None:
		with pytest.raises(NoFitError):
			fit(customers(*[(2, 50, 100)] * 500, spend=0.0))

	def test_nobody_at_all(self) -> None:
		nothing = pd.DataFrame({"customer": [], "day": pd.to_datetime([]), "orders": [], "money": []})
		known = buyers(order_days(nothing), START)
		with pytest.raises(NoFitError):
			fit(known, least_repeaters=0)

	def test_spend_that_says_nothing_about_the_next(self) -> None:
		"""From pennies to more than all there is, and the same customer one time this, one time that."""
		chance = np.random.default_rng(1)
		logs = chance.normal(0, 12, 3000)
		wild = customers(*[(1, 50, 100)] * 3000).assign(spend=np.exp(logs), log_spend=logs)
		with pytest.raises(NoFitError) as refused:
			fit(wild)
		assert refused.value.reason == NoFitError.SPEND_HAS_NO_MEAN

	def test_a_search_that_comes_to_no_end_says_so(self) -> None:
		assert maximise(lambda x: (float("nan"), np.array([float("nan")])), [(1.0,)], [(0.1, 10.0)]) is None
		# Says that it rises where it falls: no step up is ever found.
		assert maximise(lambda x: (-float(x[0]), np.array([1.0])), [(1.0,)], [(0.1, 10.0)]) is None

	def test_a_bound_that_the_top_leans_against_is_an_answer(self) -> None:
		found = maximise(lambda x: (float(x[0]), np.array([1.0])), [(1.0,)], [(0.1, 10.0)])
		assert found[0][0] == pytest.approx(10.0) and found[1] == pytest.approx(10.0)


def papers(rows: list[tuple[str, int, int, float]]) -> pd.DataFrame:
	frame = pd.DataFrame(rows, columns=["customer", "day", "orders", "money"])
	return frame.assign(day=pd.to_datetime([START + timedelta(days=day) for day in frame["day"]]))


class TestOrderDays:
	@given(
		st.lists(
			st.tuples(
				st.sampled_from("AB"), st.integers(0, 12), st.integers(-1, 2), st.decimals(-50, 90, places=2)
			),
			max_size=25,
		)
	)
	@settings(deadline=None, max_examples=60)
	def test_as_somebody_would_who_reads_them_one_by_one(
		self, rows: list[tuple[str, int, int, Decimal]]
	) -> None:
		expected: dict[tuple[str, int], Decimal] = {}
		for customer in "AB":
			own = [row for row in rows if row[0] == customer]
			days = sorted({day for _, day, _, _ in own if sum(r[2] for r in own if r[1] == day) > 0})
			for _, day, _, money in own if days else ():
				before = [known for known in days if known <= day]
				at = (customer, before[-1] if before else days[0])
				expected[at] = expected.get(at, Decimal(0)) + money
		found = order_days(papers([(*row[:3], float(row[3])) for row in rows]))
		got = {
			(row.customer, (row.day.date() - START).days): round(row.money, 6) for row in found.itertuples()
		}
		assert got == {at: float(money) for at, money in expected.items()}
		assert list(got) == sorted(got)

	def test_a_customer_is_its_days_with_orders(self) -> None:
		rows = [
			("A", 0, 1, 100.0),
			("A", 10, 2, 30.0),
			("A", 30, 1, 50.0),
			("B", 5, 1, 7.0),
			("C", 50, 1, 1.0),
		]
		found = buyers(order_days(papers(rows)), START + timedelta(days=40))
		money = found.pop("log_spend")
		assert money["A"] == pytest.approx((log(30) + log(50)) / 2)
		assert found.loc["A"].tolist() == [2, 30, 40, 40.0, 180.0] and np.isnan(money["B"])
		assert found.loc["B"].drop("spend").tolist() == [0, 0, 35, 7.0] and np.isnan(found.loc["B", "spend"])
		assert "C" not in found.index


@pytest.fixture(scope="module")
def days() -> pd.DataFrame:
	"""700 customers who began within a hundred days, for 600 days."""
	chance = np.random.default_rng(3)
	rows = []
	for number in range(700):
		at, rate, gone = chance.uniform(0, 100), chance.gamma(0.8, 1 / 25), chance.beta(0.6, 3)
		paid = chance.gamma(20, 2)
		while at < 600:
			rows.append((f"C{number}", int(at), 1, round(chance.gamma(5, paid / 5), 2)))
			if rate == 0 or chance.random() < gone:
				break
			at += chance.exponential(1 / rate)
	return order_days(papers(rows))


class TestBackTest:
	def test_it_knows_nothing_of_what_it_predicts(self, days: pd.DataFrame) -> None:
		today = START + timedelta(days=599)
		test = back_test(days, today, 200)
		assert test.fitted_until == today - timedelta(days=200) and test.days == 200
		later = days["day"] > pd.Timestamp(test.fitted_until)
		dearer = days.assign(money=days["money"].where(~later, days["money"] * 3))
		other = back_test(dearer, today, 200)
		assert (1 + other.bias) * 3 == pytest.approx(1 + test.bias)
		assert (1 + other.naive_bias) * 3 == pytest.approx(1 + test.naive_bias)

	def test_errors_are_means_over_customers(self, days: pd.DataFrame) -> None:
		today = START + timedelta(days=599)
		test = back_test(days, today, 200)
		known = buyers(days, test.fitted_until)
		guess = fit(known).predict(known, 200)["value"]
		off = before_off = total = all_guess = 0.0
		for customer, own in days[days["customer"].isin(known.index)].groupby("customer"):
			ages = (pd.Timestamp(today) - own["day"]).dt.days
			came = own["money"][ages < 200].sum()
			off += abs(guess[customer] - came)
			before_off += abs(own["money"][(ages >= 200) & (ages < 400)].sum() - came)
			total, all_guess = total + came, all_guess + guess[customer]
		assert test.customers == len(known)
		assert test.error == pytest.approx(off / len(known))
		assert test.naive_error == pytest.approx(before_off / len(known))
		assert test.bias == pytest.approx(all_guess / total - 1)

	def test_half_of_what_there_is_if_that_is_less(self, days: pd.DataFrame) -> None:
		assert back_test(days, START + timedelta(days=599), 365).days == 300

	def test_nothing_came(self, days: pd.DataFrame) -> None:
		known = days[days["day"] < pd.Timestamp(START + timedelta(days=300))]
		with pytest.raises(NoFitError) as refused:
			back_test(known, START + timedelta(days=700), 365)
		assert refused.value.reason == NoFitError.NOTHING_CAME

	def test_nobody_came_of_more_than_a_byte_counts(self, days: pd.DataFrame) -> None:
		"""As the site gives them, customers are categories, whose codes are as wide as they are many."""
		known = days[days["day"] < pd.Timestamp(START + timedelta(days=300))]
		known = known.assign(customer=known["customer"].astype(str).astype("category"))
		assert known["customer"].nunique() > 127
		with pytest.raises(NoFitError) as refused:
			back_test(known, START + timedelta(days=700), 365)
		assert refused.value.reason == NoFitError.NOTHING_CAME

	def test_worth_it_is_closer_than_the_guess(self) -> None:
		assert BackTest(START, 1, 1, 1.0, 0.5, 2.0, 0.0).is_worth_it
		assert not BackTest(START, 1, 1, 2.0, 0.0, 2.0, 0.5).is_worth_it

	def test_money_between_two_days(self, days: pd.DataFrame) -> None:
		until = START + timedelta(days=100)
		both = brought(days, START, until).add(
			brought(days, until, START + timedelta(days=600)), fill_value=0
		)
		first_day = days["day"] == pd.Timestamp(START)
		assert both.sum() == pytest.approx(days["money"][~first_day].sum())


class TestAbsurd:
	"""A model that came out, and says nothing."""

	MODEL = Model(BgNbd(0.3, 20, 0.8, 2.5, -1), GammaGamma(6, 4, 15, -1), None, 500, 200)

	@staticmethod
	def off_by(error: float) -> BackTest:
		return BackTest(START, 100, 500, error, 0, naive_error=100, naive_bias=0)

	@staticmethod
	def known(age: int) -> pd.DataFrame:
		return pd.DataFrame({"age": [1, age]})

	@pytest.mark.parametrize(
		("age", "at_bounds", "error", "reason"),
		[
			(90, False, 200, None),
			(90, False, None, None),
			(90, True, 99, None),
			(89, False, 50, NoFitError.SHORT_SPAN),
			(90, False, 201, NoFitError.FAR_OFF),
			(90, True, 100, NoFitError.AT_BOUNDS),
			(90, True, None, NoFitError.AT_BOUNDS),
		],
	)
	def test_it_is_refused(self, age: int, at_bounds: bool, error: float | None, reason: str | None) -> None:
		model = replace(self.MODEL, spend=replace(self.MODEL.spend, is_at_bounds=at_bounds))
		expected = pytest.raises(NoFitError, match=reason) if reason else contextlib.nullcontext()
		with expected:
			refuse_absurd(model, self.known(age), None if error is None else self.off_by(error))

	def test_the_end_of_what_a_parameter_can_be(self) -> None:
		bounds = ((1e-4, 1e4), (1e-6, 1e6))
		assert not at_bounds(np.array([1e-3, 1.0]), bounds)
		assert at_bounds(np.array([1e4, 1.0]), bounds) and at_bounds(np.array([1.0, 1.001e-6]), bounds)

	def test_what_was_known_at_the_cut_is_what_was_known_then(self) -> None:
		days = pd.DataFrame({"customer": ["X"], "day": pd.to_datetime(["2020-01-01"]), "money": [1.0]})
		asked = []

		def known_on(day: date) -> pd.DataFrame:
			asked.append(day)
			return days

		with pytest.raises(NoFitError):
			back_test(days, date(2020, 7, 1), 365, known_on=known_on)
		assert asked == [date(2020, 7, 1) - timedelta(days=91)]
