"""Why a customer has its interests: each event with its points, which add up to the topic's score."""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING

import frappe
from frappe import _
from frappe.utils import format_date, getdate

from customer_tiering.engine.interest_rules import DIGITS, InterestRules, fades_after
from customer_tiering.tiering.customer import stored_name
from customer_tiering.tiering.interest_sources import read_sources
from customer_tiering.tiering.interests import OF_CUSTOMERS, read_interest_rules
from customer_tiering.tiering.temporary import open_scope

if TYPE_CHECKING:
	import pandas as pd

KINDS_CONTEXT = "Interest Signal"  # in which the kinds are translated


@dataclass(frozen=True)
class Line:
	"""One event: its day, the document that it comes from (may be empty), what it was, and what it is worth now."""

	day: date
	kind: str
	doctype: str
	name: str
	text: str
	points: float


@dataclass(frozen=True)
class Topic:
	"""A topic of the customer, or one that it has points for. `lines`, the newest first, add up to `score`."""

	topic: str
	score: float
	by_hand: bool
	on_customer: bool
	standing: str
	lines: tuple[Line, ...]


@dataclass(frozen=True)
class InterestExplanation:
	"""All topics that a customer has or has points for: those on the customer first, then the strongest."""

	customer: str
	as_of: date
	half_life: int
	min_score: float
	free_opens: int
	most: int
	topics: tuple[Topic, ...]

	def as_dict(self) -> dict:
		"""For JSON: days as text."""
		return json.loads(json.dumps(asdict(self), default=str))

	def as_text(self) -> str:
		"""For a terminal."""
		return "\n".join(self._text_lines())

	def _text_lines(self) -> Iterator[str]:
		if not self.topics:
			yield _("{0}: nothing that this customer did belongs to an Interest Topic.").format(self.customer)
		for topic in self.topics:
			yield f"{'+' if topic.on_customer else ' '} {topic.topic}: {topic.score:.2f}  {topic.standing}"
			for line in topic.lines:
				what = " · ".join(filter(None, (_(line.kind, context=KINDS_CONTEXT), line.name, line.text)))
				yield f"    {line.day} {line.points:>8.2f}  {what}"


def explain_interests(customer: str, as_of: date | None = None) -> InterestExplanation:
	"""Explain a customer's interests as of a day (default today), with the topics and settings of now.

	Raises DoesNotExistError for a customer that isn't there.
	"""
	from customer_tiering.engine.interests import points, scores, strongest
	from customer_tiering.tiering.interest_events import read_events

	customer = stored_name(customer)
	as_of, rules = as_of or getdate(), read_interest_rules()
	open_scope([customer])
	events = read_events(read_sources(), rules, as_of, scoped=True)
	events = events.assign(points=points(events, rules, as_of)).iloc[::-1]
	events = events.sort_values("day", ascending=False, kind="stable")
	scored = scores(events.iloc[::-1], rules, as_of)
	given = _Given(
		as_of=as_of,
		rules=rules,
		scores=dict(zip(scored["topic"], scored["score"], strict=True)),
		best=set(strongest(scored, rules)["topic"]) if _is_counted(customer) else set(),
		stored={
			row.topic: not row.computed
			for row in frappe.get_all(
				"Customer Interest", {"parent": customer, **OF_CUSTOMERS}, ["topic", "computed"]
			)
		},
	)
	return InterestExplanation(
		customer=customer,
		as_of=as_of,
		half_life=rules.half_life,
		min_score=rules.min_score,
		free_opens=rules.free_opens,
		most=rules.topics,
		topics=tuple(_topic(name, given, events[events["topic"] == name]) for name in given.in_order()),
	)


@dataclass(frozen=True)
class _Given:
	"""What a topic's standing follows from: `best` have been scored into the strongest, `stored` are on the customer."""

	as_of: date
	rules: InterestRules
	scores: dict[str, float]
	best: set[str]
	stored: dict[str, bool]

	def in_order(self) -> list[str]:
		names = self.scores.keys() | self.stored.keys()
		return sorted(names, key=lambda name: (name not in self.stored, -self.scores.get(name, 0), name))


def _topic(name: str, given: _Given, events: "pd.DataFrame") -> Topic:
	return Topic(
		topic=name,
		score=given.scores.get(name, 0.0),
		by_hand=given.stored.get(name, False),
		on_customer=name in given.stored,
		standing=_standing(name, given),
		lines=tuple(
			Line(row.day.date(), row.kind, row.doctype, row.name or "", row.text or "", row.points)
			for row in events[["day", "kind", "doctype", "name", "text", "points"]].itertuples(index=False)
		),
	)


def _standing(name: str, given: _Given) -> str:
	score, rules = given.scores.get(name, 0.0), given.rules
	if given.stored.get(name):
		return _("Set by hand: it stays.")
	if name in given.best:
		days = fades_after(score, rules)
		fades = format_date(given.as_of + timedelta(days=days)) if days else None
		said = _("Computed.") if name in given.stored else _("Comes with the next run.")
		return f"{said} " + _("It goes about {0} if nothing more happens.").format(fades) if fades else said
	if name in given.stored:
		return _("Goes with the next run.")
	if score < round(rules.min_score, DIGITS) or not score:
		return _("Below the minimum score of {0}.").format(f"{rules.min_score:g}")
	return _("Only the {0} strongest are put on the customer.").format(rules.topics)


def _is_counted(customer: str) -> bool:
	return bool(frappe.db.exists("Customer", {"name": customer, "disabled": 0, "is_internal_customer": 0}))
