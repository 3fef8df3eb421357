"""What happened with customers besides orders: follow-ups, enquiries, open ToDos; set-wise."""

from datetime import date

import frappe
import pandas as pd

from customer_tiering.tiering.temporary import in_scope

PARTIES = """
	SELECT 'Customer' AS doctype, name, name AS customer FROM `tabCustomer` WHERE {customer}
	UNION ALL
	SELECT 'Contact', parent, link_name FROM `tabDynamic Link`
	WHERE parenttype = 'Contact' AND link_doctype = 'Customer' AND {linked}
	UNION ALL
	SELECT 'Opportunity', name, party_name FROM `tabOpportunity`
	WHERE opportunity_from = 'Customer' AND status NOT IN ('Lost', 'Closed', 'Converted') AND {party}
"""

# `join` makes MariaDB begin with the parties where these are few.
FOLLOW_UPS = """
	SELECT party.customer, DATE(mail.communication_date) AS day
	FROM party {join} `tabCommunication` mail
		ON mail.reference_doctype = party.doctype AND mail.reference_name = party.name
	WHERE mail.communication_type = 'Communication'
	UNION ALL
	SELECT party.customer, DATE(mail.communication_date)
	FROM party {join} `tabCommunication Link` link
		ON link.link_doctype = party.doctype AND link.link_name = party.name
	{join} `tabCommunication` mail ON mail.name = link.parent
	WHERE mail.communication_type = 'Communication' AND NOT mail.reference_doctype <=> 'Event'
	UNION ALL
	SELECT party.customer, DATE(event.starts_on)
	FROM party {join} `tabEvent Participants` who
		ON who.reference_doctype = party.doctype AND who.reference_docname = party.name
	{join} `tabEvent` event ON event.name = who.parent
	WHERE event.status != 'Cancelled'
	UNION ALL
	SELECT party.customer, DATE(talk.start_time)
	FROM party {join} `tabDynamic Link` link ON link.link_doctype = party.doctype AND link.link_name = party.name
	{join} `tabCall Log` talk ON talk.name = link.parent
	WHERE link.parenttype = 'Call Log'
	UNION ALL
	SELECT party.customer, COALESCE(todo.follow_up_closed_on, DATE(todo.modified))
	FROM party {join} `tabToDo` todo ON todo.reference_type = party.doctype AND todo.reference_name = party.name
	WHERE todo.status = 'Closed' AND COALESCE(todo.follow_up_outcome, '') NOT IN ('Not Reached', 'Settled')
"""

ENQUIRIES = """
	SELECT party_name AS customer, transaction_date AS day FROM `tabOpportunity`
	WHERE opportunity_from = 'Customer' AND {party}
	UNION ALL
	SELECT party_name, transaction_date FROM `tabQuotation`
	WHERE quotation_to = 'Customer' AND docstatus < 2 AND {party}
"""


def read_contact_facts(as_of: date, scoped: bool) -> pd.DataFrame:
	"""One row a customer with any of them. Columns: last_follow_up, last_enquiry, next_enquiry (datetime64), open_follow_ups.

	* last_follow_up: the last one by a person until `as_of`, on the customer, its contacts or its open opportunities; a ToDo of
	  a follow-up where nobody was reached, or that closed by itself, is none;
	* last_enquiry: the day of the last opportunity, or quotation that wasn't cancelled, until `as_of`;
	* next_enquiry: the first day after `as_of` of one that is dated later;
	* open_follow_ups: how many ToDos on the customer are open now.
	"""
	conditions = {
		"customer": in_scope("name", scoped),
		"linked": in_scope("link_name", scoped),
		"party": in_scope("party_name", scoped),
	}
	follow_ups = FOLLOW_UPS.format(join="STRAIGHT_JOIN" if scoped else "JOIN")
	found = [
		_last("last_follow_up", follow_ups, as_of, f"WITH party AS ({PARTIES.format(**conditions)})"),
		_last("last_enquiry", ENQUIRIES.format(**conditions), as_of),
		_next_enquiry(ENQUIRIES.format(**conditions), as_of),
		_open_follow_ups(scoped),
	]
	return pd.concat(found, axis=1).rename_axis("customer")


def _last(column: str, days: str, as_of: date, parties: str = "") -> pd.Series:
	rows = frappe.db.sql(
		f"""{parties}
		SELECT touch.customer, MAX(touch.day) FROM ({days}) touch WHERE touch.day <= %(as_of)s GROUP BY touch.customer""",
		{"as_of": as_of},
	)
	frame = pd.DataFrame.from_records(rows, columns=["customer", column], index="customer")
	return pd.to_datetime(frame[column])


def _next_enquiry(days: str, as_of: date) -> pd.Series:
	rows = frappe.db.sql(
		f"SELECT touch.customer, MIN(touch.day) FROM ({days}) touch WHERE touch.day > %(as_of)s GROUP BY touch.customer",
		{"as_of": as_of},
	)
	frame = pd.DataFrame.from_records(rows, columns=["customer", "next_enquiry"], index="customer")
	return pd.to_datetime(frame["next_enquiry"])


def _open_follow_ups(scoped: bool) -> pd.Series:
	rows = frappe.db.sql(
		f"""SELECT reference_name, COUNT(*) FROM `tabToDo`
		WHERE reference_type = 'Customer' AND status = 'Open' AND {in_scope("reference_name", scoped)}
		GROUP BY reference_name"""
	)
	frame = pd.DataFrame.from_records(rows, columns=["customer", "open_follow_ups"], index="customer")
	return frame["open_follow_ups"].astype("int64")
