"""How sure a difference between two shares is."""

from math import sqrt
from statistics import NormalDist


def wilson(part: int, whole: int, confidence: float = 0.95) -> tuple[float, float]:
	"""The interval of a share, part ÷ whole (Wilson 1927: the values that a score test doesn't reject). `whole` is above 0."""
	z = NormalDist().inv_cdf((1 + confidence) / 2)
	centre = 2 * part + z * z
	spread = z * sqrt(z * z + 4 * part * (whole - part) / whole)
	below, above = ((centre + sign * spread) / (2 * (whole + z * z)) for sign in (-1, 1))
	share = part / whole  # rounding must not leave it outside
	return min(max(below, 0.0), share), max(min(above, 1.0), share)


def difference(
	part: int, whole: int, other_part: int, other_whole: int, confidence: float = 0.95
) -> tuple[float, float, float]:
	"""The first share less the other, and the interval of that. Both wholes are above 0.

	Newcombe's hybrid score interval: method 10 of Newcombe, "Interval estimation for the difference between independent
	proportions", Statistics in Medicine 17 (1998), 873-890. It keeps its level with few customers and shares near 0, too.
	"""
	share, other = part / whole, other_part / other_whole
	low, high = wilson(part, whole, confidence)
	other_low, other_high = wilson(other_part, other_whole, confidence)
	found = share - other
	return (
		found,
		found - sqrt((share - low) ** 2 + (other_high - other) ** 2),
		found + sqrt((high - share) ** 2 + (other - other_low) ** 2),
	)
