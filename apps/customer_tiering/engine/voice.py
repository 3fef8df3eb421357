"""What a customer lets us know: the last answer to a survey, and issues whose resolution is overdue."""

import numpy as np
import pandas as pd

from customer_tiering.engine.policy import Policy

PROMOTER = "Promoter"
PASSIVE = "Passive"
DETRACTOR = "Detractor"

# Of 10; with 6 for detractors the categories of Reichheld, "The One Number You Need to Grow", 2003.
PROMOTER_SCORE = 9


def feedback_categories(facts: pd.DataFrame, policy: Policy) -> np.ndarray:
	"""Promoter, Passive or Detractor by the facts' `last_score` (0 to 10); None where it is NaN."""
	score = facts["last_score"]
	return np.select(
		[score <= policy.detractor_score, score >= PROMOTER_SCORE, score.notna()],
		[DETRACTOR, PROMOTER, PASSIVE],
		default=None,
	)


def raises_risk(facts: pd.DataFrame, policy: Policy) -> np.ndarray:
	"""Whether the customer's voice says that the risk is one level higher than the silence does."""
	if not policy.voice_raises_risk:
		return np.zeros(len(facts), dtype=bool)
	overdue = (facts["overdue_issues"] > 0).to_numpy()
	return overdue | (feedback_categories(facts, policy) == DETRACTOR)
