"""What the Desk calls about interests. Every function checks permission first."""

import json

import frappe
from frappe import _
from frappe.utils import getdate

SHOWN = 20


@frappe.whitelist()
def explain_interests(customer: str) -> dict:
	"""Why this customer has its interests; for whoever may read the customer. Raises PermissionError for others.

	What a document says beyond its name is left out where the user may not read it.
	"""
	frappe.has_permission("Customer", "read", doc=customer, throw=True)
	from customer_tiering.tiering.interest_explain import explain_interests

	explanation = explain_interests(customer).as_dict()
	for topic in explanation["topics"]:
		for line in topic["lines"]:
			if line["doctype"] == "Event" and not frappe.has_permission("Event", "read", doc=line["name"]):
				line["text"] = ""
	_refer(explanation)
	return explanation


def _refer(explanation: dict) -> None:
	"""Opens and clicks link to what they were of, such as the touch, where there is that."""
	lines = [
		line
		for topic in explanation["topics"]
		for line in topic["lines"]
		if line["doctype"] == "Interest Signal"
	]
	fields = ["name", "reference_doctype", "reference_name"]
	names = [line["name"] for line in lines]
	found = {row.name: row for row in frappe.get_all("Interest Signal", {"name": ("in", names)}, fields)}
	for line in lines:
		signal = found.get(line["name"])
		if signal and signal.reference_name:
			line["doctype"], line["name"] = signal.reference_doctype, signal.reference_name


@frappe.whitelist()
def preview_topic(topic: str) -> dict:
	"""Who would get a topic as the form has it, unsaved changes included; nothing is written.

	`topic` is the document as JSON. Gives {"customers": how many, "had": how many have it computed now, "by_hand", "shown":
	the strongest of those that the user may read, each with customer, customer_name and score, "min_score"}.
	Raises PermissionError for those who may not edit topics.
	"""
	frappe.has_permission("Interest Topic", "write", throw=True)
	from customer_tiering.tiering.interest_sources import read_sources, sources_of
	from customer_tiering.tiering.interests import OF_CUSTOMERS, read_interest_rules, strongest_topics

	given = _read(topic)
	if not isinstance(given, dict) or given.get("doctype") != "Interest Topic":
		frappe.throw(_("{0} is expected.").format(_("Interest Topic")))
	doc = frappe.get_doc(given)
	saved = "" if doc.get("__islocal") else doc.name
	doc.name = saved or doc.topic_name or "?"
	others = [source for source in read_sources() if source.topic != saved]
	sources = [] if doc.disabled else sources_of(doc)
	best = strongest_topics(getdate(), [*others, *sources])
	mine = best[best["topic"] == doc.name].sort_values("score", ascending=False, kind="stable")
	tags = {"topic": saved, **OF_CUSTOMERS}
	return {
		"customers": len(mine),
		"had": frappe.db.count("Customer Interest", {**tags, "computed": 1}) if saved else 0,
		"by_hand": frappe.db.count("Customer Interest", {**tags, "computed": 0}) if saved else 0,
		"shown": _readable(dict(zip(mine["customer"], mine["score"], strict=True))),
		"min_score": read_interest_rules().min_score,
	}


def _readable(scores: dict[str, float]) -> list[dict]:
	"""The first of these customers that the user may read, in this order."""
	names = list(scores)[: SHOWN * 10]
	if not names or not frappe.has_permission("Customer", "read"):
		return []
	rows = frappe.get_list(
		"Customer", {"name": ("in", names)}, ["name", "customer_name"], limit_page_length=0
	)
	title = {row.name: row.customer_name for row in rows}
	found = [
		{"customer": name, "customer_name": title[name], "score": scores[name]}
		for name in names
		if name in title
	]
	return found[:SHOWN]


@frappe.whitelist()
def groups_without_topic() -> list[dict]:
	"""Item groups that hold items and that no topic is named after: name, items. For who may make topics."""
	frappe.has_permission("Interest Topic", "create", throw=True)
	return frappe.db.sql(
		"""SELECT item_group.name, COUNT(*) AS items
		FROM `tabItem Group` item_group JOIN `tabItem` item ON item.item_group = item_group.name
		WHERE item.disabled = 0 AND item_group.name NOT IN (SELECT name FROM `tabInterest Topic`)
		GROUP BY item_group.name, item_group.lft ORDER BY item_group.lft""",
		as_dict=True,
	)


@frappe.whitelist(methods=["POST"])
def make_topics(groups: str | list) -> list[str]:
	"""Make an Interest Topic of each of these item groups, with the group as its source; gives their names."""
	frappe.has_permission("Interest Topic", "create", throw=True)
	names = _read(groups) if isinstance(groups, str) else groups
	known = {row.name for row in groups_without_topic()}
	if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
		shown = frappe.utils.escape_html(str(names)[:140])
		frappe.throw(_("{0}: {1} is not {2}.").format("groups", shown, _("a list of names")))
	made = [name for name in names if name in known]
	for name in made:
		sources = [{"source_type": "Item Group", "source": name}]
		frappe.get_doc(doctype="Interest Topic", topic_name=name, sources=sources).insert()
	return made


def _read(text: str) -> object:
	try:
		return json.loads(str(text))
	except ValueError as error:
		frappe.throw(_("This is no JSON: {0}").format(frappe.utils.escape_html(str(error))))
