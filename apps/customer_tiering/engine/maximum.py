"""Maximum likelihood: the highest point of a smooth function of positive parameters, and whether it really is one."""

from collections.abc import Callable, Sequence

import numpy as np
from scipy.optimize import minimize

# Of the likelihood of one observation, for a change of a parameter by its own size: no figure that is shown would move.
FLAT = 1e-5
MOST_STEPS = 1000
NEAR_BOUND = 0.01  # as a share of the parameter

Likelihood = Callable[[np.ndarray], tuple[float, np.ndarray]]


def maximise(
	likelihood: Likelihood, starts: Sequence[Sequence[float]], bounds: Sequence[tuple[float, float]]
) -> tuple[np.ndarray, float] | None:
	"""The parameters for which the mean log likelihood of an observation is highest, and its value there.

	`likelihood` takes positive parameters and gives its value and its gradient. It is climbed on a logarithmic scale, within
	`bounds`, from the highest of the `starts`; from the others if that leads to no top. A bound that the top leans against is an
	answer. None if no climb came to a top.
	"""
	highest_first = sorted(starts, key=lambda start: -likelihood(np.array(start))[0])
	tops = (_climb(likelihood, start, np.log(bounds)) for start in highest_first)
	return next((top for top in tops if top), None)


def at_bounds(parameters: np.ndarray, bounds: Sequence[tuple[float, float]]) -> bool:
	"""Whether one of the parameters lies at an end of what it may be, or as good as there."""
	logs, ends = np.log(parameters)[:, None], np.log(bounds)
	return bool((np.abs(logs - ends) < NEAR_BOUND).any())


def _climb(
	likelihood: Likelihood, start: Sequence[float], bounds: np.ndarray
) -> tuple[np.ndarray, float] | None:
	def downhill(logs: np.ndarray) -> tuple[float, np.ndarray]:
		value, gradient = likelihood(np.exp(logs))
		return -value, -gradient * np.exp(logs)

	found = minimize(
		downhill,
		np.clip(np.log(start), *bounds.T),
		jac=True,
		bounds=bounds,
		method="L-BFGS-B",
		options={"maxiter": MOST_STEPS, "maxfun": MOST_STEPS, "ftol": 1e-14, "gtol": FLAT / 100},
	)
	value, slope = downhill(found.x)
	free = ~((found.x <= bounds[:, 0]) & (slope > 0) | (found.x >= bounds[:, 1]) & (slope < 0))
	is_top = np.isfinite(value) and np.abs(slope[free]).max(initial=0.0) < FLAT
	return (np.exp(found.x), -value) if is_top else None
