"""RFM scores: shares of the customers who are strictly worse, so that equals are equal."""

from datetime import date, timedelta
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from customer_tiering.engine.policy import Segment
from tests.engine.populations import engine_answers, order, policy
from tests.oracle import Document, Person

TODAY = date(2024, 6, 30)


def scores(recency: list[int], money: list[str]) -> list[str]:
	"""Scores of customers with one order each."""
	names = [f"C{n}" for n in range(len(recency))]
	documents = [
		order(name, TODAY - timedelta(days=days), amount)
		for name, days, amount in zip(names, recency, money, strict=True)
	]
	decided = engine_answers([Person(name) for name in names], documents, policy(), TODAY)
	return [decided[name]["rfm_score"] for name in names]


def test_five_different_customers_score_one_to_five() -> None:
	assert scores([50, 40, 30, 20, 10], ["1", "2", "3", "4", "5"]) == ["111", "212", "313", "414", "515"]


def test_ten_different_customers_fill_each_score_twice() -> None:
	found = scores(list(range(10)), ["7.00"] * 10)
	assert [int(score[0]) for score in found] == [5, 5, 4, 4, 3, 3, 2, 2, 1, 1]


@pytest.mark.parametrize("size", [1, 2, 5, 100])
def test_equals_all_score_one(size: int) -> None:
	assert scores([3] * size, ["10.00"] * size) == ["111"] * size


def test_half_of_the_customers_tie() -> None:
	"""Two of four are strictly worse: 1 + 5 × 2 ÷ 4, rounded down."""
	assert [score[2] for score in scores([0] * 4, ["1", "1", "2", "2"])] == ["1", "1", "3", "3"]


def test_a_share_that_is_exactly_a_fifth_steps_up() -> None:
	"""Of 35 customers the 15th has 14 who are strictly worse: two fifths, and a score of 3."""
	for size in (5, 15, 35, 45, 55, 95):
		found = scores(list(range(size, 0, -1)), ["1.00"] * size)
		assert [int(score[0]) for score in found] == [1 + rank * 5 // size for rank in range(size)]


def test_frequency_counts_orders_of_the_window_only() -> None:
	days = {"old": [400, 410, 420, 1], "new": [3, 2, 1]}
	documents = [order(name, TODAY - timedelta(days=n)) for name, ages in days.items() for n in ages]
	decided = engine_answers([Person(name) for name in days], documents, policy(), TODAY)
	assert [decided[name]["rfm_score"][1] for name in days] == ["1", "3"]


def test_who_never_ordered_is_not_in_the_population() -> None:
	leads = [Person(f"L{n}") for n in range(20)]
	documents: list[Document] = [order(f"C{n}", TODAY - timedelta(days=n), f"{n}.00") for n in range(5)]
	decided = engine_answers([*leads, *(Person(f"C{n}") for n in range(5))], documents, policy(), TODAY)
	assert [decided[f"C{n}"]["rfm_score"] for n in range(5)] == ["511", "412", "313", "214", "115"]


def test_money_below_zero_ranks_below_nothing() -> None:
	assert [score[2] for score in scores([0, 0, 0], ["-5.00", "0.00", "5.00"])] == ["1", "2", "4"]


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 20), st.integers(-3, 20)), min_size=1, max_size=30))
def test_scores_respect_ranks(given_: list[tuple[int, int]]) -> None:
	"""Better or equal never scores lower, equals share a score, and the last one scores 1."""
	found = scores([days for days, _ in given_], [f"{money}.00" for _, money in given_])
	for position, figure in ((0, [-days for days, _ in given_]), (2, [money for _, money in given_])):
		ranked = sorted(zip(figure, (score[position] for score in found), strict=True))
		assert [score for _, score in ranked] == sorted(score for _, score in ranked)
		assert len(dict(ranked)) == len(set(ranked))
		assert ranked[0][1] == "1"


@pytest.mark.parametrize(
	("near", "high", "is_near", "is_high"),
	[(3, 3, "00111", "00111"), (4, 5, "00011", "00001"), (1, 2, "11111", "01111"), (6, 1, "00000", "11111")],
)
def test_near_and_high_begin_where_it_is_set(near: int, high: int, is_near: str, is_high: str) -> None:
	"""Five customers score 1 to 5 in recency and in money; in that order, 1 stands for near and for high."""
	cells = product((True, False), repeat=3)
	rules = policy(
		segments=tuple(Segment("".join(f"{yes:d}" for yes in cell), *cell) for cell in cells),
		near_score=near,
		high_score=high,
	)
	names = [f"C{n}" for n in range(5)]
	documents = [order(name, TODAY - timedelta(days=50 - n), f"{n}.00") for n, name in enumerate(names)]
	decided = engine_answers([Person(name) for name in names], documents, rules, TODAY)
	assert "".join(decided[name]["rfm_segment"][0] for name in names) == is_near
	assert "".join(decided[name]["rfm_segment"][2] for name in names) == is_high
