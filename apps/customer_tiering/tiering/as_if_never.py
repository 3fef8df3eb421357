"""Where customers would stand had documents that are gone now, or rules that were undone, never been: decided once more,
day by day."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import cached_property
from itertools import pairwise

import frappe
import pandas as pd

from customer_tiering.engine.policy import Policy
from customer_tiering.engine.replay import Entry, Standing, replay
from customer_tiering.engine.signals import FIRST_ORDER
from customer_tiering.tiering.chunks import chunks, rows_of
from customer_tiering.tiering.documents import Document, entries_of, read_documents, versions_of
from customer_tiering.tiering.evidence import Evidence
from customer_tiering.tiering.groups import ways_up
from customer_tiering.tiering.history import grouped_at
from customer_tiering.tiering.tried import Tried, tried_rules

# Between the moment that a cancellation is stamped with and that of its row in the work list, at the most.
SLACK = timedelta(minutes=10)


@dataclass(frozen=True)
class Restored:
	"""Where a customer would stand now; `below_cause` says what brought it below the keep value, if neither an order nor a day.

	`stood` is the last tier (None: none) in which it was and would have been, of the days before rules were tried, `agreed_on`
	that day (None: never), and `cause` what has moved it from there, if neither an order nor a day did: Policy or Edit.
	`has_ordered` says that a run has counted its first order before, and told nobody. `way` is how it would have come there,
	instead of what became of it by the runs that began from `since` on.
	"""

	standing: Standing
	below_cause: str | None
	stood: str | None
	agreed_on: date | None
	cause: str | None
	has_ordered: bool
	way: "Way"
	since: datetime

	@property
	def moved(self) -> bool:
		return self.standing.tier != self.stood


@dataclass(frozen=True)
class Way:
	"""Standings one after the other, the days on which changed rules and nothing else can have lowered the customer, and
	those on which they moved it."""

	standings: list[Standing]
	lowered_on: set[date] = field(default_factory=set)
	moved_on: set[date] = field(default_factory=set)

	def tier_on(self, day: date) -> str | None:
		known = (standing.tier for standing in reversed(self.standings) if standing.day <= day)
		return next(known, self.standings[0].tier)

	@property
	def moves(self) -> list[tuple[date, str | None, str | None]]:
		"""The days on which the tier is another one than before, with both, the oldest first."""
		return [
			(after.day, before.tier, after.tier)
			for before, after in pairwise(self.standings)
			if before.tier != after.tier
		]


def restored(
	lowered: Mapping[str, datetime],
	facts: pd.DataFrame,
	evidence: Evidence,
	undone: Tried | None = None,
	touched: Collection[str] = (),
) -> dict[str, Restored]:
	"""Of these customers, and who is tiered with them, those of whom a run has counted documents that are gone now, and the
	`touched` ones by the rules that were `undone`.

	`lowered` says from which moment on their documents may have gone. Decided from the documents of now, each from the run
	on that first knew it, by the rules of each day, beginning with where the customer stood before the first that is gone,
	or before the rules were tried. Nobody is among them whose tier is set by hand now.
	"""
	moments = _by_root(lowered, evidence)
	tried_with = {evidence.roots[name] for name in touched}
	rows = facts[
		facts["root"].isin([*moments, *tried_with]) & ~facts["current_tier_by_hand"].astype(bool)
	].sort_values("root", kind="stable")
	found: dict[str, Restored] = {}
	for roots in chunks(list(dict.fromkeys(rows["root"]))):
		found |= _restored(rows[rows["root"].isin(roots)], moments, tried_with, evidence, undone)
	return found


def _restored(
	rows: pd.DataFrame,
	moments: Mapping[str, datetime],
	tried_with: Collection[str],
	evidence: Evidence,
	undone: Tried | None,
) -> dict[str, Restored]:
	members = {name for root in set(rows["root"]) for name in evidence.members[root]}
	past = _Past(evidence, members)
	documents = defaultdict(list)
	for document in read_documents(members, evidence.policy):
		documents[evidence.roots[document.customer]].append(document)
	since: dict[str, frappe._dict] = {}
	for root in set(rows["root"]):
		gone = past.gone(documents[root])
		firsts = [past.first_run(gone)] if gone else []
		if root not in tried_with and not (
			root in moments and past.has_gone_lately(documents[root], gone, moments[root])
		):
			continue
		firsts += [undone.first] if undone and root in tried_with else []
		since[root] = min(firsts, key=lambda run: (run.as_of, run.started_at))
	rows = rows[rows["root"].isin(list(since))]
	events = _tier_events(list(rows.index))
	starts = {
		customer: past.start(since[root], events[customer], root) for customer, root in rows["root"].items()
	}
	ways = {
		root: past.way_on(starts[root][0], root, documents[root])
		for root in set(rows["root"]) & set(rows.index)
	}
	found, welcomed = {}, _welcomed(list(rows.index))
	for customer, root in rows["root"].items():
		if root not in ways:
			continue
		way = ways[root]
		if customer != root:
			way = replace(
				way, standings=past.carried(starts[customer][0], customer, root, documents[root], way)
			)
		first = past.first_ordered([each for each in documents[root] if each.customer == customer])
		until = undone.first.as_of if undone and root in tried_with else evidence.as_of
		agreed_on, stood = past.last_agreed(way, events[customer], until)
		found[customer] = Restored(
			way.standings[-1],
			_below_cause(way, rows.loc[customer]),
			stood,
			agreed_on,
			_cause(way, agreed_on, past.days_of_joining(root)),
			first is not None and (customer, first.started_at) not in welcomed,
			way,
			starts[customer][1],
		)
	return found


def with_standings(facts: pd.DataFrame, found: Mapping[str, Restored]) -> pd.DataFrame:
	"""The facts as if these customers stood where they would."""
	if not found:
		return facts
	facts, names = facts.copy(), list(found)
	standings = [found[name].standing for name in names]
	facts.loc[names, "current_tier"] = pd.Series([each.tier for each in standings], names, dtype=object)
	for column in ("tier_since", "below_keep_since"):
		days = pd.to_datetime(pd.Series([getattr(each, column) for each in standings], names))
		facts.loc[names, f"current_{column}"] = days
	causes = pd.Series([found[name].below_cause for name in names], names, dtype=object)
	facts["current_below_keep_cause"] = facts["current_below_keep_cause"].astype(object)
	facts.loc[names, "current_below_keep_cause"] = causes
	return facts


class _Past:
	"""The runs of a while, the rules that were in force meanwhile, and since when these customers are tiered together."""

	def __init__(self, evidence: Evidence, customers: Collection[str]) -> None:
		self.evidence, self._customers = evidence, customers
		self._ways, self._grouped = ways_up(customers), grouped_at(customers)
		self._decided: dict = {}  # what replays have found before
		self._read: dict[tuple, dict[str, list[Document]]] = {}

	@cached_property
	def runs(self) -> list[frappe._dict]:
		"""Those that decided, the oldest first; what was tried and undone since counts as if it had never applied."""
		runs = self.evidence.runs
		for tried in self._tried:
			self.evidence.know(tried.policy)
			for run in runs:
				if tried.includes(run.started_at):
					run.rule_version = tried.policy.rule_version
		return runs

	@cached_property
	def _tried(self) -> list[Tried]:
		return tried_rules(self.evidence.as_of)

	def start(
		self, first: frappe._dict, events: Sequence[frappe._dict], root: str
	) -> tuple[Standing, datetime]:
		"""Where the customer stood before that run, or what somebody, and no document, decided since; and from which run on what
		became of it is decided once more.

		Who came into its group, by the runs that joined it first, comes into it as the days are gone through again. What runs
		by undone rules did, and the one that took it back, is left out.
		"""
		joined = self.joined(root)
		since = [event for event in events if event.read_at >= first.started_at]
		for event in reversed(since):
			if event.cause == "Override Ended":
				return Standing(event.as_of, Decimal(0), None, None, None), event.read_at
			if event.cause == "Edit" and event.read_at not in joined:
				return _standing(event), event.read_at
		before = [event for event in events if event.read_at < first.started_at and event.cause != "Override"]
		while before and (tried := self._tried_by(before[-1])):
			before.pop()
			first = min(first, tried.first, key=lambda run: run.started_at)
		standing = _standing(before[-1]) if before else Standing(first.as_of, Decimal(0), None, None, None)
		return standing, first.started_at

	def _tried_by(self, event: frappe._dict) -> Tried | None:
		"""The undone rules by which a run brought the event about, or the way back from them."""
		if event.cause in ("Override Ended", "Edit"):
			return None
		return next((tried for tried in self._tried if tried.includes_or_undoes(event.read_at)), None)

	def gone(self, documents: Sequence[Document]) -> list[Document]:
		"""Those that a run has counted and that were cancelled since, or closed before anything was billed."""
		return [
			document
			for document in documents
			if not document.counts
			and document.in_company
			and not document.is_opening
			and self._was_counted(document)
		]

	def _was_counted(self, document: Document) -> bool:
		run = self.evidence.first_to_count(document)
		return run is not None and run.started_at < document.modified

	def first_run(self, documents: Sequence[Document]) -> frappe._dict:
		"""The first one that counted any of these."""
		runs = (self.evidence.first_to_count(document) for document in documents)
		return min(runs, key=lambda run: (run.as_of, run.started_at))

	def has_gone_lately(
		self, documents: Sequence[Document], gone: Sequence[Document], moment: datetime
	) -> bool:
		"""Whether any of those that are gone went since, or came again as an amendment."""
		by_name = {document.name: document for document in documents}
		lately = {document.name for document in gone if document.modified >= moment - SLACK}
		for document in documents:
			if document.entered >= moment - SLACK:
				lately |= {earlier.name for earlier in versions_of(document, by_name)}
		return bool(lately & {document.name for document in gone})

	def first_ordered(self, documents: Sequence[Document]) -> frappe._dict | None:
		"""The run that counted the first order before it was amended, if it was."""
		entries, by_name = entries_of(documents), {document.name: document for document in documents}
		orders = [each for each in documents if each.name in entries and entries[each.name].is_order]
		if not orders:
			return None
		original = versions_of(min(orders, key=lambda each: each.day), by_name)[-1]
		return (
			self.evidence.first_to_count(original)
			if original.cancelled and self._was_counted(original)
			else None
		)

	def way_on(
		self, start: Standing, customer: str, documents: Sequence[Document], until: date | None = None
	) -> Way:
		"""The way of a root from there on, or of who was one."""
		periods = [period for period in self._periods(start.day) if until is None or period[0] <= until]
		ends = [*(first - timedelta(days=1) for first, _policy in periods[1:]), until or self.evidence.as_of]
		way, before, entries = Way([start]), None, []
		for (first, policy), last in zip(periods, ends, strict=True):
			known = replace(way.standings[-1], day=max(first, start.day))
			by_old_rules = self._replay(entries, before, first, known)[-1] if before else None
			before, entries = policy, self._entries(customer, documents, policy)
			standings = self._replay(entries, policy, last, known)
			if by_old_rules:
				if not by_old_rules.below_keep_since:
					way.lowered_on.add(first)
				if standings[0].tier != by_old_rules.tier:
					way.moved_on.add(first)
			way.standings.extend(standings)
		return way

	def carried(
		self, start: Standing, member: str, root: str, documents: Sequence[Document], way: Way
	) -> list[Standing]:
		"""The standings of a member, by the root's `way`: by its own up to the day on which it came into the group."""
		day, own = start.day, [start]
		moments = self._grouped_since(member, root)
		if moments and (joined_on := self._known_on(start.day, *moments)) > start.day:
			day = joined_on
			own = self.way_on(start, member, documents, joined_on - timedelta(days=1)).standings
		before = [standing for standing in way.standings if standing.day <= day]
		for standing in [*before[-1:], *way.standings[len(before) :]]:
			on = max(standing.day, day)
			since = own[-1].tier_since if standing.tier == own[-1].tier else on
			own.append(replace(standing, day=on, tier_since=since if standing.tier else None))
		return own

	def last_agreed(
		self, way: Way, events: Sequence[frappe._dict], until: date
	) -> tuple[date | None, str | None]:
		"""The last day before that one on which the customer was in the tier that it would have been in, and that tier; else
		the one that it began with."""
		first = way.standings[0].day
		for day in reversed([day for day in self._days if first <= day < until]):
			was = [event.new_value for event in events if event.as_of <= day]
			tier = way.tier_on(day)
			if was and was[-1] == tier:
				return day, tier
		return None, way.standings[0].tier

	def days_of_joining(self, root: str) -> set[date]:
		joined = self.joined(root)
		return {run.as_of for run in self.runs if run.started_at in joined}

	def _periods(self, since: date) -> list[tuple[date, Policy]]:
		"""From which day on which rules were in force, up to today."""
		evidence, found = self.evidence, {}
		for run in self.runs:
			if run.is_full:
				found[max(run.as_of, since)] = run.rule_version
		found[evidence.as_of] = evidence.policy.rule_version
		periods: list[tuple[date, Policy]] = []
		version = None
		for first in sorted(found):
			if first > evidence.as_of or found[first] == version:
				continue
			version = found[first]
			periods.append((first if periods else since, evidence.policy_of(version) or evidence.policy))
		return periods

	def _replay(
		self, entries: Sequence[Entry], policy: Policy, until: date, known: Standing
	) -> list[Standing]:
		return replay(
			entries, policy, until, known, with_past=False, decided_on=self._days, decided=self._decided
		)

	@cached_property
	def _days(self) -> list[date]:
		"""On which there was a run, and today."""
		as_of = self.evidence.as_of
		return sorted({as_of, *(run.as_of for run in self.runs if run.as_of < as_of)})

	def _entries(self, customer: str, documents: Sequence[Document], policy: Policy) -> list[Entry]:
		"""Each known from the run on that came after it was submitted, or what it was amended from, and after the customer
		came to be tiered with its own."""
		evidence = self.evidence
		if policy.facts_depend_on != evidence.policy.facts_depend_on:
			documents = self._read_by(policy, {document.customer for document in documents})
		entries, by_name = entries_of(documents), {document.name: document for document in documents}
		return [
			replace(
				entries[document.name],
				known_on=self._known_on(
					document.day,
					versions_of(document, by_name)[-1].entered,
					*self._grouped_since(customer, document.customer),
				),
			)
			for document in documents
			if document.name in entries and document.day <= evidence.as_of
		]

	def _read_by(self, policy: Policy, customers: Collection[str]) -> list[Document]:
		"""As other rules count them: read for everybody at once."""
		key = policy.facts_depend_on
		if key not in self._read:
			self._read[key] = defaultdict(list)
			for document in read_documents(self._customers, policy):
				self._read[key][document.customer].append(document)
		return [document for customer in sorted(customers) for document in self._read[key][customer]]

	def _known_on(self, day: date, *moments: datetime) -> date:
		"""On which the first run came after all of these; the given one if there was none before."""
		if not self.runs or max(moments) < self.runs[0].started_at:
			return day
		run = self.evidence.first_run_after(max(moments))
		return run.as_of if run else self.evidence.as_of

	def joined(self, root: str) -> set[datetime]:
		"""When the runs began that were the first ones for somebody new in the group."""
		members = self.evidence.members[root]
		runs = (
			self.evidence.first_run_after(self._grouped[name]) for name in members if name in self._grouped
		)
		return {run.started_at for run in runs if run}

	def _grouped_since(self, one: str, other: str) -> list[datetime]:
		"""When those customers were put where they are now that link these two."""
		links = {*self._ways[one]} ^ {*self._ways[other]}
		return [self._grouped[link] for link in links if link in self._grouped]


def _by_root(lowered: Mapping[str, datetime], evidence: Evidence) -> dict[str, datetime]:
	found: dict[str, datetime] = {}
	for customer, moment in lowered.items():
		root = evidence.roots.get(customer)
		if root is not None:
			found[root] = min(moment, found.get(root, moment))
	return found


def _tier_events(customers: Collection[str]) -> dict[str, list[frappe._dict]]:
	"""What became of their tiers, the oldest first."""
	found: dict[str, list[frappe._dict]] = defaultdict(list)
	for event in rows_of(
		"""SELECT event.customer, event.new_value, event.cause, event.as_of,
			COALESCE(run.started_at, event.creation) AS read_at
		FROM `tabTiering Event` event LEFT JOIN `tabTiering Run` run ON run.name = event.run
		WHERE event.customer IN %(names)s AND event.decision = 'Tier' AND event.merged_from IS NULL
		ORDER BY event.name""",
		customers,
	):
		found[event.customer].append(event)
	return found


def _welcomed(customers: Collection[str]) -> set[tuple[str, datetime]]:
	"""Who has had a First Order, whatever became of it, and when the run began that told of it."""
	query = """SELECT event.customer, run.started_at FROM `tabTiering Event` event
		JOIN `tabTiering Run` run ON run.name = event.run
		WHERE event.customer IN %(names)s AND event.`signal` = %(signal)s"""
	return {(row.customer, row.started_at) for row in rows_of(query, customers, signal=FIRST_ORDER)}


def _standing(event: frappe._dict) -> Standing:
	return Standing(event.as_of, Decimal(0), event.new_value, event.as_of, None)


def _below_cause(way: Way, row: pd.Series) -> str | None:
	"""What brought the customer below the keep value: as it is kept, else the rules if they changed that day."""
	below = way.standings[-1].below_keep_since
	if below and row["current_below_keep_since"] == pd.Timestamp(below):
		return row["current_below_keep_cause"] or None
	return "Policy" if below in way.lowered_on else None


def _cause(way: Way, agreed_on: date | None, joined_on: Collection[date]) -> str | None:
	"""Of the last move since that day, if it wasn't an order or a day that brought it about."""
	for before, after in reversed(list(pairwise(way.standings))):
		if agreed_on and after.day <= agreed_on:
			return None
		if before.tier == after.tier:
			continue
		if after.day in way.moved_on or before.below_keep_since in way.lowered_on:
			return "Policy"
		return "Edit" if after.day in joined_on else None
	return None
