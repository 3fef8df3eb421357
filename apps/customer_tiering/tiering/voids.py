"""Finds the signals in the ledger whose cause is gone."""

from collections import defaultdict
from collections.abc import Collection
from datetime import date, timedelta

import frappe
import pandas as pd

from customer_tiering.engine.conditions import SUPER_PROMOTER
from customer_tiering.engine.policy import Policy
from customer_tiering.tiering.groups import referred
from customer_tiering.tiering.signals import FIRING_CAUSES

COLUMNS = ["customer", "signal", "signal_key"]
# Older signals have been acted on long ago.
LOOK_BACK = timedelta(days=400)
CHUNK = 1000


def find_voids(ordered: Collection[str], facts: pd.DataFrame, policy: Policy, as_of: date) -> pd.DataFrame:
	"""Signals of the customers whose orders changed, and of who referred them, that would not have fired, had today's documents been known.

	Columns customer, signal, signal_key. Tier signals and promoters of other rules stay: what those would say of today's
	documents is unknown.
	"""
	customers = set(ordered) & set(facts.index)
	friends = referred(scoped=False) if policy.promoter_percent and customers else pd.Series(dtype=object)
	referrers = set(friends[friends.index.isin(customers)]) & set(facts.index) - customers
	fired = [
		*_fired(sorted(customers), as_of),
		*(row for row in _fired(sorted(referrers), as_of) if row.signal == SUPER_PROMOTER),
	]
	if not fired:
		return pd.DataFrame(columns=COLUMNS)
	void = _void(fired, facts["root"], friends, policy, as_of)
	return pd.DataFrame([(row.customer, row.signal, row.signal_key) for row in void], columns=COLUMNS)


def _fired(customers: list[str], as_of: date) -> list[frappe._dict]:
	rows = []
	for start in range(0, len(customers), CHUNK):
		rows += frappe.db.sql(
			"""SELECT event.customer, event.signal, event.signal_key, event.as_of, event.last_order_date,
				event.decision, event.old_value, event.new_value, event.rule_version
			FROM `tabTiering Event` event
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
	from customer_tiering.engine.voids import Fired, is_void

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
		period = row.signal_key.removeprefix(f"{row.customer}|{row.signal}|")
		return Fired(row.signal, period, row.as_of, row.last_order_date, row.old_value, row.new_value)

	judged = [
		row
		for row in rows
		if row.rule_version == policy.rule_version
		or (row.decision != "Tier" and row.signal != SUPER_PROMOTER)
	]
	return [row for row in judged if is_void(fired(row), known(row), policy, of_friends(row))]


def _documents(customers: Collection[str], policy: Policy, as_of: date) -> dict[str, list]:
	from customer_tiering.engine.voids import Known
	from customer_tiering.tiering.documents import entries_of, read_documents

	documents = read_documents(customers, policy)
	customer_of = {document.name: document.customer for document in documents}
	found = defaultdict(list)
	for name, entry in entries_of(documents).items():
		found[customer_of[name]].append(Known(name, entry.day, entry.money, entry.is_order_on(as_of)))
	return found
