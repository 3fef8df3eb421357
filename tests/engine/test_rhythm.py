"""A customer's own rhythm, and the yearly pattern by which it is expected."""

from datetime import date, timedelta

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from customer_tiering.engine.policy import Policy
from customer_tiering.engine.rhythm import rhythm
from tests import oracle
from tests.engine.populations import days_before, policy

TODAY = date(2024, 11, 20)


def find(
	orders: dict[str, list[date]], as_of: date = TODAY, rules: Policy | None = None
) -> dict[str, tuple[float | None, date | None]]:
	rows = [(customer, pd.Timestamp(day)) for customer, days in orders.items() for day in days]
	frame = pd.DataFrame(rows, columns=["customer", "day"])
	frame["day"] = pd.to_datetime(frame["day"])
	found = rhythm(frame, rules or policy(), as_of)
	return {
		customer: (
			None if pd.isna(row["rhythm_days"]) else row["rhythm_days"],
			None if pd.isna(row["expected_on"]) else row["expected_on"].date(),
		)
		for customer, row in found.iterrows()
	}


def days(*texts: str) -> list[date]:
	return [date.fromisoformat(text) for text in texts]


def gaps(*between: int) -> list[date]:
	"""Order days with these gaps, the last of them today."""
	return [TODAY - timedelta(days=sum(between[n:])) for n in range(len(between) + 1)]


@pytest.mark.parametrize(
	("between", "median"),
	[((), None), ((10,), None), ((10, 30), 20.0), ((10, 11), 10.5), ((1, 500, 30), 30.0), ((7,) * 9, 7.0)],
)
def test_the_rhythm_is_the_median_gap_of_at_least_two(between: tuple[int, ...], median: float | None) -> None:
	assert find({"X": gaps(*between)})["X"][0] == median


def test_several_orders_of_a_day_are_one_order_day() -> None:
	assert find({"X": gaps(10, 0, 0, 30)})["X"][0] == 20.0
	assert find({"X": gaps(0, 0, 10)})["X"][0] is None


def test_orders_that_are_still_to_come_have_no_rhythm_yet() -> None:
	assert find({"X": [*gaps(10, 20), TODAY + timedelta(days=1)]})["X"][0] == 15.0
	assert find({"X": [TODAY + timedelta(days=1)]}) == {}
	assert find({}) == {}


@pytest.mark.parametrize(
	("orders", "expected"),
	[
		(("2022-12-01", "2023-12-05"), "2024-12-05"),
		(("2022-11-28", "2023-12-05"), "2024-12-05"),
		(("2022-11-27", "2023-12-05"), None),
		(("2022-12-12", "2023-12-05"), "2024-12-05"),
		(("2022-12-13", "2023-12-05"), None),
		(("2023-12-05",), None),
		(("2021-12-05", "2022-12-05"), None),
		# Today is still before it is over, yesterday is not.
		(("2022-11-20", "2023-11-20"), "2024-11-20"),
		(("2022-11-19", "2023-11-19"), None),
		# It came already: a little early, or much.
		(("2022-11-25", "2023-11-25", "2024-11-18"), "2025-11-18"),
		(("2022-11-25", "2023-11-25", "2024-11-17"), "2024-11-25"),
		# One season is one expectation, from the order that opened it.
		(("2022-11-20", "2023-11-18", "2023-11-24"), None),
		# Two seasons: the next one.
		(("2022-12-05", "2023-03-01", "2023-12-05", "2024-03-01"), "2024-12-05"),
		(("2022-12-05", "2023-02-28", "2023-12-25", "2024-02-29"), "2025-02-28"),
	],
)
def test_a_season_of_two_years_running_is_expected_again(orders: tuple[str, ...], expected: str) -> None:
	found = find({"X": days(*orders)})["X"][1]
	assert found == (date.fromisoformat(expected) if expected else None)
	assert found == oracle.expected_on(days(*orders), policy(), TODAY)


@pytest.mark.parametrize("years", [0, 1, 2, 3])
def test_as_many_years_are_needed_as_the_policy_says(years: int) -> None:
	orders = days("2022-12-05", "2023-12-05")
	expected = date(2024, 12, 5) if years in (1, 2) else None
	assert find({"X": orders}, rules=policy(pattern_years=years))["X"][1] == expected


@pytest.mark.parametrize(("every", "has_season"), [(7, False), (60, False), (91, True), (182, True)])
def test_who_orders_often_has_no_season(every: int, has_season: bool) -> None:
	assert (find({"X": gaps(*[every] * (1000 // every))})["X"][1] is not None) == has_season


def test_three_order_days_a_year_are_few_whatever_their_gaps() -> None:
	orders = days("2022-12-05", "2022-12-15", "2023-02-20", "2023-12-05", "2023-12-15", "2024-02-20")
	assert find({"X": orders})["X"] == (67.0, date(2024, 12, 5))
	often = [date(2024, 3, day) for day in range(1, 6)]
	assert find({"X": [*orders, *often]})["X"][1] is None


@settings(max_examples=60, deadline=None)
@given(st.data(), st.dates(date(2023, 1, 1), date(2025, 12, 31)), st.integers(0, 3))
def test_it_equals_the_oracle_s(data: st.DataObject, as_of: date, years: int) -> None:
	yearly = st.builds(
		lambda n, off: as_of - timedelta(days=365 * n + off), st.integers(0, 4), st.integers(-20, 20)
	)
	orders = data.draw(
		st.dictionaries(st.sampled_from("XYZ"), st.lists(yearly | days_before(as_of), min_size=1, max_size=8))
	)
	rules = policy(pattern_years=years)
	found = find(orders, as_of, rules)
	for customer, its_days in orders.items():
		known = [day for day in its_days if day <= as_of]
		expected = (oracle.rhythm_of(known), oracle.expected_on(known, rules, as_of))
		assert found.get(customer, (None, None)) == expected


@settings(max_examples=30, deadline=None)
@given(st.data())
def test_waiting_changes_nothing_until_the_day_has_passed(data: st.DataObject) -> None:
	orders = data.draw(st.lists(days_before(TODAY), min_size=1, max_size=8))
	orders = [day for day in orders if day <= TODAY]
	expected = oracle.expected_on(orders, policy(), TODAY)
	for later in range(1, ((expected or TODAY + timedelta(days=400)) - TODAY).days + 1, 19):
		assert oracle.expected_on(orders, policy(), TODAY + timedelta(days=later)) == expected
