"""Orders to come, averaged over how likely a customer is to be gone after each of them."""

import numpy as np
from scipy.special import betaln

POINTS = 192
AT_ONCE = 2048
NOTHING = np.log(1e-17)


def mean_over_dropout(
	a: float, b: np.ndarray, orders: np.ndarray, horizon: np.ndarray, points: int = POINTS
) -> np.ndarray:
	"""The mean, over p with a beta distribution of a and b, of (1 - (1 + p × horizon)^-orders) ÷ p, for each b, orders and horizon.

	That is what a customer who is alive, and whose rate is gamma distributed with shape `orders`, orders within `horizon`
	(in units of that distribution's scale) if each order is the last one with probability p.

	By the trapezoidal rule over the log odds of p, where the integrand is smooth and ends exponentially, so that the rule
	converges as fast (Trefethen and Weideman 2014, SIAM Review 56). A straight line between the values at p = 0 and p = 1,
	whose mean is known, is taken out first: the rest ends within sight however much of the distribution lies near 0 or 1.
	"""
	parts = range(0, len(b), AT_ONCE)
	found = [
		_mean(a, *(column[start : start + AT_ONCE, None] for column in (b, orders, horizon)), points)
		for start in parts
	]
	return np.concatenate(found) if found else np.empty(0)


def _mean(a: float, b: np.ndarray, orders: np.ndarray, horizon: np.ndarray, points: int) -> np.ndarray:
	at_zero, at_one = orders * horizon, -np.expm1(-orders * np.log1p(horizon))
	log_beta = betaln(a, b)
	# Closer to 0 or 1 nothing is added: by the distribution's tails, or as all is on the line.
	on_line = NOTHING - np.log1p(at_zero)
	start = _log_odds(np.maximum((NOTHING + np.log(a) + log_beta) / a, on_line))
	end = -_log_odds(np.maximum((NOTHING + np.log(b) + log_beta) / b, on_line))
	step = (end - start) / (points - 1)
	log_odds = start + step * np.arange(points)
	log_p, log_rest = -np.logaddexp(0, -log_odds), -np.logaddexp(0, log_odds)
	p = np.exp(log_p)
	weight = np.exp(a * log_p + b * log_rest - log_beta)
	curve = -np.expm1(-orders * np.log1p(p * horizon)) / p
	line = at_zero + (at_one - at_zero) * p
	mean_of_line = at_zero + (at_one - at_zero) * a / (a + b)
	return (mean_of_line + step * (weight * (curve - line)).sum(axis=1, keepdims=True))[:, 0]


def _log_odds(log_p: np.ndarray) -> np.ndarray:
	log_p = np.minimum(log_p, -1e-300)
	return log_p - np.log(-np.expm1(log_p))
