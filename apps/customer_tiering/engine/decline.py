"""Falling monthly spend, in whole calendar months of the site's time zone."""

import pandas as pd

from customer_tiering.engine.money import thousandths
from customer_tiering.engine.policy import Policy


def is_declining(facts: pd.DataFrame, policy: Policy, months_later: int = 0) -> pd.Series:
	"""Whether the spend of each of the last `decline_months` months lies `decline_percent` or more below the month before.

	`facts` has the columns spend_0 (this month so far) and spend_1 (the last whole month) to spend_{decline_months + 1};
	every month but the last has to be above zero. With `months_later` the same is asked that many months later, when
	nobody has ordered meanwhile. False for all where either figure is zero.
	"""
	declining = pd.Series(bool(policy.decline_percent and policy.decline_months), index=facts.index)
	if not declining.any():
		return declining
	for month in range(1, policy.decline_months + 1):
		later, earlier = (_spend(facts, which - months_later) for which in (month, month + 1))
		declining &= (earlier > 0) & (100 * later <= (100 - policy.decline_percent) * earlier)
	return declining


def _spend(facts: pd.DataFrame, month: int) -> pd.Series:
	if month < 0:
		return pd.Series(0, index=facts.index)
	return thousandths(facts[f"spend_{month}"])
