"""Sample sizes against Fleiss' tables and counted power, Fisher's test against published tables and its definition."""

from fractions import Fraction
from math import comb

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from customer_tiering.engine.experiment import Arm, compare, customers_needed, fisher


# Fleiss, Statistical Methods for Rates and Proportions, 2nd edition 1981, table A.3: alpha .05 two-sided, power .80
@pytest.mark.parametrize(
	("baseline", "goal", "needed"),
	[(0.05, 0.10, 474), (0.10, 0.15, 726), (0.10, 0.20, 219), (0.10, 0.30, 72)],
)
def test_the_published_sizes(baseline: float, goal: float, needed: int) -> None:
	assert customers_needed(baseline, goal - baseline) == (needed, needed)


@pytest.mark.parametrize(
	("baseline", "effect", "power", "alpha", "ratio"),
	[(0.1, 0.2, 0.8, 0.05, 1), (0.3, 0.3, 0.9, 0.05, 1), (0.2, 0.3, 0.8, 0.1, 1), (0.1, 0.2, 0.8, 0.05, 2)],
)
def test_the_test_has_the_power_that_was_asked_for(
	baseline: float, effect: float, power: float, alpha: float, ratio: float
) -> None:
	"""Counted over all outcomes, not approximated."""
	first, second = customers_needed(baseline, effect, power, alpha, ratio)
	found = sum(
		binomial(one, first, baseline) * binomial(other, second, baseline + effect)
		for one in range(first + 1)
		for other in range(second + 1)
		if by_definition(Arm(first, one), Arm(second, other)) < alpha
	)
	assert power - 0.01 <= found <= power + 0.06  # the correction errs to the safe side


def binomial(part: int, whole: int, share: float) -> float:
	return comb(whole, part) * share**part * (1 - share) ** (whole - part)


def by_definition(first: Arm, second: Arm) -> Fraction:
	"""All tables with the same margins that are no likelier, added up in whole numbers."""
	both = first.successes + second.successes
	ways = {
		part: comb(first.customers, part) * comb(second.customers, both - part)
		for part in range(max(0, both - second.customers), min(first.customers, both) + 1)
	}
	return Fraction(sum(way for way in ways.values() if way <= ways[first.successes]), sum(ways.values()))


# Fisher's lady tasting tea (The Design of Experiments, 1935), and his twins of criminals as R's fisher.test documents them
@pytest.mark.parametrize(
	("first", "second", "p_value"),
	[(Arm(4, 3), Arm(4, 1), 0.4857), (Arm(4, 4), Arm(4, 0), 0.02857), (Arm(12, 2), Arm(18, 15), 0.0005367)],
)
def test_the_published_p_values(first: Arm, second: Arm, p_value: float) -> None:
	assert fisher(first, second) == pytest.approx(p_value, rel=2e-3)


ARM = st.integers(1, 60).flatmap(lambda whole: st.builds(Arm, st.just(whole), st.integers(0, whole)))


@given(ARM, ARM, st.sampled_from([0.01, 0.05, 0.1]))
@settings(deadline=None)
def test_the_verdict_follows_the_test_and_turns_with_the_arms(first: Arm, second: Arm, alpha: float) -> None:
	found, turned = compare(first, second, alpha), compare(second, first, alpha)
	exact = by_definition(first, second)
	assert found.p_value == pytest.approx(float(exact), rel=1e-6)
	assert turned.winner == (None if found.winner is None else 1 - found.winner)
	if found.winner is None:
		assert exact > alpha * (1 - 1e-6) or first.rate == second.rate
	else:
		assert exact < alpha and (first, second)[found.winner].rate == max(first.rate, second.rate)


@given(st.floats(0, 0.9), st.floats(0.01, 0.1), st.floats(0.25, 4))
@settings(deadline=None)
def test_a_smaller_effect_needs_more(baseline: float, effect: float, ratio: float) -> None:
	first, second = customers_needed(baseline, effect, ratio=ratio)
	assert customers_needed(baseline, effect / 2, ratio=ratio)[0] > first
	assert abs(second - ratio * first) <= ratio + 1


@pytest.mark.parametrize("values", [(0.5, 0), (0.5, -0.1), (0.9, 0.2), (-0.1, 0.2), (0.1, 0.1, 1.0)])
def test_what_is_no_experiment_is_refused(values: tuple) -> None:
	with pytest.raises(ValueError):
		customers_needed(*values)
