"""Who is held out and who gets which variant."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from customer_tiering.engine.assignment import choose, draw, is_held_out

# Drawn by fair dice a count would be further off once in some ten thousand times; the names stand still, so it never flickers.
SIGMAS = 4
PEOPLE = [f"CUST-{number:05}" for number in range(4000)]


def is_near(count: int, of: int, share: float) -> bool:
	return abs(count - of * share) <= SIGMAS * (of * share * (1 - share)) ** 0.5


def test_it_is_the_same_for_ever() -> None:
	assert draw("Wake Up", "CUST-00001") == pytest.approx(0.9308301977161437)
	assert [choose([1, 1], name, "step") for name in ("a", "b", "c", "d")] == [
		choose([1, 1], name, "step") for name in ("a", "b", "c", "d")
	]


@given(st.text(), st.text())
def test_names_are_kept_apart(one: str, other: str) -> None:
	assert 0 <= draw(one, other) < 1
	if "\x1f" not in one + other and one != other:
		assert draw(one, other) != draw(other, one)


@pytest.mark.parametrize("percent", [0, 5, 20, 50])
def test_so_many_are_held_out(percent: int) -> None:
	held_out = sum(is_held_out(percent, "Wake Up", name) for name in PEOPLE)
	assert is_near(held_out, len(PEOPLE), percent / 100)


def test_raising_the_percentage_only_adds() -> None:
	few = {name for name in PEOPLE if is_held_out(5, "Wake Up", name)}
	more = {name for name in PEOPLE if is_held_out(20, "Wake Up", name)}
	assert few < more


def test_variants_come_by_weight() -> None:
	found = Counter(choose([1, 2, 0, 5], name, "step") for name in PEOPLE)
	assert 2 not in found
	assert all(is_near(found[number], len(PEOPLE), weight / 8) for number, weight in ((0, 1), (1, 2), (3, 5)))


def test_holdout_and_variant_are_drawn_apart() -> None:
	held_out = [name for name in PEOPLE if is_held_out(50, name, "step")]
	first = sum(choose([1, 1], name, "step") == 0 for name in held_out)
	assert is_near(first, len(held_out), 0.5)


@pytest.mark.parametrize("weights", [[], [0], [0, 0]])
def test_without_a_weight_nobody_gets_it(weights: list) -> None:
	assert choose(weights, "a") is None
