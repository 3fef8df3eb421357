"""Finds the signals in the ledger whose cause is gone."""

from collections.abc import Collection, Mapping
from datetime import date

import frappe
import pandas as pd

from customer_tiering.engine.signals import SUPER_PROMOTER, TIER_DOWN, TIER_UP, WON_BACK
from customer_tiering.tiering.as_if_never import Restored, Way
from customer_tiering.tiering.chunks import rows_of
from customer_tiering.tiering.evidence import EVENT, Evidence
from customer_tiering.tiering.history import LOOK_BACK
from customer_tiering.tiering.signals import FIRING_CAUSES

COLUMNS = ["customer", "signal", "signal_key", "decision", "old_value", "new_value"]


def find_voids(
	ordered: Collection[str],
	lowered: Collection[str],
	edited: Collection[str],
	facts: pd.DataFrame,
	evidence: Evidence,
	back: Mapping[str, Restored],
) -> pd.DataFrame:
	"""Signals that would not have fired, had today's documents been known: of the customers whose orders changed, and as
	promoters also of who referred them and of those `edited`, whose referrals may be others.

	Of those `lowered` documents may have gone; who is decided once more (`back`) has the tier signals of the way that was found, and no others. Columns COLUMNS, the oldest
	of a customer first.
	"""
	customers = set(ordered) & set(facts.index)
	referrers = {*edited, *evidence.referrers_of(customers)} & set(facts.index) - customers
	fired = [
		*_fired(sorted(customers), evidence.as_of),
		*(row for row in _fired(sorted(referrers), evidence.as_of) if row.signal == SUPER_PROMOTER),
	]
	decided = [row for row in fired if _is_decided_again(row, back)]
	entry = {tier.name: tier.entry_value for tier in evidence.policy.tiers}
	gone = [row for row in decided if not _is_on(back[row.customer].way, row, entry)]
	keys = {row.signal_key for row in decided}
	gone += evidence.gone((row for row in fired if row.signal_key not in keys), lowered)
	void = sorted(gone, key=lambda row: row.name)
	return pd.DataFrame([[row[column] for column in COLUMNS] for row in void], columns=COLUMNS)


def _is_decided_again(fired: frappe._dict, back: Mapping[str, Restored]) -> bool:
	return (
		fired.signal in (TIER_UP, TIER_DOWN)
		and fired.customer in back
		and fired.read_at >= back[fired.customer].since
	)


def _is_on(way: Way, fired: frappe._dict, entry: Mapping[str, float]) -> bool:
	"""Whether the way leads into that tier, and from the same side."""
	up = fired.signal == TIER_UP
	return any(
		new == fired.new_value and old in entry and (new not in entry or (entry[new] > entry[old]) is up)
		for _day, old, new in way.moves
	)


def stood_before(voids: pd.DataFrame, decision: str, current: pd.Series) -> dict[str, str]:
	"""For customers who stand where void signals brought them: where they stood before these.

	`decision` is Tier or Stage, `current` where each customer stands now.
	"""
	stood: dict[str, str] = {}
	rows = voids[voids["decision"] == decision][["customer", "old_value", "new_value"]]
	for customer, old, new in reversed(list(rows.itertuples(index=False))):
		if stood.get(customer, current.get(customer)) == new:
			stood[customer] = old
	return stood


def without_voids(facts: pd.DataFrame, voids: pd.DataFrame) -> pd.DataFrame:
	"""The facts as if nobody had been won back by what is void now."""
	won_back = voids[voids["signal"] == WON_BACK]
	if won_back.empty:
		return facts
	stages = stood_before(won_back, "Stage", facts["current_lifecycle_stage"])
	stood = pd.Series(stages, dtype=object)
	return facts.assign(current_stage=facts["current_stage"].mask(facts.index.isin(stages), stood))


def _fired(customers: list[str], as_of: date) -> list[frappe._dict]:
	return rows_of(
		f"""SELECT {EVENT}
		FROM `tabTiering Event` event LEFT JOIN `tabTiering Run` run ON run.name = event.run
		WHERE event.customer IN %(names)s AND event.signal_key IS NOT NULL AND event.cause IN %(causes)s
			AND event.as_of >= %(since)s
			AND NOT EXISTS (SELECT 1 FROM `tabTiering Event` void WHERE void.voids = event.signal_key)
		ORDER BY event.name""",
		customers,
		causes=FIRING_CAUSES,
		since=as_of - LOOK_BACK,
	)
