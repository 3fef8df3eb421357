"""Reads what the engine decides from: one row a customer, one query a source."""

from collections.abc import Collection
from datetime import date

import frappe
import pandas as pd

from customer_tiering.engine.policy import Policy
from customer_tiering.engine.window import window_start
from customer_tiering.tiering.customer import COMPUTED_FIELDS
from customer_tiering.tiering.orders import COUNTS, CREDITED, CREDITS, IS_ORDER, IS_SALE, IS_UNDONE
from customer_tiering.tiering.policy import counted_companies
from customer_tiering.tiering.temporary import SCOPE, open_scope

DATES = (
	"last_order_date",
	"last_follow_up",
	"tier_override_until",
	"current_tier_since",
	"current_below_keep_since",
)

PARTIES = """
	SELECT 'Customer' AS doctype, name, name AS customer FROM `tabCustomer`
	UNION ALL
	SELECT 'Contact', parent, link_name FROM `tabDynamic Link`
	WHERE parenttype = 'Contact' AND link_doctype = 'Customer'
	UNION ALL
	SELECT 'Opportunity', name, party_name FROM `tabOpportunity`
	WHERE opportunity_from = 'Customer' AND status NOT IN ('Lost', 'Closed', 'Converted')
"""

FOLLOW_UPS = """
	SELECT reference_doctype AS doctype, reference_name AS name, DATE(communication_date) AS day
	FROM `tabCommunication` WHERE communication_type = 'Communication'
	UNION ALL
	SELECT link.link_doctype, link.link_name, DATE(mail.communication_date)
	FROM `tabCommunication Link` link JOIN `tabCommunication` mail ON mail.name = link.parent
	WHERE mail.communication_type = 'Communication' AND NOT mail.reference_doctype <=> 'Event'
	UNION ALL
	SELECT who.reference_doctype, who.reference_docname, DATE(event.starts_on)
	FROM `tabEvent Participants` who JOIN `tabEvent` event ON event.name = who.parent
	WHERE event.status != 'Cancelled'
	UNION ALL
	SELECT link.link_doctype, link.link_name, DATE(talk.start_time)
	FROM `tabDynamic Link` link JOIN `tabCall Log` talk ON talk.name = link.parent
	WHERE link.parenttype = 'Call Log'
	UNION ALL
	SELECT reference_type, reference_name, DATE(modified) FROM `tabToDo` WHERE status = 'Closed'
"""

# Customers whose last tier event was the beginning of an override.
TIERS_BY_HAND = """
	SELECT event.customer FROM `tabTiering Event` event
	WHERE event.cause = 'Override' AND NOT EXISTS (
		SELECT 1 FROM `tabTiering Event` later
		WHERE later.customer = event.customer AND later.decision = 'Tier' AND later.name > event.name
	)
"""

UNDONE_CUSTOMERS = f"""
	SELECT DISTINCT invoice.customer
	FROM ({CREDITED}) credit JOIN `tabSales Invoice` invoice ON invoice.name = credit.return_against
	WHERE {COUNTS} AND {IS_SALE} AND {IS_UNDONE} AND invoice.company IN %(companies)s AND {{scope}}
"""


def read_facts(policy: Policy, as_of: date, customers: Collection[str] | None = None) -> pd.DataFrame:
	"""What is known on `as_of` of every customer who is neither internal nor disabled, or of those of `customers`.

	Index: customer. Columns: those of engine.classify.FACTS and, with the prefix `current_`, the computed fields as
	they stand on Customer. Money is in the reporting currency, dates in the site's time zone.
	"""
	scoped = customers is not None
	if scoped:
		open_scope(customers)
	facts = _customers(scoped)
	facts = facts.join(_orders(policy, as_of, scoped)).join(_follow_ups(as_of, scoped))
	counts = ["orders_ever", "annual_orders"]
	facts[counts] = facts[counts].fillna(0).astype("int64")
	facts["annual_value"] = facts["annual_value"].astype("float64").fillna(0.0)
	for column in DATES:
		facts[column] = pd.to_datetime(facts[column])
	return facts


def companies_left_out(policy: Policy) -> list[str]:
	"""Companies whose invoices don't count because they keep their books in another currency."""
	return sorted(set(frappe.get_all("Company", pluck="name")) - set(counted_companies(policy)))


def _frame(rows: list[dict], columns: list[str]) -> pd.DataFrame:
	return pd.DataFrame.from_records(rows, columns=["customer", *columns], index="customer")


def _in_scope(column: str, scoped: bool) -> str:
	return f"{column} IN (SELECT name FROM `{SCOPE}`)" if scoped else "1 = 1"


def _customers(scoped: bool) -> pd.DataFrame:
	given = ["tier_override", "tier_override_until"]
	current = [f"{field} AS current_{field}" for field in COMPUTED_FIELDS]
	rows = frappe.db.sql(
		f"""SELECT name, {", ".join([*given, *current])} FROM `tabCustomer`
		WHERE disabled = 0 AND is_internal_customer = 0 AND {_in_scope("name", scoped)} ORDER BY name"""
	)
	frame = _frame(rows, [*given, *(f"current_{field}" for field in COMPUTED_FIELDS)])
	frame = frame.astype(object).where(frame.notna() & (frame != ""), None)
	frame["current_tier"] = frame["current_customer_tier"]
	frame["current_tier_by_hand"] = frame.index.isin([row[0] for row in frappe.db.sql(TIERS_BY_HAND)])
	frame["current_stage"] = frame["current_lifecycle_stage"]
	return frame


def _orders(policy: Policy, as_of: date, scoped: bool) -> pd.DataFrame:
	"""Orders and money of every customer who has any.

	One aggregate over a covering index answers for all but those of whom an order was undone by its returns; these few
	are read again with their returns at hand.
	"""
	given = {
		"as_of": as_of,
		"since": window_start(as_of, policy.window_months),
		"companies": counted_companies(policy) or ("",),
	}
	scope = _in_scope("invoice.customer", scoped)
	orders = _aggregate(IS_SALE, "", scope, given)
	undone = [row[0] for row in frappe.db.sql(UNDONE_CUSTOMERS.format(scope=scope), given)]
	if undone:
		again = _aggregate(IS_ORDER, CREDITS, "invoice.customer IN %(undone)s", {**given, "undone": undone})
		orders = pd.concat([orders.drop(index=again.index), again])
	return orders


def _aggregate(is_order: str, join: str, only: str, given: dict) -> pd.DataFrame:
	rows = frappe.db.sql(
		f"""SELECT invoice.customer,
			SUM({is_order}) AS orders_ever,
			MAX(CASE WHEN {is_order} THEN invoice.posting_date END) AS last_order_date,
			SUM({is_order} AND invoice.posting_date >= %(since)s) AS annual_orders,
			SUM(CASE WHEN invoice.posting_date >= %(since)s THEN invoice.base_net_total ELSE 0 END) AS annual_value
		FROM `tabSales Invoice` invoice {join}
		WHERE {COUNTS} AND invoice.company IN %(companies)s AND {only}
		GROUP BY invoice.customer""",
		given,
	)
	return _frame(rows, ["orders_ever", "last_order_date", "annual_orders", "annual_value"])


def _follow_ups(as_of: date, scoped: bool) -> pd.DataFrame:
	"""The last follow-up by a person, on the customer, its contacts or its open opportunities."""
	rows = frappe.db.sql(
		f"""SELECT party.customer, MAX(touch.day)
		FROM ({FOLLOW_UPS}) touch
		JOIN ({PARTIES}) party ON party.doctype = touch.doctype AND party.name = touch.name
		WHERE touch.day <= %(as_of)s AND {_in_scope("party.customer", scoped)}
		GROUP BY party.customer""",
		{"as_of": as_of},
	)
	return _frame(rows, ["last_follow_up"])
