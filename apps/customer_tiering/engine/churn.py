"""Churn risk: how long a customer has been silent, measured by its own rhythm."""

import numpy as np
import pandas as pd

from customer_tiering.engine.days import days_times
from customer_tiering.engine.policy import Policy
from customer_tiering.engine.population import Population


def churn_days(facts: pd.DataFrame, policy: Policy, population: Population) -> tuple[pd.Series, pd.Series]:
	"""The days since the last order from which the risk is medium and high; NaN where no rhythm is known.

	The rhythm is the customer's own rhythm_days, else the population's median.
	"""
	usual = np.nan if population.median_rhythm is None else population.median_rhythm
	rhythm = facts["rhythm_days"].fillna(usual)
	return days_times(rhythm, policy.churn_medium_factor), days_times(rhythm, policy.churn_high_factor)


def churn_risk(facts: pd.DataFrame, recency: pd.Series, policy: Policy, population: Population) -> np.ndarray:
	"""Low, Medium or High; None without an order or a rhythm. `recency` is in days, NaN without an order."""
	medium, high = churn_days(facts, policy, population)
	known = recency.notna() & high.notna()
	return np.select([recency >= high, recency >= medium, known], ["High", "Medium", "Low"], default=None)
