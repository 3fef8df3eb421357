"""The accounts that mails can be sent from, by name: nothing else of them is shown to who writes sequences."""

import frappe
from frappe.desk.search import validate_and_sanitize_search_inputs

from customer_tiering.tiering.permissions import MANAGERS


@frappe.whitelist()
@validate_and_sanitize_search_inputs
def senders(
	doctype: str,
	txt: str,
	searchfield: str,
	start: int,
	page_len: int,
	filters: dict | list | None = None,
	as_dict: bool = False,
) -> list:
	"""For links: the names of Email Accounts that are switched on for outgoing mail, with their addresses."""
	frappe.only_for(MANAGERS)
	rows = frappe.get_all(
		"Email Account",
		filters={"enable_outgoing": 1, "name": ("like", f"%{txt or ''}%")},
		fields=["name", "email_id"],
		order_by="name",
		start=start,
		limit=page_len,
	)
	return rows if as_dict else [(row.name, row.email_id) for row in rows]
