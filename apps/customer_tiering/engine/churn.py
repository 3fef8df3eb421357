"""Churn risk: how long a customer has been silent, measured by its own rhythm, and what it lets us know."""

import numpy as np
import pandas as pd

from customer_tiering.engine.days import days_times
from customer_tiering.engine.policy import Policy
from customer_tiering.engine.population import Population
from customer_tiering.engine.voice import raises_risk

LEVELS = np.array([None, "Low", "Medium", "High"], dtype=object)


def churn_days(facts: pd.DataFrame, policy: Policy, population: Population) -> tuple[pd.Series, pd.Series]:
	"""The days since the last order from which the risk is medium and high; NaN where no rhythm is known.

	The rhythm is the customer's own rhythm_days, else the population's median.
	"""
	usual = np.nan if population.median_rhythm is None else population.median_rhythm
	rhythm = facts["rhythm_days"].fillna(usual)
	return days_times(rhythm, policy.churn_medium_factor), days_times(rhythm, policy.churn_high_factor)


def churn_risk(facts: pd.DataFrame, recency: pd.Series, policy: Policy, population: Population) -> np.ndarray:
	"""Low, Medium or High; None without an order or a rhythm. `recency` is in days, NaN without an order.

	With `voice_raises_risk` an overdue issue or a detractor's answer makes it one level higher.
	"""
	medium, high = churn_days(facts, policy, population)
	known = recency.notna() & high.notna()
	level = np.select([recency >= high, recency >= medium, known], [3, 2, 1], default=0)
	raised = np.minimum(level + raises_risk(facts, policy), len(LEVELS) - 1)
	return LEVELS[np.where(level > 0, raised, 0)]
