"""Lift against counting every pair of every basket by hand."""

from itertools import permutations

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from customer_tiering.engine.association import associations

BASKETS = st.lists(st.lists(st.sampled_from("ABCDEFG"), min_size=1, max_size=6), max_size=40)


def frame(baskets: list[list[str]], first: int = 0) -> pd.DataFrame:
	rows = [(f"SO-{first + number}", item) for number, basket in enumerate(baskets) for item in basket]
	return pd.DataFrame(rows, columns=["order", "item"])


def counted(baskets: list[list[str]], minimum: int, per_item: int) -> list[tuple[str, str, int, float]]:
	sets = [set(basket) for basket in baskets]
	found = []
	for one, other in permutations("ABCDEFG", 2):
		both = sum({one, other} <= basket for basket in sets)
		share = [sum(item in basket for basket in sets) / max(1, len(sets)) for item in (one, other)]
		if both >= minimum and both / len(sets) > share[0] * share[1] + 1e-12:
			found.append((one, other, both, both / len(sets) / (share[0] * share[1])))
	found.sort(key=lambda row: (row[0], -round(row[3], 9), -row[2], row[1]))
	return [
		row for number, row in enumerate(found) if [r[0] for r in found[:number]].count(row[0]) < per_item
	]


@settings(max_examples=150)
@given(BASKETS, st.integers(1, 4), st.integers(1, 4), st.integers(0, 40))
def test_equals_counting(baskets: list[list[str]], minimum: int, per_item: int, cut: int) -> None:
	parts = [frame(baskets[:cut]), frame(baskets[cut:], cut)]
	found = list(associations(parts, minimum, per_item).itertuples(index=False, name=None))
	expected = counted(baskets, minimum, per_item)
	assert [row[:3] for row in found] == [row[:3] for row in expected]
	assert [row[3] for row in found] == pytest.approx([row[3] for row in expected])


def test_an_item_that_everybody_buys_goes_with_nothing() -> None:
	baskets = [["Bag", "Coffee", "Filter"]] * 6 + [["Bag", "Tea"]] * 6
	found = associations([frame(baskets)])
	assert set(zip(found["item"], found["goes_with"], strict=True)) == {
		("Coffee", "Filter"),
		("Filter", "Coffee"),
	}
	assert found["lift"].tolist() == [2.0, 2.0]


def test_no_orders() -> None:
	assert associations([]).empty
