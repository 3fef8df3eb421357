"""How often a customer will order again: the BG/NBD model.

Fader, Hardie and Lee (2005), "Counting your customers" the easy way, Marketing Science 24 (2). While alive, a customer
orders at random at a rate of its own (gamma distributed over customers: r, alpha); after each order but the first it is
gone for good with a probability of its own (beta distributed: a, b).

A customer is described by `frequency`, how many days with an order it had after its first one; `recency`, days from the
first to the last of them; and `age`, days from the first until today. alpha is in days, too: what is published in weeks is
to be multiplied by 7, and the log likelihood, being one of densities in time, is lower by ln 7 for each repeat order.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.special import digamma, expit, gammaln

from customer_tiering.engine.dropout import mean_over_dropout
from customer_tiering.engine.maximum import at_bounds, maximise

STARTS = ((0.5, 0.3, 0.8, 2.5), (1.0, 0.8, 0.5, 5.0), (2.0, 2.0, 0.05, 1.0))
# Of r, alpha (in mean gaps between orders), a, b. At a bound all customers are as good as equal, or as good as never gone.
BOUNDS = ((1e-4, 1e4), (1e-6, 1e6), (1e-4, 1e4), (1e-4, 1e4))


@dataclass(frozen=True)
class BgNbd:
	"""A fitted model: r, alpha in days, a, b; `log_likelihood` of all the customers that it was fitted to.

	`is_at_bounds` says that the search came to the end of what it may try.
	"""

	r: float
	alpha: float
	a: float
	b: float
	log_likelihood: float
	is_at_bounds: bool = False

	def alive(self, buyers: pd.DataFrame) -> pd.Series:
		"""The probability that a customer is still one; 1 while it has not ordered a second time."""
		x, recency, age = _columns(buyers)
		odds_of_gone = np.log(self.a) - np.log(self.b + np.maximum(x, 1) - 1)
		odds_of_gone += (self.r + x) * (np.log(self.alpha + age) - np.log(self.alpha + recency))
		return pd.Series(np.where(x > 0, expit(-odds_of_gone), 1.0), index=buyers.index)

	def expected_orders(self, buyers: pd.DataFrame, days: float) -> pd.Series:
		"""How many days with an order are to be expected of each customer within so many days from now.

		Formula (10) of the paper, in the form that comes before its hypergeometric function is put in: for that one there is no
		routine that holds for customers with hundreds of orders.
		"""
		x, _recency, age = _columns(buyers)
		while_alive = mean_over_dropout(self.a, self.b + x, self.r + x, days / (self.alpha + age))
		return while_alive * self.alive(buyers)


def fit(buyers: pd.DataFrame) -> BgNbd | None:
	"""The model that makes what these customers did likeliest; None if the search came to no end.

	Index: customers, of whom one at least ordered again. Columns frequency, recency, age.
	"""
	rows = buyers.groupby(["frequency", "recency", "age"], sort=False).size()
	weights = rows.to_numpy(float)
	x, recency, age = _columns(rows.index.to_frame())
	gap = weights @ age / (weights @ x)
	likelihood = _Likelihood(x, recency / gap, age / gap, weights)
	found = maximise(likelihood, STARTS, BOUNDS)
	if found is None:
		return None
	(r, alpha, a, b), mean = found
	in_days = mean * weights.sum() - weights @ x * np.log(gap)
	return BgNbd(
		float(r), float(alpha * gap), float(a), float(b), float(in_days), at_bounds(found[0], BOUNDS)
	)


class _Likelihood:
	"""The mean log likelihood of a customer, and its gradient. Gamma functions are looked up by the few frequencies."""

	def __init__(self, x: np.ndarray, recency: np.ndarray, age: np.ndarray, weights: np.ndarray) -> None:
		self.x, self.recency, self.age = x, recency, age
		self.share = weights / weights.sum()
		self.frequencies, self.which = np.unique(x, return_inverse=True)
		self.share_of_frequency = np.bincount(self.which, self.share)

	def __call__(self, parameters: np.ndarray) -> tuple[float, np.ndarray]:
		r, alpha, a, b = parameters
		n, share_n = self.frequencies, self.share_of_frequency
		until_now, until_last = np.log(alpha + self.age), np.log(alpha + self.recency)
		gone_after = np.where(n > 0, np.log(a) - np.log(b + np.maximum(n, 1) - 1), -np.inf)[self.which]
		if_alive = -(r + self.x) * until_now
		if_gone = gone_after - (r + self.x) * until_last
		by_frequency = gammaln(r + n) - gammaln(r) + r * np.log(alpha)
		by_frequency += gammaln(a + b) - gammaln(a + b + n) + gammaln(b + n) - gammaln(b)
		value = share_n @ by_frequency + self.share @ np.logaddexp(if_alive, if_gone)

		gone = self.share * expit(if_gone - if_alive)
		alive = self.share - gone
		gone_n = np.bincount(self.which, gone)
		common = share_n @ (digamma(a + b) - digamma(a + b + n))
		gradient = [
			share_n @ (digamma(r + n) - digamma(r)) + np.log(alpha) - alive @ until_now - gone @ until_last,
			r / alpha - ((r + self.x) * (alive / (alpha + self.age) + gone / (alpha + self.recency))).sum(),
			common + gone.sum() / a,
			common + share_n @ (digamma(b + n) - digamma(b)) - (gone_n / np.maximum(b + n - 1, b)).sum(),
		]
		return float(value), np.array(gradient)


def _columns(buyers: pd.DataFrame) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
	return tuple(buyers[column].to_numpy(float) for column in ("frequency", "recency", "age"))
