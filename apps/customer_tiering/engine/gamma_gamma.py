"""What a customer will spend an order: the Gamma-Gamma model, fitted to customers' means or to their single orders.

Fader and Hardie (2013), The Gamma-Gamma model of monetary value. What a customer
spends an order varies around a mean of its own (gamma distributed: p), and the means differ between customers (inverse
gamma distributed: q, gamma), independently of how often they order. gamma is in money.

The paper fits it to the mean of each customer's orders, all that its data held. Whether customers differ from one another or
orders within a customer is then told apart by the shape of two distributions alone, and where spend has heavier tails than
the model's, the fit takes the ones for the other. The same model fitted to the single orders sees how these spread.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.special import digamma, gammaln

from customer_tiering.engine.maximum import at_bounds, maximise

STARTS = ((1.0, 3.0, 1.0), (6.0, 4.0, 0.4), (2.0, 1.0, 0.2))
# Of p, q, gamma (in mean spend an order).
BOUNDS = ((1e-3, 1e4), (1e-3, 1e4), (1e-6, 1e6))
# Whoever has ordered once has an expected spend if p + q is more than 1; close to that it would be enormous.
LEAST = 1.1


@dataclass(frozen=True)
class GammaGamma:
	"""A fitted model: p, q, gamma in money; `log_likelihood` of all the customers that it was fitted to.

	`is_at_bounds` says that the search came to the end of what it may try.
	"""

	p: float
	q: float
	gamma: float
	log_likelihood: float
	is_at_bounds: bool = False

	@property
	def has_a_mean(self) -> bool:
		"""False where orders differ so much that one of them says nothing about the next."""
		return self.p + self.q > LEAST

	def expected_spend(self, buyers: pd.DataFrame) -> pd.Series:
		"""What each customer's next order will bring: its own mean drawn towards everybody's, the less the more it ordered.

		Formula (5) of the paper, but with the first order among those that tell of the customer. The model is fitted without it,
		as published; yet it is all that is known of most customers, and where means differ so much that they have no mean
		themselves (q of 1 or less), it is what there is to go by. Money below zero (more was credited than sold) counts as zero.
		"""
		orders, paid = buyers["frequency"].to_numpy(float) + 1, buyers["paid"].to_numpy(float)
		expected = (self.gamma + np.maximum(paid, 0.0)) * self.p / (self.p * orders + self.q - 1)
		return pd.Series(expected, index=buyers.index)


def can_be_fitted(buyers: pd.DataFrame) -> pd.Series:
	"""Which customers the model can be fitted to: who ordered again, and with a mean above zero."""
	return (buyers["frequency"] > 0) & (buyers["spend"] > 0)


def fit(buyers: pd.DataFrame) -> GammaGamma | None:
	"""The model that makes likeliest what these customers spent; None if the search came to no end.

	Columns `frequency`, days with an order after the first one; `spend`, the mean money of these. Customers that can't be
	fitted are left aside; there must be others.
	"""
	fitted = buyers[can_be_fitted(buyers)]
	x, spend = fitted["frequency"].to_numpy(float), fitted["spend"].to_numpy(float)
	unit = spend.mean()
	found = maximise(_Likelihood(x, spend / unit), STARTS, BOUNDS)
	if found is None:
		return None
	(p, q, gamma), mean = found
	in_money = (mean - np.log(unit)) * len(fitted)
	return GammaGamma(float(p), float(q), float(gamma * unit), float(in_money), at_bounds(found[0], BOUNDS))


def fit_single_orders(buyers: pd.DataFrame) -> GammaGamma | None:
	"""The same, for the single orders that `spend` is the mean of; column `log_spend` has the mean of their logarithms.

	Of customers for whom that isn't finite, the mean alone is taken.
	"""
	fitted = buyers[can_be_fitted(buyers)]
	x, spend = fitted["frequency"].to_numpy(float), fitted["spend"].to_numpy(float)
	log_spend, unit = fitted["log_spend"].to_numpy(float), spend.mean()
	found = maximise(_OfSingleOrders(x, spend / unit, log_spend - np.log(unit)), STARTS, BOUNDS)
	if found is None:
		return None
	(p, q, gamma), mean = found
	amounts = np.where(np.isfinite(log_spend), x, 1.0).sum()
	in_money = mean * len(fitted) - amounts * np.log(unit)
	return GammaGamma(float(p), float(q), float(gamma * unit), float(in_money), at_bounds(found[0], BOUNDS))


class _Likelihood:
	"""The mean log likelihood of a customer, and its gradient."""

	def __init__(self, x: np.ndarray, spend: np.ndarray) -> None:
		self.x, self.spent, self.log_spent = x, x * spend, np.log(x * spend)
		self.constant = -np.log(spend).mean()

	def __call__(self, parameters: np.ndarray) -> tuple[float, np.ndarray]:
		p, q, gamma = parameters
		orders = p * self.x
		log_sum = np.log(gamma + self.spent)
		values = gammaln(orders + q) - gammaln(orders) - gammaln(q) + q * np.log(gamma)
		values += orders * self.log_spent - (orders + q) * log_sum
		gradient = [
			(self.x * (digamma(orders + q) - digamma(orders) + self.log_spent - log_sum)).mean(),
			(digamma(orders + q) - digamma(q) + np.log(gamma) - log_sum).mean(),
			(q / gamma - (orders + q) / (gamma + self.spent)).mean(),
		]
		return float(values.mean() + self.constant), np.array(gradient)


class _OfSingleOrders(_Likelihood):
	"""To how likely means are comes how likely orders are to spread around them as they do: only p has a say in that."""

	def __init__(self, x: np.ndarray, spend: np.ndarray, log_spend: np.ndarray) -> None:
		super().__init__(x, spend)
		told = np.isfinite(log_spend)
		sum_of_logs = (x * log_spend)[told]
		self.counts, customers = np.unique(x[told], return_counts=True)
		self.share = customers / len(x)
		self.spread = (sum_of_logs - (x * self.log_spent)[told]).sum() / len(x)
		self.constant += (np.log(spend)[told] - sum_of_logs).sum() / len(x)

	def __call__(self, parameters: np.ndarray) -> tuple[float, np.ndarray]:
		value, gradient = super().__call__(parameters)
		p, n = parameters[0], self.counts
		value += p * self.spread + self.share @ (gammaln(p * n) - n * gammaln(p))
		gradient[0] += self.spread + self.share @ (n * (digamma(p * n) - digamma(p)))
		return float(value), gradient
