"""The value tier: up at once, down only after grace and dwell, and by hand while an override lasts."""

import numpy as np
import pandas as pd

from customer_tiering.engine.policy import Policy

# What a tier decision needs besides the money: where the customer stands, and what was decided by hand.
STANDING = ("current_tier", "current_tier_by_hand", "current_tier_since", "current_below_keep_since")
OVERRIDE = ("tier_override", "tier_override_until")


def decide_tiers(facts: pd.DataFrame, policy: Policy, as_of: pd.Timestamp) -> pd.DataFrame:
	"""Columns customer_tier (name or None), tier_since and below_keep_since (datetime64 or NaT), indexed like `facts`.

	The tier by value is the best one whose entry value the money reaches, else the lowest; none before a first order.
	A customer goes down to it when the money has been under the keep value of the present tier for that tier's grace
	days and the tier has lasted its minimum dwell, both counted in whole days. A valid override wins over all of this;
	when it has ended, the tier is decided as if there had been none before.
	"""
	money, ordered = facts["annual_value"], facts["orders_ever"] > 0
	by_value = _rank_by_value(money, policy)
	present = facts["current_tier"].map({tier.name: rank for rank, tier in enumerate(policy.tiers)})
	since, below_since = facts["current_tier_since"], facts["current_below_keep_since"]
	anew = present.isna() | override_ended(facts, as_of) | ~ordered

	rank = present.fillna(0).astype("int64")
	below = ~anew & (by_value > rank) & (money < _of_rank(rank, [tier.keep_from for tier in policy.tiers]))
	below_since = below_since.where(below_since.notna(), as_of).where(below)
	grace = _of_rank(rank, [tier.grace_days for tier in policy.tiers])
	dwell = _of_rank(rank, [tier.minimum_dwell_days for tier in policy.tiers])
	may_leave = ((as_of - below_since).dt.days >= grace) & ((as_of - since.fillna(as_of)).dt.days >= dwell)
	moves = anew | (by_value < rank) | (below & may_leave)

	names = pd.Series([tier.name for tier in policy.tiers], dtype=object)
	tier = by_value.where(moves, rank).map(names).where(ordered, None)
	overridden = override_valid(facts, as_of)
	tier = tier.mask(overridden, facts["tier_override"]).astype(object)
	stays = (tier == facts["current_tier"]) & ~override_ended(facts, as_of)
	return pd.DataFrame(
		{
			"customer_tier": tier.where(tier.notna(), None),
			"tier_since": since.where(stays, as_of).fillna(as_of).where(tier.notna()),
			"below_keep_since": below_since.where(stays & ~overridden),
		}
	)


def override_valid(facts: pd.DataFrame, as_of: pd.Timestamp) -> pd.Series:
	until = facts["tier_override_until"]
	return facts["tier_override"].notna() & (until.isna() | (until >= as_of))


def override_ended(facts: pd.DataFrame, as_of: pd.Timestamp) -> pd.Series:
	"""The present tier was given by hand, but the override is over or was taken back."""
	return facts["current_tier_by_hand"] & ~override_valid(facts, as_of)


def _rank_by_value(money: pd.Series, policy: Policy) -> pd.Series:
	"""0 is the best tier."""
	reached = [(money >= tier.entry_value).to_numpy() for tier in policy.tiers]
	return pd.Series(
		np.select(reached, range(len(policy.tiers)), default=len(policy.tiers) - 1), index=money.index
	)


def _of_rank(rank: pd.Series, values: list[float]) -> pd.Series:
	return pd.Series(np.asarray(values)[rank.to_numpy()], index=rank.index)
