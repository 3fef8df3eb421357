"""Whose grace had begun before an order that is gone now made it seem over, and when."""

from collections.abc import Collection
from datetime import date
from decimal import Decimal

import pandas as pd

from customer_tiering.engine.money import rounded
from customer_tiering.engine.replay import Standing, replay
from customer_tiering.tiering.evidence import Evidence


def with_graces(ordered: Collection[str], facts: pd.DataFrame, evidence: Evidence) -> pd.DataFrame:
	"""The facts as if orders that were cancelled had never ended a grace: of the customers whose orders changed, those who
	are under the keep value of their tier again have been so since the day that the documents of now say."""
	from customer_tiering.tiering.documents import entries_of, read_documents

	found: dict[str, date] = {}
	changed = frozenset(ordered)
	suspects = _under_anew(changed, facts, evidence)
	for customer, tier, since in suspects[["current_tier", "current_tier_since"]].itertuples():
		documents = read_documents(evidence.members[evidence.roots[customer]], evidence.policy)
		if not any(document.cancelled and document.in_company for document in documents):
			continue
		start = max(since.date(), evidence.rules_since)
		entries = [entry for entry in entries_of(documents).values() if entry.day <= evidence.as_of]
		way = replay(
			entries, evidence.policy, evidence.as_of, Standing(start, Decimal(0), tier, since.date(), None)
		)
		in_tier = [standing for standing in way if standing.day >= start and standing.tier == tier]
		if in_tier and in_tier[-1].below_keep_since:
			found[customer] = in_tier[-1].below_keep_since
	if not found:
		return facts
	days = pd.to_datetime(pd.Series(found))
	return facts.assign(
		current_below_keep_since=days.reindex(facts.index).fillna(facts["current_below_keep_since"])
	)


def _under_anew(ordered: frozenset[str], facts: pd.DataFrame, evidence: Evidence) -> pd.DataFrame:
	"""Who has come under the keep value of the tier only now, as it seems."""
	keep = {tier.name: tier.keep_from for tier in evidence.policy.tiers}
	rows = facts[
		facts.index.isin(ordered)
		& ~facts["current_tier_by_hand"].astype(bool)
		& facts["current_below_keep_since"].isna()
		& (facts["current_tier_since"] <= pd.Timestamp(evidence.as_of))
	]
	money = rounded(facts["annual_value"].groupby(facts["root"]).sum())
	return rows[rows["root"].map(money) < rows["current_tier"].map(keep).astype("float64")]
