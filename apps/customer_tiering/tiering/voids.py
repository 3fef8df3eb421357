"""Finds the signals in the ledger whose cause is gone."""

from collections import defaultdict
from collections.abc import Collection
from datetime import date, timedelta
from decimal import Decimal

import frappe
import pandas as pd

from customer_tiering.engine.conditions import SUPER_PROMOTER
from customer_tiering.engine.policy import Policy
from customer_tiering.tiering.groups import referred
from customer_tiering.tiering.signals import FIRING_CAUSES, TIER_UP, WON_BACK, signal_period

COLUMNS = ["customer", "signal", "signal_key", "decision", "old_value", "new_value"]
# Older signals have been acted on long ago.
LOOK_BACK = timedelta(days=400)
CHUNK = 1000


def find_voids(
	ordered: Collection[str], edited: Collection[str], facts: pd.DataFrame, policy: Policy, as_of: date
) -> pd.DataFrame:
	"""Signals that would not have fired, had today's documents been known: of the customers whose orders changed, and as
	promoters also of who referred them and of those `edited`, whose referrals may be others.

	Columns COLUMNS, the oldest of a customer first. Signals that hang on the rules stay where those were others: what they
	would say of today's documents is unknown.
	"""
	customers = set(ordered) & set(facts.index)
	judged = policy.promoter_percent and (customers or edited)
	friends = referred(scoped=False) if judged else pd.Series(dtype=object)
	referrers = {*edited, *friends[friends.index.isin(customers)]} & set(facts.index) - customers
	fired = [
		*_fired(sorted(customers), as_of),
		*(row for row in _fired(sorted(referrers), as_of) if row.signal == SUPER_PROMOTER),
	]
	if not fired:
		return pd.DataFrame(columns=COLUMNS)
	void = _void(fired, facts["root"], friends, policy, as_of)
	return pd.DataFrame([[row[column] for column in COLUMNS] for row in void], columns=COLUMNS)


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
	"""The facts as if nobody had gone up a tier, or had been won back, by what is void now.

	A tier whose way up is void has no grace and no dwell to be kept for; a group goes back where its root does.
	"""
	if voids.empty:
		return facts
	facts = facts.copy()
	won_back = voids[voids["signal"] == WON_BACK]
	stages = stood_before(won_back, "Stage", facts["current_lifecycle_stage"])
	facts["current_stage"] = facts["current_stage"].where(
		~facts.index.isin(stages), pd.Series(stages, dtype=object)
	)
	raised = voids[(voids["signal"] == TIER_UP) & ~voids["customer"].map(facts["current_tier_by_hand"])]
	tiers = stood_before(raised, "Tier", facts["current_customer_tier"])
	back = facts.index.isin(tiers) & facts["root"].isin(tiers)
	facts["current_tier"] = facts["current_tier"].mask(back, pd.Series(tiers, dtype=object))
	for column in ("current_tier_since", "current_below_keep_since"):
		facts[column] = facts[column].mask(back)
	facts["current_below_keep_cause"] = facts["current_below_keep_cause"].mask(back, None)
	return facts


def _fired(customers: list[str], as_of: date) -> list[frappe._dict]:
	rows = []
	for start in range(0, len(customers), CHUNK):
		rows += frappe.db.sql(
			"""SELECT event.customer, event.signal, event.signal_key, event.as_of, event.last_order_date,
				event.decision, event.old_value, event.new_value, event.rule_version,
				COALESCE(run.started_at, event.creation) AS read_at
			FROM `tabTiering Event` event LEFT JOIN `tabTiering Run` run ON run.name = event.run
			WHERE event.customer IN %(customers)s AND event.signal_key IS NOT NULL AND event.cause IN %(causes)s
				AND event.as_of >= %(since)s
				AND NOT EXISTS (SELECT 1 FROM `tabTiering Event` void WHERE void.voids = event.signal_key)
			ORDER BY event.name""",
			{
				"customers": customers[start : start + CHUNK],
				"causes": FIRING_CAUSES,
				"since": as_of - LOOK_BACK,
			},
			as_dict=True,
		)
	return rows


def _void(
	rows: list[frappe._dict], roots: pd.Series, friends: pd.Series, policy: Policy, as_of: date
) -> list[frappe._dict]:
	from customer_tiering.engine.voids import RULED_SIGNALS, Fired, is_void

	members = defaultdict(set)
	for customer, root in roots.items():
		members[root].add(customer)
	groups = {row.customer: members[roots[row.customer]] for row in rows}
	promoters = {row.customer for row in rows if row.signal == SUPER_PROMOTER}
	friends = friends[friends.isin(promoters)]
	documents = _documents(set(friends.index).union(*groups.values()), policy, as_of)

	def known(row: frappe._dict) -> list:
		whose = groups[row.customer] if row.decision == "Tier" else {row.customer}
		return [document for name in whose for document in documents[name]]

	def of_friends(row: frappe._dict) -> list:
		return [document for name in friends.index[friends == row.customer] for document in documents[name]]

	def fired(row: frappe._dict) -> Fired:
		period = signal_period(row.signal_key, row.customer, row.signal)
		return Fired(
			row.signal, period, row.as_of, row.last_order_date, row.old_value, row.new_value, row.read_at
		)

	judged = [
		row for row in rows if row.rule_version == policy.rule_version or row.signal not in RULED_SIGNALS
	]
	return [row for row in judged if is_void(fired(row), known(row), policy, as_of, of_friends(row))]


def _documents(customers: Collection[str], policy: Policy, as_of: date) -> dict[str, list]:
	"""Those that count, and those that don't any more."""
	from customer_tiering.engine.voids import Known
	from customer_tiering.tiering.documents import entries_of, read_documents

	documents = read_documents(customers, policy)
	entries = entries_of(documents)
	found = defaultdict(list)
	for document in documents:
		entry = entries.get(document.name)
		if entry:
			known = Known(document.name, entry.day, entry.money, entry.is_order_on(as_of), document.created)
		elif document.in_company and not document.is_opening:
			money = document.money or Decimal(0)
			known = Known(document.name, document.day, money, False, document.created, document.modified)
		else:
			continue
		found[document.customer].append(known)
	return found
