"""The population of a full run: its breakpoints give the shares of who is strictly worse, then and later."""

import json
from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from customer_tiering.engine.classify import classify
from customer_tiering.engine.population import Population, fit
from customer_tiering.engine.scores import rfm_scores
from tests import oracle
from tests.engine.populations import (
	Customers,
	decided_by_engine,
	facts_of,
	oracle_answers,
	order,
	policies,
	policy,
	populations,
)
from tests.oracle import Person

TODAY = date(2024, 6, 30)


def ago(days: int) -> date:
	return TODAY - timedelta(days=days)


def fitted(customers: Customers, rules: object = None) -> Population:
	rules = rules or policy()
	facts = facts_of(customers.people, customers.documents, customers.as_of, rules)
	return fit(facts, rules, customers.as_of, median_order=12.5)


def customers(*money: str) -> Customers:
	"""Customers with one order each, of which the later ones have come later."""
	people = tuple(Person(f"C{n}") for n in range(len(money)))
	documents = tuple(order(f"C{n}", ago(100 - n), amount) for n, amount in enumerate(money))
	return Customers(people, documents, TODAY)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 12) | st.integers(0, 10**6), min_size=1, max_size=60))
def test_breakpoints_give_the_share_of_the_strictly_worse(cents: list[int]) -> None:
	facts = pd.DataFrame({"annual_value": np.array(cents) / 100})
	facts["orders_ever"], facts["annual_orders"], facts["rhythm_days"] = 1, cents, np.nan
	facts["last_order_date"] = pd.Timestamp(TODAY)
	found = rfm_scores(facts, policy(), TODAY, fit(facts, policy(), TODAY, median_order=None))
	shares = [1 + 5 * sum(other < own for other in cents) // len(cents) for own in cents]
	assert found["m"].tolist() == found["f"].tolist() == shares
	assert found["r"].tolist() == [1] * len(cents)


def test_breakpoints_are_figures_of_the_population() -> None:
	population = fitted(customers("10.00", "20.00", "30.00", "40.00", "50.00", "60.00"))
	assert population.monetary == (20.0, 30.0, 40.0, 50.0)
	assert population.recency == (ago(99), ago(98), ago(97), ago(96))
	assert population.frequency == (1, 1, 1, 1)
	assert population.fitted_on == TODAY


def test_nobody_has_ordered_yet() -> None:
	population = fitted(Customers((Person("L"),), (), TODAY))
	assert (population.recency, population.frequency, population.monetary) == ((), (), ())
	facts = facts_of([Person("X")], [order("X", TODAY)], TODAY, policy())
	assert classify(facts, policy(), TODAY, population).loc["X", "rfm_score"] == "111"


def test_a_customer_is_compared_with_the_population_of_the_last_full_run() -> None:
	population = fitted(customers("10.00", "20.00", "30.00", "40.00", "50.00"))
	for amount, score in (("9.99", "1"), ("10.00", "1"), ("10.01", "2"), ("40.00", "4"), ("40.01", "5")):
		facts = facts_of([Person("X")], [order("X", ago(1), amount)], TODAY, policy())
		assert classify(facts, policy(), TODAY, population).loc["X", "rfm_score"] == f"51{score}"


def test_waiting_changes_no_score_between_two_full_runs() -> None:
	before = customers("10.00", "20.00", "30.00", "40.00", "50.00")
	population = fitted(before)
	first, later = (
		classify(facts_of(before.people, before.documents, day, policy()), policy(), day, population)
		for day in (TODAY, TODAY + timedelta(days=200))
	)
	assert first["rfm_score"].tolist() == later["rfm_score"].tolist()


@settings(max_examples=20, deadline=None)
@given(populations(), policies())
def test_a_population_can_be_stored(given_: Customers, rules: object) -> None:
	population = fitted(given_, rules)
	text = population.as_json()
	assert Population.from_json(text) == population
	assert json.loads(text)["median_order"] == 12.5
	assert population.as_json() == Population.from_json(text).as_json()


@settings(max_examples=25, deadline=None)
@given(populations(max_size=8), populations(max_size=4), policies())
def test_strangers_score_as_the_oracle_says(known: Customers, given_: Customers, rules: object) -> None:
	"""Against a population that they don't belong to."""
	frozen = oracle.fit(oracle.histories_of(known.people, known.documents, rules, known.as_of))
	facts = facts_of(given_.people, given_.documents, given_.as_of, rules)
	found = decided_by_engine(facts, rules, given_.as_of, fitted(known, rules))
	assert found == oracle_answers(given_.people, given_.documents, rules, given_.as_of, frozen)


@settings(max_examples=20, deadline=None)
@given(populations(), st.randoms(use_true_random=False))
def test_the_order_of_the_rows_does_not_matter(given_: Customers, random: object) -> None:
	people = list(given_.people)
	random.shuffle(people)
	assert fitted(Customers(tuple(people), given_.documents, given_.as_of)) == fitted(given_)


@pytest.mark.parametrize(
	("days", "orders", "amount", "score"),
	[
		(0, 1, "999.99", "511"),
		(29, 1, "1000.00", "512"),
		(30, 2, "5000.00", "423"),
		(89, 2, "4999.99", "422"),
		(90, 3, "10000.00", "334"),
		(364, 1, "100000.00", "215"),
		(365, 1, "-5.00", "111"),
	],
)
def test_fixed_breakpoints_are_reached_exactly(days: int, orders: int, amount: str, score: str) -> None:
	rules = policy(scoring="Fixed Breakpoints", frequency_breakpoints=(2, 3, 4, 5), window_months=24)
	documents = [order("X", ago(days + n), amount, name=str(n)) for n in range(orders)]
	found = classify(facts_of([Person("X")], documents, TODAY, rules), rules, TODAY)
	assert found.loc["X", "rfm_score"] == score


def test_a_date_that_only_the_population_knows_is_a_date_again() -> None:
	assert all(isinstance(day, date) for day in fitted(customers("1.00")).recency)
