"""ABC analysis: the few customers who bring most of the money, those in between and the many who bring the rest.

After Pareto's law of unequal shares; Dickie, "ABC inventory analysis shoots for dollars, not pennies" (1951).
"""

import numpy as np
import pandas as pd

from customer_tiering.engine.money import thousandths


def least_money_within(money: pd.Series, percent: int) -> float | None:
	"""The least money of a customer before whom, in descending order, less than `percent` of the whole lies.

	`money` is that of customers with an order ever; what isn't positive is left out. None where nobody is left.
	"""
	descending = np.sort(thousandths(money[money > 0]).to_numpy())[::-1]
	before = np.cumsum(descending) - descending
	# Whole numbers: less than p/100 of the sum is less than that many hundredths, rounded up.
	limit = -(-int(descending.sum()) * percent // 100)
	within = descending[before < limit]
	return float(within[-1] / 1000) if len(within) else None


def abc_classes(facts: pd.DataFrame, a_from: float | None, b_from: float | None) -> np.ndarray:
	"""Class A, B or C by annual_value (reporting currency, rounded) for everybody with an order ever, else None."""
	money = facts["annual_value"]
	ordered = facts["orders_ever"] > 0
	reached = [ordered & (money >= (np.inf if limit is None else limit)) for limit in (a_from, b_from)]
	return np.select([*reached, ordered], ["A", "B", "C"], default=None)
