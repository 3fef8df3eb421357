"""Two variants against each other: how many customers it takes, and what came out.

The number is fixed before the first message goes out, and the result is looked at once, when it is reached: whoever tests again
and again while data come in finds a winner far too often (Armitage, McPherson and Rowe, J. R. Stat. Soc. A 132, 1969, 235-244).
"""

from math import ceil, sqrt
from statistics import NormalDist
from typing import NamedTuple

from customer_tiering.engine.proportions import difference


class Arm(NamedTuple):
	"""A variant's customers, and how many of them did what one hoped for."""

	customers: int
	successes: int

	@property
	def rate(self) -> float:
		return self.successes / self.customers


class Comparison(NamedTuple):
	"""The second rate less the first with its interval at the level 1 - alpha, Fisher's p, and which arm won: 0, 1 or None."""

	difference: float
	low: float
	high: float
	p_value: float
	winner: int | None


def customers_needed(
	baseline: float, effect: float, power: float = 0.8, alpha: float = 0.05, ratio: float = 1.0
) -> tuple[int, int]:
	"""How many customers each arm needs for a two-sided test at `alpha` to see a rate of `baseline` + `effect` with that `power`.

	`ratio` is the second arm's size ÷ the first's. Fleiss, Tytun and Ury, "A simple approximation for calculating sample sizes for
	comparing independent proportions", Biometrics 36 (1980), 343-346: with the continuity correction, which fits Fisher's exact test
	(Casagrande, Pike and Smith, Biometrics 34, 1978, 483-486). Raises ValueError for rates beyond 0 and 1 or no effect.
	"""
	goal = baseline + effect
	if not (0 <= baseline < goal <= 1 and 0 < alpha < 1 and 0 < power < 1 and ratio > 0):
		raise ValueError(f"no such experiment: {baseline=} {effect=} {power=} {alpha=} {ratio=}")
	z_alpha, z_power = NormalDist().inv_cdf(1 - alpha / 2), NormalDist().inv_cdf(power)
	pooled = (baseline + ratio * goal) / (ratio + 1)
	spread = z_alpha * sqrt((ratio + 1) * pooled * (1 - pooled))
	spread += z_power * sqrt(ratio * baseline * (1 - baseline) + goal * (1 - goal))
	plain = max(spread, 0.0) ** 2 / (ratio * effect**2)
	if not plain:
		return 1, ceil(ratio)
	first = plain / 4 * (1 + sqrt(1 + 2 * (ratio + 1) / (ratio * plain * effect))) ** 2
	return ceil(first), ceil(ratio * first)


def compare(first: Arm, second: Arm, alpha: float = 0.05) -> Comparison:
	"""What came out; both arms have customers."""
	return judge(first, second, fisher(first, second), alpha)


def judge(first: Arm, second: Arm, p_value: float, alpha: float = 0.05) -> Comparison:
	"""The same for who has Fisher's p-value already.

	The verdict is that of the test; the interval is Newcombe's (`proportions.difference`), which can differ from it by a hair at
	the border.
	"""
	found, low, high = difference(
		second.successes, second.customers, first.successes, first.customers, 1 - alpha
	)
	winner = None if p_value >= alpha or not found else int(found > 0)
	return Comparison(found, low, high, p_value, winner)


def fisher(first: Arm, second: Arm) -> float:
	"""Two-sided p-value of Fisher's exact test: the probability of all tables with these margins that are no likelier than this one."""
	from scipy.stats import fisher_exact  # a second to import, and few ask for it

	table = [[arm.successes, arm.customers - arm.successes] for arm in (first, second)]
	return float(fisher_exact(table)[1])
