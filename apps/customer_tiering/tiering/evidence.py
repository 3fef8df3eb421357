"""What the documents of today say of the events in the ledger: which of them would not have come about."""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from functools import cached_property
from itertools import islice

import frappe
import pandas as pd

from customer_tiering.engine.policy import Policy
from customer_tiering.engine.signals import SIGNALS, SUPER_PROMOTER
from customer_tiering.engine.voids import Fired, Known, is_void
from customer_tiering.tiering.documents import Document, entries_of, read_documents, versions_of
from customer_tiering.tiering.groups import referred
from customer_tiering.tiering.history import LOOK_BACK
from customer_tiering.tiering.signals import signal_period

# Judged by the rules that they came about by, and by no others.
RULED_SIGNALS = {name for name, about in SIGNALS.items() if about.by_rules}
# The columns that an event is judged by, of `event` left joined with its `run`.
EVENT = """event.name, event.customer, event.signal, event.signal_key, event.as_of, event.last_order_date, event.decision, event.cause,
	event.old_value, event.new_value, event.rule_version, COALESCE(run.started_at, event.creation) AS read_at"""


@dataclass
class Evidence:
	"""The documents of now, read by the rules that an event came about by.

	`roots` says with whom each customer is tiered. Where nobody has kept these, those that hang on rules are not judged.
	"""

	roots: pd.Series
	policy: Policy
	as_of: date
	_policies: dict[str, Policy | None] = field(default_factory=dict)

	@cached_property
	def friends(self) -> pd.Series:
		"""Customers whom another one referred: the one who did, by customer."""
		return referred(scoped=False)

	def referrers_of(self, customers: Collection[str]) -> frozenset[str]:
		"""Who referred these customers."""
		if not customers:
			return frozenset()
		return frozenset(self.friends[self.friends.index.isin(list(customers))])

	def gone(
		self, events: Iterable[frappe._dict], lowered: Collection[str] | None = None
	) -> list[frappe._dict]:
		"""Those of the events (columns EVENT) that would not have come about, had today's documents been known.

		Only of `lowered` customers, if they are given, documents have gone that haven't been asked about yet.
		"""
		events = list(events)
		by_rules: dict[str, list[frappe._dict]] = defaultdict(list)
		for event in events:
			by_rules[event.rule_version].append(event)
		found = set()
		for version, same in by_rules.items():
			policy = self.policy_of(version)
			judged = same if policy else [event for event in same if event.signal not in RULED_SIGNALS]
			found |= {id(event) for event in self.gone_by(judged, policy or self.policy, lowered)}
		return [event for event in events if id(event) in found]

	def policy_of(self, version: str) -> Policy | None:
		"""The rules of that version, if a full run has kept them."""
		if version == self.policy.rule_version:
			return self.policy
		if version not in self._policies:
			filters = {"rule_version": version, "policy": ("is", "set")}
			text = frappe.db.get_value("Tiering Run", filters, "policy", order_by="name desc")
			self._policies[version] = Policy.from_json(text) if text else None
		return self._policies[version]

	@cached_property
	def runs(self) -> list[frappe._dict]:
		"""Those that decided, of LOOK_BACK, the oldest first: started_at, as_of, is_full, rule_version."""
		return frappe.db.sql(
			"""SELECT started_at, as_of, scope = 'Full' AS is_full, rule_version FROM `tabTiering Run`
			WHERE status = 'Completed' AND as_of >= %s ORDER BY started_at""",
			self.as_of - LOOK_BACK,
			as_dict=True,
		)

	def first_run_after(self, moment: datetime) -> frappe._dict | None:
		return next(iter(self._runs_after(moment)), None)

	def first_to_count(self, document: Document) -> frappe._dict | None:
		"""A document dated ahead counts from its day on."""
		later = self._runs_after(document.entered)
		return next((run for run in later if document.day <= run.as_of <= self.as_of), None)

	def _runs_after(self, moment: datetime) -> Iterator[frappe._dict]:
		return islice(self.runs, bisect_right(self._starts, moment), None)

	@cached_property
	def _starts(self) -> list[datetime]:
		return [run.started_at for run in self.runs]

	def know(self, policy: Policy) -> None:
		"""Rules that no run has kept."""
		self._policies[policy.rule_version] = policy

	def gone_by(
		self, events: list[frappe._dict], policy: Policy, lowered: Collection[str] | None = None
	) -> list[frappe._dict]:
		"""Those of the events that would not have come about by these rules, whichever they came about by."""
		promoters = {event.customer for event in events if event.signal == SUPER_PROMOTER}
		friends = self.friends[self.friends.isin(promoters)]
		groups = {event.customer: self.members[self.roots[event.customer]] for event in events}
		documents = self._documents(set(friends.index).union(*groups.values()), policy)

		def known(event: frappe._dict) -> list[Known]:
			whose = groups[event.customer] if event.decision == "Tier" else {event.customer}
			asked = lowered is None or event.customer in lowered
			return [
				document for name in whose for document in documents[name] if asked or not document.gone_at
			]

		def of_friends(event: frappe._dict) -> list[Known]:
			return [
				document for name in friends.index[friends == event.customer] for document in documents[name]
			]

		return [
			event
			for event in events
			if is_void(_fired(event), known(event), policy, self.as_of, of_friends(event))
		]

	def orders_of(self, customers: Collection[str]) -> dict[str, list[Known]]:
		"""By customer the orders that count today."""
		documents = self._documents(customers, self.policy) if customers else {}
		return {
			name: [each for each in documents[name] if each.is_order and each.gone_at is None]
			for name in customers
		}

	def _documents(self, customers: Collection[str], policy: Policy) -> dict[str, list[Known]]:
		"""Those that count, and those that don't any more."""
		documents = read_documents(customers, policy)
		entries, by_name = entries_of(documents), {document.name: document for document in documents}
		found = defaultdict(list)
		for document in documents:
			entry = entries.get(document.name)
			if not entry and (not document.in_company or document.is_opening):
				continue
			original = versions_of(document, by_name)[-1]
			counted_by = self.first_to_count(original)
			found[document.customer].append(
				Known(
					document.name,
					document.day,
					document.money or Decimal(0),
					is_order=bool(entry) and entry.is_order_on(self.as_of),
					entered=document.entered,
					gone_at=None if entry else document.modified,
					original=original.name,
					counted_at=counted_by.started_at if counted_by else None,
				)
			)
		return found

	@cached_property
	def members(self) -> dict[str, set[str]]:
		"""By the root of a group, all who are tiered with it."""
		found = defaultdict(set)
		for customer, root in self.roots.items():
			found[root].add(customer)
		return found


def _fired(event: frappe._dict) -> Fired:
	period = signal_period(event.signal_key, event.customer, event.signal) if event.signal_key else ""
	return Fired(
		event.signal,
		period,
		event.as_of,
		event.last_order_date,
		event.old_value,
		event.new_value,
		event.read_at,
	)
