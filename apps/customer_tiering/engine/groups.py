"""Customers that are tiered as one: the tier of a group is decided once and carried by every member."""

import pandas as pd

from customer_tiering.engine.money import thousandths
from customer_tiering.engine.policy import Policy
from customer_tiering.engine.tiers import OVERRIDE, STANDING, decide_tiers, override_valid


def decide_carried_tiers(facts: pd.DataFrame, policy: Policy, as_of: pd.Timestamp) -> pd.DataFrame:
	"""The columns of decide_tiers and by_hand and by_hand_ended (bool), one row a customer.

	Customers with the same `root` are one group, of which `facts` has all: the tier is decided for the root, by the sums
	of the group's annual_value and orders_ever and by the root's standing and override. A member carries it, since the
	day on which the member itself came to it. A member whose own override is in force has that tier instead. by_hand
	says that the tier is that of an override, its own or the root's; by_hand_ended that it was one until now.

	Raises KeyError where a root has no row.
	"""
	of_group = decide_tiers(_groups(facts), policy, as_of).loc[facts["root"]].set_axis(facts.index)
	overridden = override_valid(facts, as_of)
	by_hand = overridden | override_valid(facts.loc[facts["root"]].set_axis(facts.index), as_of)
	ended = facts["current_tier_by_hand"] & ~by_hand

	tier = of_group["customer_tier"].mask(overridden, facts["tier_override"]).astype(object)
	stays = (tier == facts["current_tier"]) & ~ended
	return pd.DataFrame(
		{
			"customer_tier": tier.where(tier.notna(), None),
			"tier_since": facts["current_tier_since"].where(stays, as_of).fillna(as_of).where(tier.notna()),
			"below_keep_since": of_group["below_keep_since"].mask(overridden),
			"by_hand": by_hand,
			"by_hand_ended": ended,
		}
	)


def _groups(facts: pd.DataFrame) -> pd.DataFrame:
	"""The roots with what their groups have together."""
	sums = (
		facts[["orders_ever"]]
		.assign(annual_value=thousandths(facts["annual_value"]))
		.groupby(facts["root"], sort=False)
		.sum()
	)
	sums["annual_value"] = sums["annual_value"] / 1000
	return facts.loc[sums.index, [*STANDING, *OVERRIDE]].assign(**sums)
