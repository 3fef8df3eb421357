"""Newcombe's interval against the table of his paper, and what any interval owes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from customer_tiering.engine.proportions import difference, wilson


# Newcombe 1998, table II, method 10
@pytest.mark.parametrize(
	("parts", "low", "high"),
	[
		((56, 70, 48, 80), 0.0524, 0.3339),
		((9, 10, 3, 10), 0.1705, 0.8090),
		((6, 7, 2, 7), 0.0582, 0.8062),
		((5, 56, 0, 29), -0.0381, 0.1926),
		((0, 10, 0, 20), -0.1611, 0.2775),
		((0, 10, 0, 10), -0.2775, 0.2775),
		((10, 10, 0, 20), 0.6791, 1.0),
		((10, 10, 0, 10), 0.6075, 1.0),
	],
)
def test_the_published_intervals(parts: tuple, low: float, high: float) -> None:
	assert difference(*parts)[1:] == pytest.approx((low, high), abs=5e-5)


GROUP = st.integers(1, 500).flatmap(lambda whole: st.tuples(st.integers(0, whole), st.just(whole)))


@given(GROUP, GROUP)
def test_the_interval_holds_the_difference_and_turns_with_the_groups(one: tuple, other: tuple) -> None:
	found, low, high = difference(*one, *other)
	assert -1 - 1e-12 <= low <= found <= high <= 1 + 1e-12
	assert difference(*other, *one) == pytest.approx((-found, -high, -low))


@given(GROUP)
def test_a_share_lies_in_its_interval_and_nothing_beyond_zero_and_one(group: tuple) -> None:
	part, whole = group
	low, high = wilson(part, whole)
	assert 0 <= low <= part / whole <= high <= 1
