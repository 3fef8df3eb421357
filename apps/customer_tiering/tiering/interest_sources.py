"""What belongs to which Interest Topic: items, mails, pages and events, in a temporary table that events are joined with."""

import re
from collections.abc import Iterable
from typing import NamedTuple
from urllib.parse import urlsplit

import frappe

from customer_tiering.tiering import temporary

TABLE = "_tiering_interest_sources"
ITEM_GROUP, ITEM, EMAIL_TEMPLATE = "Item Group", "Item", "Email Template"
WEB_ROUTE, EVENT_SUBJECT = "Web Route", "Event Subject"
RECORDS = (ITEM_GROUP, ITEM, EMAIL_TEMPLATE)


class Source(NamedTuple):
	"""One row of an Interest Topic: `what` is a record's name or, for pages and events, a pattern."""

	topic: str
	source_type: str
	what: str


def sources_of(topic: "frappe.Document") -> list[Source]:
	"""The rows of a topic, saved or not."""
	return [
		Source(topic.name, row.source_type, (row.source if row.source_type in RECORDS else row.pattern) or "")
		for row in topic.sources
	]


def read_sources() -> list[Source]:
	"""The rows of all topics that aren't disabled."""
	rows = frappe.db.sql(
		"""SELECT topic.name, source.source_type,
			COALESCE(IF(source.source_type IN %s, source.source, source.pattern), '')
		FROM `tabInterest Topic` topic
		JOIN `tabInterest Source` source ON source.parent = topic.name AND source.parenttype = 'Interest Topic'
		WHERE topic.disabled = 0 ORDER BY topic.name, source.idx""",
		(RECORDS,),
	)
	return [Source(*row) for row in rows]


def open_sources(sources: Iterable[Source]) -> set[str]:
	"""Fill the table: columns source_type, source, topic. Says which types there are.

	Groups are spread to all groups below them and to their items, items to their variants, and patterns become those of LIKE.
	"""
	rows = {(source_type, what, topic) for topic, source_type, what in _spread(sources) if what}
	temporary.create(
		TABLE,
		"""(PRIMARY KEY (source_type, source, topic))
		SELECT source_type, pattern AS source, parent AS topic FROM `tabInterest Source` LIMIT 0""",
	)
	temporary.fill(TABLE, ("source_type", "source", "topic"), sorted(rows))
	return {source_type for source_type, _what, _topic in rows}


def _spread(sources: Iterable[Source]) -> Iterable[Source]:
	sources = set(sources)
	groups = {source for source in sources if source.source_type == ITEM_GROUP}
	groups = _with_descendants(groups) if groups else groups
	yield from groups
	items = {source for source in sources if source.source_type == ITEM}
	yield from _items(groups, items) if groups or items else ()
	for topic, source_type, what in sources:
		if source_type == EMAIL_TEMPLATE:
			yield Source(topic, source_type, what)
		elif source_type == WEB_ROUTE:
			yield Source(topic, source_type, like(route(what)))
		elif source_type == EVENT_SUBJECT:
			yield Source(topic, source_type, f"%{like(what)}%")


def _with_descendants(groups: set[Source]) -> set[Source]:
	tree = frappe.db.sql("SELECT name, lft, rgt FROM `tabItem Group`")
	ends = {name: (left, right) for name, left, right in tree}
	found = set()
	for topic, source_type, group in groups:
		left, right = ends.get(group, (0, -1))
		found |= {Source(topic, source_type, name) for name, lft, rgt in tree if left <= lft and rgt <= right}
	return found


def _items(groups: set[Source], items: set[Source]) -> Iterable[Source]:
	"""The items of these groups, these items, and the variants of these."""
	of_group, of_item = _topics(groups), _topics(items)
	rows = frappe.db.sql(
		"""SELECT name, variant_of, item_group FROM `tabItem`
		WHERE item_group IN %(groups)s OR name IN %(items)s OR variant_of IN %(items)s""",
		{"groups": tuple(of_group) or ("",), "items": tuple(of_item) or ("",)},
	)
	for name, template, group in rows:
		for topic in {*of_group.get(group, ()), *of_item.get(name, ()), *of_item.get(template, ())}:
			yield Source(topic, ITEM, name)


def _topics(sources: set[Source]) -> dict[str, set[str]]:
	found: dict[str, set[str]] = {}
	for topic, _source_type, what in sources:
		found.setdefault(what, set()).add(topic)
	return found


def after_rename(doc: "frappe.Document", method: str, old: str, new: str, merge: bool = False) -> None:
	"""Topics follow a renamed record: the framework finds dynamic links by a list that it caches, so it may miss them."""
	values = {"source_type": doc.doctype, "source": old}
	frappe.db.set_value("Interest Source", values, "source", new, update_modified=False)


def route(text: str | None) -> str:
	"""The path of an address of this site, as Web Page View keeps it: no host, no query, no slash around it."""
	return urlsplit((text or "").strip()).path.strip("/")


def like(pattern: str) -> str:
	"""A pattern for LIKE in which nothing but the star is special."""
	return re.sub(r"([\\%_])", r"\\\1", pattern.strip()).replace("*", "%")
