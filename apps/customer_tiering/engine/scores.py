"""Recency, frequency and monetary scores from 1 to 5, and the segment that they fall into."""

from datetime import date

import numpy as np
import pandas as pd

from customer_tiering.engine.days import days
from customer_tiering.engine.policy import Policy
from customer_tiering.engine.population import Population


def rfm_scores(facts: pd.DataFrame, policy: Policy, as_of: date, population: Population) -> pd.DataFrame:
	"""Columns r, f and m (1 to 5), index customer: one row for everybody with an order ever. Money comes rounded.

	By percentile: 1 + ⌊5 × (strictly worse) ÷ (scored)⌋ in the population that was fitted, so that equals share a score;
	the quintiles of Hughes, Strategic Database Marketing (1994), with ties kept together. By fixed breakpoints: a point
	for each one that the orders and the money reach, and one less for each that the days since the last order reach.
	"""
	scored = facts[facts["orders_ever"] > 0]
	last_order, orders = days(scored["last_order_date"]), scored["annual_orders"].to_numpy()
	money = scored["annual_value"].to_numpy()
	if policy.scoring == "Fixed Breakpoints":
		recency = (np.datetime64(as_of, "D") - last_order).astype("int64")
		scores = {
			"r": 5 - _reached(policy.recency_breakpoints, recency),
			"f": 1 + _reached(policy.frequency_breakpoints, orders),
			"m": 1 + _reached(policy.monetary_breakpoints, money),
		}
	else:
		recency = np.array(population.recency, dtype="datetime64[D]")
		scores = {
			"r": 1 + _exceeded(recency, last_order),
			"f": 1 + _exceeded(population.frequency, orders),
			"m": 1 + _exceeded(population.monetary, money),
		}
	return pd.DataFrame(scores, index=scored.index)


def _reached(breakpoints: tuple, figures: np.ndarray) -> np.ndarray:
	return np.searchsorted(np.asarray(breakpoints), figures, side="right")


def _exceeded(breakpoints: tuple | np.ndarray, figures: np.ndarray) -> np.ndarray:
	return np.searchsorted(np.asarray(breakpoints), figures, side="left")


def score_text(scores: pd.DataFrame) -> pd.Series:
	"""The three scores side by side, like "543"."""
	return scores["r"].astype(str).str.cat([scores["f"].astype(str), scores["m"].astype(str)]).astype(object)


def segments(scores: pd.DataFrame, policy: Policy) -> pd.Series:
	"""The name of the cell that the scores fall into, None where it has no name."""
	near = (scores["r"] >= policy.near_score).to_numpy()
	frequent, valuable = ((scores[figure] >= policy.high_score).to_numpy() for figure in "fm")
	cells = [
		(near == cell.near) & (frequent == cell.frequent) & (valuable == cell.valuable)
		for cell in policy.segments
	]
	if not cells:
		return pd.Series(None, index=scores.index, dtype=object)
	names = [s.name for s in policy.segments]
	return pd.Series(np.select(cells, names, default=None), index=scores.index, dtype=object)
