"""What customers did that belongs to a topic, set-wise: as many queries as there are sources.

* Purchase: an order, as tiering counts them, with at least one line that its returns did not take back wholly;
* Enquiry: an Opportunity, or a Quotation that wasn't cancelled, with an item;
* Event: one that the customer, a contact or an open opportunity takes part in, from its day on, unless it was cancelled;
* Click, Open: what was recorded as Interest Signal; a mail is opened once, on the day of the first time;
* Page View: a page of this site that a portal user of the customer opened while logged in, once a day. Frappe's Web Page
  View knows other visitors by their browser alone, so theirs can't be told to a customer.
"""

from collections.abc import Iterable, Iterator
from datetime import date, timedelta

import frappe
import pandas as pd

from customer_tiering.engine.interest_rules import (
	CLICK,
	ENQUIRY,
	EVENT,
	KINDS,
	OPEN,
	PAGE_VIEW,
	PURCHASE,
	SIGNALS_KEPT_DAYS,
	InterestRules,
)
from customer_tiering.tiering.companies import counted_companies
from customer_tiering.tiering.contact_facts import PARTIES
from customer_tiering.tiering.interest_sources import (
	EMAIL_TEMPLATE,
	EVENT_SUBJECT,
	ITEM,
	ITEM_GROUP,
	TABLE,
	WEB_ROUTE,
	Source,
	open_sources,
)
from customer_tiering.tiering.order_facts import returns
from customer_tiering.tiering.orders import INVOICE, Orders
from customer_tiering.tiering.policy import read_rules
from customer_tiering.tiering.temporary import in_scope

COLUMNS = ["customer", "topic", "day", "kind", "doctype", "name", "text"]

# A line without an item of the item master still has its group.
OF_LINE = """source.source_type = IF(line.item_code > '', 'Item', 'Item Group')
	AND source.source = IF(line.item_code > '', line.item_code, line.item_group)"""

ENQUIRIES = {
	"Opportunity": "document.opportunity_from = 'Customer'",
	"Quotation": "document.quotation_to = 'Customer' AND document.docstatus < 2",
}

ATTENDED = f"""
	WITH party AS ({PARTIES})
	SELECT DISTINCT party.customer, source.topic, DATE(event.starts_on), event.name, event.subject
	FROM `{TABLE}` source
	JOIN `tabEvent` event ON source.source_type = 'Event Subject' AND event.subject LIKE source.source
	JOIN `tabEvent Participants` who ON who.parent = event.name AND who.parenttype = 'Event'
	JOIN party ON party.doctype = who.reference_doctype AND party.name = who.reference_docname
	WHERE event.status != 'Cancelled' AND DATE(event.starts_on) BETWEEN %(since)s AND %(as_of)s"""

SIGNALS = f"""
	SELECT seen.customer, source.topic, DATE(seen.happened_on) AS day, seen.kind, seen.name,
		COALESCE(seen.route, seen.email_template) AS text, seen.happened_on,
		COALESCE(CONCAT(seen.reference_doctype, ' ', seen.reference_name), seen.name) AS mail
	FROM `{TABLE}` source JOIN `tabInterest Signal` seen ON {{match}}
	WHERE DATE(seen.happened_on) BETWEEN %(kept_since)s AND %(as_of)s AND {{scope}}"""
OF_MAIL = "source.source_type = 'Email Template' AND seen.email_template = source.source"
OF_ROUTE = "source.source_type = 'Web Route' AND seen.route LIKE source.source"

VIEWS = f"""
	WITH visitor AS (
		SELECT user, parent AS customer FROM `tabPortal User`
		WHERE parenttype = 'Customer' AND {{portal}}
		UNION
		SELECT contact.user, link.link_name FROM `tabContact` contact
		JOIN `tabDynamic Link` link
			ON link.parent = contact.name AND link.parenttype = 'Contact' AND link.link_doctype = 'Customer'
		WHERE contact.user > '' AND {{linked}}
	)
	SELECT DISTINCT visitor.customer, source.topic, DATE(seen.creation), seen.path
	FROM `{TABLE}` source
	JOIN `tabWeb Page View` seen ON source.source_type = 'Web Route' AND seen.path LIKE source.source
	JOIN visitor ON visitor.user = seen.owner
	WHERE DATE(seen.creation) BETWEEN %(since)s AND %(as_of)s"""


def read_events(sources: Iterable[Source], rules: InterestRules, as_of: date, scoped: bool) -> pd.DataFrame:
	"""One row for each thing that a customer did for a topic, those that can't be worth anything any more left out, but for clicks
	and opens: those are read for as long as they are kept, as the first opened mails count in the number of them.

	Columns: customer, topic, day (datetime64), kind, doctype and name of the document (name may be empty), text that says
	what it was. Of everybody, or of the customers in the scope. A document counts once for a topic, however many lines.
	"""
	types = open_sources(sources)
	found = [
		pd.DataFrame.from_records(rows, columns=COLUMNS)
		for kind in KINDS
		if rules.reach(kind) >= 0
		for rows in _read(kind, types, as_of - timedelta(days=rules.reach(kind)), as_of, scoped)
	]
	events = pd.concat([pd.DataFrame(columns=COLUMNS), *filter(len, found)], ignore_index=True)
	return events.assign(day=pd.to_datetime(events["day"]))


def _read(kind: str, types: set[str], since: date, as_of: date, scoped: bool) -> Iterator[list[tuple]]:
	given = {"since": since, "as_of": as_of}
	if types & {ITEM, ITEM_GROUP} and kind == PURCHASE:
		yield _purchases(given, scoped)
	if types & {ITEM, ITEM_GROUP} and kind == ENQUIRY:
		for doctype, condition in ENQUIRIES.items():
			yield _enquiries(doctype, condition, given, scoped)
	if EVENT_SUBJECT in types and kind == EVENT:
		yield _attended(given, scoped)
	if WEB_ROUTE in types and kind == PAGE_VIEW:
		yield _views(given, scoped)
	if types & {EMAIL_TEMPLATE, WEB_ROUTE} and kind in (CLICK, OPEN):
		yield _signals(kind, given, scoped)


def _purchases(given: dict, scoped: bool) -> list[tuple]:
	policy = read_rules()
	orders = Orders(doctype=policy.orders_from, home=tuple(counted_companies(policy)))
	taken_back, bought = "", "TRUE"
	if orders.doctype == INVOICE:
		back = returns(orders, scoped)
		taken_back = f"""LEFT JOIN ({orders.credited(back)}) credit ON credit.return_against = document.name
			LEFT JOIN ({orders.credited_lines(back)}) returned ON returned.line = line.name"""
		bought = (
			"(returned.line IS NULL OR line.base_net_amount + returned.credited > 0.01 * returned.returns)"
		)
	rows = frappe.db.sql(
		f"""SELECT DISTINCT document.customer, source.topic, {orders.day}, document.name
		FROM {orders.table} document
		JOIN `tab{orders.doctype} Item` line ON line.parent = document.name
		JOIN `{TABLE}` source ON {OF_LINE}
		{taken_back}
		WHERE {orders.counts} AND {orders.in_companies} AND {orders.is_order} AND {bought}
			AND {orders.day} BETWEEN %(since)s AND %(as_of)s AND {in_scope("document.customer", scoped)}""",
		{**orders.values, **given},
	)
	return [(*row[:3], PURCHASE, orders.doctype, row[3], None) for row in rows]


def _enquiries(doctype: str, condition: str, given: dict, scoped: bool) -> list[tuple]:
	rows = frappe.db.sql(
		f"""SELECT DISTINCT document.party_name, source.topic, document.transaction_date, document.name
		FROM `tab{doctype}` document
		JOIN `tab{doctype} Item` line ON line.parent = document.name AND line.parenttype = '{doctype}'
		JOIN `{TABLE}` source ON {OF_LINE}
		WHERE {condition} AND document.transaction_date BETWEEN %(since)s AND %(as_of)s
			AND {in_scope("document.party_name", scoped)}""",
		given,
	)
	return [(*row[:3], ENQUIRY, doctype, row[3], None) for row in rows]


def _attended(given: dict, scoped: bool) -> list[tuple]:
	columns = {"customer": "name", "linked": "link_name", "party": "party_name"}
	conditions = {key: in_scope(column, scoped) for key, column in columns.items()}
	rows = frappe.db.sql(ATTENDED.format(**conditions), given)
	return [(*row[:3], EVENT, "Event", *row[3:]) for row in rows]


def _signals(kind: str, given: dict, scoped: bool) -> list[tuple]:
	"""In the order in which they happened. A click in a mail of a topic on a page of the same topic is one click."""
	given = {**given, "kind": kind, "kept_since": given["as_of"] - timedelta(days=SIGNALS_KEPT_DAYS)}
	scope = f"seen.kind = %(kind)s AND {in_scope('seen.customer', scoped)}"
	query = " UNION ".join(SIGNALS.format(match=match, scope=scope) for match in (OF_MAIL, OF_ROUTE))
	rows = frappe.db.sql(f"{query} ORDER BY happened_on, name", given)
	if kind == OPEN:
		first: dict[tuple, tuple] = {}
		for row in rows:
			first.setdefault((row[0], row[1], row[-1]), row)
		rows = first.values()
	return [(*row[:4], "Interest Signal", *row[4:6]) for row in rows]


def _views(given: dict, scoped: bool) -> list[tuple]:
	conditions = {"portal": in_scope("parent", scoped), "linked": in_scope("link.link_name", scoped)}
	rows = frappe.db.sql(VIEWS.format(**conditions), given)
	return [(*row[:3], PAGE_VIEW, "Web Page View", None, row[3]) for row in rows]
