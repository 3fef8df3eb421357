"""Puts each customer's strongest topics on the customer: reads what happened, scores it, writes the tags that differ.

A tag that a person set stays for ever and takes no computed one's place; computed ones come and go.
"""

from collections.abc import Collection, Iterable
from dataclasses import asdict, dataclass
from datetime import date
from typing import TYPE_CHECKING

import frappe
from frappe.utils import add_days, cint, flt, getdate

from customer_tiering.engine.interest_rules import KINDS, SIGNALS_KEPT_DAYS, InterestRules
from customer_tiering.tiering.groups import COUNTED
from customer_tiering.tiering.interest_sources import Source, read_sources

if TYPE_CHECKING:
	import pandas as pd

CHUNK = 1000
OF_CUSTOMERS = {"parenttype": "Customer", "parentfield": "interests"}


@dataclass(frozen=True)
class Summary:
	"""What was found: how many customers have computed topics, and each topic how many; `changed` customers get other ones."""

	as_of: date
	customers: int
	changed: int
	topics: dict[str, int]

	def as_dict(self) -> dict:
		return {**asdict(self), "as_of": str(self.as_of)}

	def as_text(self) -> str:
		"""For a terminal."""
		topics = ", ".join(f"{name} {count}" for name, count in self.topics.items())
		return f"{self.as_of}: {self.customers} customers with interests, {self.changed} changed\nTopics: {topics or 'none'}"


def compute_interests(as_of: date | None = None, dry_run: bool = False) -> Summary:
	"""Score all customers as of a day (default today in the site's time zone) and write the tags that differ.

	Commits chunk by chunk; one that was killed can be run again. Raises ValidationError for writing as of another day on a
	site that is not marked for demo or tests.
	"""
	from customer_tiering.tiering.recompute import refuse_other_days

	as_of = as_of or getdate()
	if not dry_run:
		refuse_other_days(as_of, getdate())
	wanted = wanted_topics(as_of, read_sources())
	changed = _changed(wanted)
	for start in range(0, len(changed) if not dry_run else 0, CHUNK):
		_write({name: wanted.get(name, []) for name in changed[start : start + CHUNK]})
		frappe.db.commit()
	counts: dict[str, int] = {}
	for topics in wanted.values():
		for topic in topics:
			counts[topic] = counts.get(topic, 0) + 1
	return Summary(as_of, len(wanted), len(changed), dict(sorted(counts.items())))


def compute_interests_nightly() -> None:
	"""The scheduler's job; it also forgets what was opened and clicked years ago."""
	frappe.db.delete("Interest Signal", {"happened_on": ("<", add_days(getdate(), -SIGNALS_KEPT_DAYS))})
	frappe.db.commit()
	compute_interests()


def enqueue_interests() -> None:
	"""Compute them soon: a topic or a setting has changed. Two changes are one job."""
	frappe.enqueue(
		compute_interests,
		queue="long",
		timeout=1500,
		job_id="customer_tiering.interests",
		deduplicate=True,
		enqueue_after_commit=True,
	)


def read_interest_rules() -> InterestRules:
	"""Weights, half-life and limits as Tiering Settings have them."""
	settings = frappe.get_single("Tiering Settings")
	return InterestRules(
		weights={kind: flt(settings.get(f"interest_weight_{frappe.scrub(kind)}")) for kind in KINDS},
		half_life=max(cint(settings.interest_half_life), 1),
		free_opens=cint(settings.interest_free_opens),
		topics=cint(settings.interest_topics),
		min_score=flt(settings.interest_min_score),
	)


def wanted_topics(as_of: date, sources: Iterable[Source]) -> dict[str, list[str]]:
	"""By counted customer the topics that these sources and the settings give, the strongest first."""
	found: dict[str, list[str]] = {}
	for row in strongest_topics(as_of, sources).itertuples():
		found.setdefault(row.customer, []).append(row.topic)
	return found


def strongest_topics(as_of: date, sources: Iterable[Source]) -> "pd.DataFrame":
	"""Columns customer, topic, score, place: of counted customers, who are neither disabled nor internal."""
	from customer_tiering.engine.interests import scores, strongest
	from customer_tiering.tiering.interest_events import read_events

	rules = read_interest_rules()
	scored = scores(read_events(sources if rules.topics else [], rules, as_of, scoped=False), rules, as_of)
	counted = frappe.db.sql(
		f"SELECT name FROM `tabCustomer` customer WHERE {COUNTED.format('customer')}", pluck=True
	)
	return strongest(scored[scored["customer"].isin(counted)], rules)


def interest_names(customer: str) -> list[str]:
	"""The names of a customer's interests for texts, those set by hand first, then the strongest."""
	return frappe.get_all(
		"Customer Interest", {"parent": customer, **OF_CUSTOMERS}, order_by="computed, idx", pluck="topic"
	)


def _changed(wanted: dict[str, list[str]]) -> list[str]:
	"""The customers whose computed tags, in their order, are not those wanted."""
	hand, computed = _tags()
	return sorted(
		name
		for name in wanted.keys() | computed.keys()
		if _computed(wanted.get(name, []), hand.get(name, ())) != computed.get(name, [])
	)


def _computed(wanted: list[str], by_hand: Collection[str]) -> list[str]:
	return [topic for topic in wanted if topic not in by_hand]


def _tags(customers: Collection[str] | None = None) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
	"""By customer the topics set by hand and those computed; of these customers locked, else of all."""
	which = "AND parent IN %(customers)s" if customers is not None else ""
	rows = frappe.db.sql(
		f"""SELECT parent, topic, computed FROM `tabCustomer Interest`
		WHERE parenttype = 'Customer' AND parentfield = 'interests' {which}
		ORDER BY parent, idx {"FOR UPDATE" if which else ""}""",
		{"customers": customers},
	)
	tags: tuple[dict, dict] = ({}, {})
	for customer, topic, computed in rows:
		tags[bool(computed)].setdefault(customer, []).append(topic)
	return tags


def _write(wanted: dict[str, list[str]]) -> None:
	"""Replace these customers' computed tags; `modified` stands still.

	Whoever saves a customer locks it before its tags, and so does this: neither overwrites what the other has just written.
	"""
	customers = frappe.db.sql(
		"SELECT name FROM `tabCustomer` WHERE name IN %s ORDER BY name FOR UPDATE",
		(tuple(wanted),),
		pluck=True,
	)
	if not customers:
		return
	hand, _old = _tags(customers)
	topics = set(frappe.get_all("Interest Topic", pluck="name"))  # one may have been deleted meanwhile
	frappe.db.delete("Customer Interest", {"parent": ("in", customers), "computed": 1, **OF_CUSTOMERS})
	now = frappe.utils.now()
	rows = []
	for customer in customers:
		by_hand = hand.get(customer, [])
		new = [topic for topic in _computed(wanted[customer], by_hand) if topic in topics]
		rows += [
			(
				frappe.generate_hash(length=10),
				now,
				now,
				*["Administrator"] * 2,
				customer,
				*OF_CUSTOMERS.values(),
				idx,
				topic,
				1,
			)
			for idx, topic in enumerate(new, start=len(by_hand) + 1)
		]
	standard = ["name", "creation", "modified", "owner", "modified_by", "parent", *OF_CUSTOMERS, "idx"]
	frappe.db.bulk_insert("Customer Interest", [*standard, "topic", "computed"], rows)
