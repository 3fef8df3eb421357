"""Whose tier was reached only through documents that are gone, and where these customers stood before."""

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from itertools import takewhile

import frappe
import pandas as pd

from customer_tiering.engine.money import rounded
from customer_tiering.engine.policy import Policy
from customer_tiering.engine.replay import Standing, replay
from customer_tiering.engine.signals import TIER_UP
from customer_tiering.tiering.evidence import EVENT, LOOK_BACK, Evidence

CHUNK = 1000


@dataclass(frozen=True)
class Before:
	"""Where a customer `stood` before the rises that are gone, and where it would stand now, had they never been.

	Without a tier, nothing is to be kept.
	"""

	stood: str | None
	tier: str | None
	tier_since: date | None
	below_keep_since: date | None = None


def gone_rises(ordered: Collection[str], facts: pd.DataFrame, evidence: Evidence) -> dict[str, Before]:
	"""Of the customers whose orders changed, those who stand in a tier that the documents of now never brought them to.

	Whether the way up was a signal or not: a first tier is none. Only ways up since the last way down are looked at. What
	was kept before goes on as if nothing had been: since when, and below its keep value since when, too.
	"""
	suspects = _below_entry(ordered, facts, evidence.policy)
	histories = _histories(suspects, evidence.as_of)
	latest = {
		customer: list(takewhile(_is_rise(evidence), history)) for customer, history in histories.items()
	}
	gone = {id(event) for event in evidence.gone(event for rises in latest.values() for event in rises)}
	found = {}
	for customer, rises in latest.items():
		steps = list(takewhile(lambda event: id(event) in gone, rises))
		if steps and steps[0].new_value == facts.at[customer, "current_customer_tier"]:
			found[customer] = _before(steps[-1], histories[customer][len(steps) :])
	return {customer: _as_if_never(customer, before, evidence) for customer, before in found.items()}


def without_rises(facts: pd.DataFrame, before: Mapping[str, Before]) -> pd.DataFrame:
	"""The facts as if nobody had gone up by what is gone; a group goes back where its root does."""
	back = [name for name in before if facts.at[name, "root"] in before]
	if not back:
		return facts
	facts = facts.copy()
	stood = [before[name] for name in back]
	facts.loc[back, "current_tier"] = pd.Series([each.tier for each in stood], index=back, dtype=object)
	for column in ("tier_since", "below_keep_since"):
		days = pd.to_datetime(pd.Series([getattr(each, column) for each in stood], index=back))
		facts.loc[back, f"current_{column}"] = days
	facts["current_below_keep_cause"] = facts["current_below_keep_cause"].mask(facts.index.isin(back), None)
	return facts


def _below_entry(ordered: Collection[str], facts: pd.DataFrame, policy: Policy) -> list[str]:
	"""Whose tier is above what the money of the group deserves."""
	money = rounded(facts["annual_value"].groupby(facts["root"]).sum())
	entry = {tier.name: tier.entry_value for tier in policy.tiers}
	rows = facts.loc[facts.index.isin(list(ordered)) & ~facts["current_tier_by_hand"].astype(bool)]
	below = rows["root"].map(money) < rows["current_customer_tier"].map(entry).astype("float64")
	return sorted(rows.index[below])


def _histories(customers: list[str], as_of: date) -> dict[str, list[frappe._dict]]:
	"""What became of their tiers lately, the latest first; but for what was set by hand and is over."""
	found: dict[str, list[frappe._dict]] = defaultdict(list)
	for start in range(0, len(customers), CHUNK):
		for event in frappe.db.sql(
			f"""SELECT {EVENT}
			FROM `tabTiering Event` event LEFT JOIN `tabTiering Run` run ON run.name = event.run
			WHERE event.customer IN %(customers)s AND event.decision = 'Tier' AND event.merged_from IS NULL
				AND event.cause NOT IN ('Override', 'Override Ended') AND event.as_of >= %(since)s
			ORDER BY event.name DESC""",
			{"customers": customers[start : start + CHUNK], "since": as_of - LOOK_BACK},
			as_dict=True,
		):
			event.signal = event.signal or TIER_UP
			found[event.customer].append(event)
	return found


def _is_rise(evidence: Evidence):
	entry = {tier.name: tier.entry_value for tier in evidence.policy.tiers}

	def rise(event: frappe._dict) -> bool:
		old, new = entry.get(event.old_value), entry.get(event.new_value)
		known = new is not None and (old is not None or not event.old_value)
		return known and (old is None or new > old)

	return rise


def _before(rise: frappe._dict, older: list[frappe._dict]) -> Before:
	came = older[0] if older and older[0].new_value == rise.old_value else None
	return Before(rise.old_value, rise.old_value, came and came.as_of)


def _as_if_never(customer: str, before: Before, evidence: Evidence) -> Before:
	"""From the day on which it came to its tier before, with the documents of now."""
	from customer_tiering.tiering.documents import entries_of, read_documents

	if not before.tier or not before.tier_since or before.tier_since > evidence.as_of:
		return before
	documents = read_documents(evidence.members[evidence.roots[customer]], evidence.policy)
	known = Standing(before.tier_since, Decimal(0), before.tier, before.tier_since, None)
	entries = [entry for entry in entries_of(documents).values() if entry.day <= evidence.as_of]
	now = replay(entries, evidence.policy, evidence.as_of, known)[-1]
	return Before(before.stood, now.tier, now.tier_since, now.below_keep_since)
