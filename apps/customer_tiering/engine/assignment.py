"""Who is in the holdout and who gets which variant: drawn from names, so that the same question has the same answer for ever."""

import hashlib
from collections.abc import Sequence

SPACE = 2**64


def draw(*names: str) -> float:
	"""A number in [0, 1) that only depends on the names, spread evenly (the first 64 bits of their SHA-256)."""
	digest = hashlib.sha256("\x1f".join(names).encode()).digest()
	return int.from_bytes(digest[:8], "big") / SPACE


def is_held_out(percent: float, *names: str) -> bool:
	"""Whether these names belong to so many percent who get nothing; raising the percentage only adds some."""
	return draw("holdout", *names) * 100 < percent


def choose(weights: Sequence[float], *names: str) -> int | None:
	"""The position of one of the weights, each as often as it weighs; None if all of them are 0."""
	total = sum(weights)
	if total <= 0:
		return None
	point = draw("variant", *names) * total
	for position, weight in enumerate(weights):
		point -= weight
		if point < 0:
			return position
	return max(position for position, weight in enumerate(weights) if weight)
