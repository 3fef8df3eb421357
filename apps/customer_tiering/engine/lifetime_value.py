"""What customers will bring: how often each will order, times what each will spend, fitted to what all have done.

And what such predictions are worth: the back-test fits the models to an earlier time alone and looks at what came after.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import pandas as pd

from customer_tiering.engine import bg_nbd, gamma_gamma
from customer_tiering.engine.bg_nbd import BgNbd
from customer_tiering.engine.buyers import brought, buyers
from customer_tiering.engine.gamma_gamma import GammaGamma, can_be_fitted

# With fewer who ordered again the parameters say more about chance than about customers.
LEAST_REPEATERS = 100
# Money to come is taken to be worth the same within so many days.
DISCOUNT_STEP = 91
DAYS_A_YEAR = 365.25
# From a shorter past nothing can be said of months to come.
SHORTEST_SPAN = 90  # days
# Further off than so many times the naive guess, a model says nothing.
FAR_OFF = 2.0


class NoFitError(Exception):
	"""There is no model, or nothing to test it on; `reason` is one of those below.

	`repeaters` are the customers who ordered again and brought money, `needed` how many it would have taken; of a short span
	the days that there are and the days that it would have taken.
	"""

	TOO_FEW_REPEATERS = "too few repeaters"
	ORDERS_DO_NOT_FIT = "orders do not fit"
	SPEND_DOES_NOT_FIT = "spend does not fit"
	SPEND_HAS_NO_MEAN = "spend has no mean"
	NOTHING_CAME = "nothing came"
	SHORT_SPAN = "short span"
	AT_BOUNDS = "at bounds"
	FAR_OFF = "far off"

	def __init__(self, reason: str, repeaters: int, needed: int) -> None:
		super().__init__(reason)
		self.reason, self.repeaters, self.needed = reason, repeaters, needed


@dataclass(frozen=True)
class Model:
	"""The two models; `customers` and `repeaters` (who ordered again, and brought money) that they were fitted to.

	`spend` is fitted to single orders. `spend_of_means` is what the paper's way comes to, for comparison; None if to nothing.
	"""

	orders: BgNbd
	spend: GammaGamma
	spend_of_means: GammaGamma | None
	customers: int
	repeaters: int

	@property
	def is_at_bounds(self) -> bool:
		return self.orders.is_at_bounds or self.spend.is_at_bounds

	def predict(self, known: pd.DataFrame, days: int, yearly_discount: float = 0.0) -> pd.DataFrame:
		"""What each of the `buyers` will do within so many days from now.

		Columns: alive, the probability that it is still a customer; orders, how many days with one are expected; spend, the
		money expected of each; value, both multiplied, in money of today: what comes in a year is worth 1 ÷ (1 + discount) of it.
		"""
		orders, spend = self.orders.expected_orders(known, days), self.spend.expected_spend(known)
		worth = self._orders_worth(known, days, yearly_discount) if yearly_discount else orders
		return pd.DataFrame(
			{"alive": self.orders.alive(known), "orders": orders, "spend": spend, "value": worth * spend}
		)

	def _orders_worth(self, known: pd.DataFrame, days: int, yearly_discount: float) -> pd.Series:
		"""The orders to be expected, each for what its money is worth today."""
		ends = np.linspace(0, days, -(-days // DISCOUNT_STEP) + 1)
		until = [self.orders.expected_orders(known, end) for end in ends]
		worth = (1 + yearly_discount) ** (-(ends[:-1] + ends[1:]) / 2 / DAYS_A_YEAR)
		return sum((end - start) * each for start, end, each in zip(until, until[1:], worth, strict=False))


def fit(known: pd.DataFrame, least_repeaters: int = LEAST_REPEATERS) -> Model:
	"""The model of these `buyers`. Raises NoFitError, with the reason, where none can be had."""
	repeaters, needed = int(can_be_fitted(known).sum()), max(least_repeaters, 1)
	if repeaters < needed:
		raise NoFitError(NoFitError.TOO_FEW_REPEATERS, repeaters, needed)
	orders = bg_nbd.fit(known)
	if orders is None:
		raise NoFitError(NoFitError.ORDERS_DO_NOT_FIT, repeaters, needed)
	spend = gamma_gamma.fit_single_orders(known)
	if spend is None:
		raise NoFitError(NoFitError.SPEND_DOES_NOT_FIT, repeaters, needed)
	if not spend.has_a_mean:
		raise NoFitError(NoFitError.SPEND_HAS_NO_MEAN, repeaters, needed)
	return Model(orders, spend, gamma_gamma.fit(known), len(known), repeaters)


def refuse_absurd(model: Model, known: pd.DataFrame, test: "BackTest | None") -> None:
	"""Raise NoFitError for a model that came out, and says nothing: of too short a past, at the end of what its parameters
	can be and not seen to be of use, or far worse than no model at all."""
	span = int(known["age"].max())
	if span < SHORTEST_SPAN:
		raise NoFitError(NoFitError.SHORT_SPAN, span, SHORTEST_SPAN)
	if test and test.is_far_off:
		raise NoFitError(NoFitError.FAR_OFF, model.repeaters, 0)
	if model.is_at_bounds and not (test and test.is_worth_it):
		raise NoFitError(NoFitError.AT_BOUNDS, model.repeaters, 0)


@dataclass(frozen=True)
class BackTest:
	"""How far predictions of the `days` after `fitted_until` were off, for the customers known then; money as given.

	An `error` is the mean over customers of the absolute difference; a `bias` what all predictions together are too high
	(above 0) or too low, as a share of what was brought. The naive guess is that each customer brings again
	what it brought in the equally long time before.
	"""

	fitted_until: date
	days: int
	customers: int
	error: float
	bias: float
	naive_error: float
	naive_bias: float

	@property
	def is_worth_it(self) -> bool:
		return self.error < self.naive_error

	@property
	def is_far_off(self) -> bool:
		return self.error > FAR_OFF * self.naive_error


def back_test(
	order_days: pd.DataFrame,
	as_of: date,
	days: int,
	least_repeaters: int = LEAST_REPEATERS,
	known_on: Callable[[date], pd.DataFrame] | None = None,
) -> BackTest:
	"""Predict the last `days` until `as_of`, or the last half of all there is if that is less, from what was before.

	`known_on` gives the order days as they were known on a day, before later returns took off money or orders; without it
	nothing was returned later. Raises NoFitError where all that is too little.
	"""
	span = (pd.Timestamp(as_of) - order_days["day"].min()).days + 1
	days = min(days, span // 2)
	until = as_of - timedelta(days=days)
	past = known_on(until) if known_on else order_days
	known = buyers(past, until)
	model = fit(known, least_repeaters)
	predicted = model.predict(known, days)["value"]
	came = brought(order_days, until, as_of).reindex(known.index, fill_value=0.0)
	if came.sum() <= 0:
		raise NoFitError(NoFitError.NOTHING_CAME, model.repeaters, least_repeaters)
	before = brought(past, until - timedelta(days=days), until).reindex(known.index, fill_value=0.0)
	return BackTest(
		until,
		days,
		len(known),
		error=_error(predicted, came),
		bias=_bias(predicted, came),
		naive_error=_error(before, came),
		naive_bias=_bias(before, came),
	)


def _error(guess: pd.Series, came: pd.Series) -> float:
	return float((guess - came).abs().mean())


def _bias(guess: pd.Series, came: pd.Series) -> float:
	return float(guess.sum() / came.sum() - 1)
