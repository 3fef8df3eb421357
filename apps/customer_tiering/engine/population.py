"""What a full run learns from all customers together, kept until the next full run."""

import json
from dataclasses import asdict, dataclass
from datetime import date

import numpy as np
import pandas as pd

from customer_tiering.engine.days import days
from customer_tiering.engine.money import rounded
from customer_tiering.engine.pareto import least_money_within
from customer_tiering.engine.policy import Policy, known


@dataclass(frozen=True)
class Population:
	"""The figures that a customer is compared with: ascending breakpoints, money in the reporting currency.

	A score is 1 + the number of breakpoints that the customer's own figure strictly exceeds; a later last order is
	more. There are four of each, or none where nobody had ordered. Days are absolute, so that a customer who doesn't
	order keeps its score until the next fit.

	`abc_a_from` and `abc_b_from` are the least money of class A and B (None: nobody is in it), `median_order` the median
	money of an order and `median_rhythm` the median of the customers' own rhythms in days (None where there is none).
	"""

	fitted_on: date
	recency: tuple[date, ...] = ()
	frequency: tuple[int, ...] = ()
	monetary: tuple[float, ...] = ()
	abc_a_from: float | None = None
	abc_b_from: float | None = None
	median_order: float | None = None
	median_rhythm: float | None = None

	@classmethod
	def from_json(cls, text: str) -> "Population":
		"""The population that `as_json` wrote, in this version of the app or in another one; what it doesn't know is left out."""
		values = json.loads(text)
		values["fitted_on"] = date.fromisoformat(values["fitted_on"])
		values["recency"] = map(date.fromisoformat, values["recency"])
		breakpoints = {name: tuple(values[name]) for name in ("recency", "frequency", "monetary")}
		return known(cls, {**values, **breakpoints})

	def as_json(self) -> str:
		return json.dumps(asdict(self), default=str, sort_keys=True, indent=1)


def fit(facts: pd.DataFrame, policy: Policy, as_of: date, median_order: float | None) -> Population:
	"""The population of `as_of`. `facts` has a row for every customer, in the columns that classify takes.

	`median_order` is the median money of an order in the window, None without any.
	"""
	scored = facts[facts["orders_ever"] > 0]
	money = rounded(scored["annual_value"])
	rhythms = facts["rhythm_days"].dropna()
	return Population(
		fitted_on=as_of,
		recency=_fifths(days(scored["last_order_date"])),
		frequency=_fifths(scored["annual_orders"].to_numpy()),
		monetary=_fifths(money.to_numpy()),
		abc_a_from=least_money_within(money, policy.abc_a_percent),
		abc_b_from=least_money_within(money, policy.abc_b_percent),
		median_order=median_order,
		median_rhythm=None if rhythms.empty else float(rhythms.median()),
	)


def _fifths(figures: np.ndarray) -> tuple:
	"""Breakpoints by which a figure scores 1 + ⌊5 × (figures strictly less) ÷ (all figures)⌋.

	At least k fifths of n figures are less than x when the ⌈k × n ÷ 5⌉th smallest is.
	"""
	count = len(figures)
	if not count:
		return ()
	smallest = [-(-fifth * count // 5) - 1 for fifth in range(1, 5)]
	return tuple(np.sort(figures)[smallest].tolist())
