"""What customers are interested in: points for what they did, fading with time, added up by topic.

An event is worth weight × 2^(-age in days ÷ half-life), the exponential decay of radioactive matter, rounded to whole
hundredths: so what an explanation lists adds up to the score that decides.
"""

from datetime import date

import numpy as np
import pandas as pd

from customer_tiering.engine.days import days
from customer_tiering.engine.interest_rules import DIGITS, OPEN, InterestRules


def points(events: pd.DataFrame, rules: InterestRules, as_of: date) -> pd.Series:
	"""What each event is worth as of a day: index as given, whole hundredths; events dated later are worth nothing.

	Columns: customer, topic, kind, day (datetime64). Mails opened on one day count in the order of the rows.
	"""
	age = (np.datetime64(as_of, "D") - days(events["day"])).astype("float64")
	weight = events["kind"].map(rules.weights).to_numpy("float64", na_value=0.0)
	counts = (age >= 0) & ~_free(events, rules, age >= 0)
	worth = np.where(counts, weight * np.exp2(-np.where(counts, age, 0) / rules.half_life), 0.0)
	return pd.Series(worth.round(DIGITS), index=events.index, dtype="float64")


def _free(events: pd.DataFrame, rules: InterestRules, known: np.ndarray) -> np.ndarray:
	"""Which events are one of the first mails of a topic that the customer opened."""
	opened = pd.Series((events["kind"] == OPEN).to_numpy() & known)
	mails = events.reset_index(drop=True)[opened.to_numpy()].sort_values("day", kind="stable")
	number = mails.groupby(["customer", "topic"], sort=False, observed=True).cumcount()
	return (number < rules.free_opens).reindex(opened.index, fill_value=False).to_numpy("bool")


def scores(events: pd.DataFrame, rules: InterestRules, as_of: date) -> pd.DataFrame:
	"""The sum of the points by customer and topic. Columns: customer, topic, score."""
	worth = events[["customer", "topic"]].assign(score=points(events, rules, as_of))
	summed = worth.groupby(["customer", "topic"], sort=False, observed=True, as_index=False)["score"].sum()
	return summed.assign(score=summed["score"].round(DIGITS))


def strongest(scored: pd.DataFrame, rules: InterestRules) -> pd.DataFrame:
	"""Of each customer the topics with the highest scores, none below the minimum and none without any points.

	Columns: customer, topic, score, place (from 1). Of equal scores the topic whose name comes first wins.
	"""
	reached = scored[(scored["score"] >= round(rules.min_score, DIGITS)) & (scored["score"] > 0)]
	best = reached.sort_values(["customer", "score", "topic"], ascending=[True, False, True])
	place = best.groupby("customer", sort=False, observed=True).cumcount() + 1
	return best.assign(place=place)[place <= rules.topics].reset_index(drop=True)
