"""What is going on with a customer that a cheerful message must not get in the way of."""

from collections.abc import Callable
from datetime import date, datetime, time

import frappe
from frappe import _
from frappe.utils import add_days, getdate

from customer_tiering.outreach.deferral import Deferral

Check = Callable[["frappe.Document", date], None]


def hold_for_business(customer: "frappe.Document", sequence: "frappe.Document", day: date) -> None:
	"""Raise Deferral for the first thing that is going on and that the sequence waits for."""
	for switch, check in CHECKS.items():
		if sequence.get(switch):
			check(customer, day)


def _overdue(customer: "frappe.Document", day: date) -> None:
	found = _first(
		"Sales Invoice",
		{"customer": customer.name, "docstatus": 1, "outstanding_amount": (">", 0), "due_date": ("<", day)},
		"due_date",
	)
	if found:
		raise Deferral(_("The invoice {0} is overdue.").format(found.name))


def _issue(customer: "frappe.Document", day: date) -> None:
	found = _first(
		"Issue", {"customer": customer.name, "status": ("not in", ("Resolved", "Closed"))}, "creation"
	)
	if found:
		raise Deferral(_("The issue {0} is open.").format(found.name))


def _return(customer: "frappe.Document", day: date) -> None:
	found = _first("Sales Invoice", {"customer": customer.name, "docstatus": 0, "is_return": 1}, "creation")
	if found:
		raise Deferral(_("The return {0} is in progress.").format(found.name))


def _quotation(customer: "frappe.Document", day: date) -> None:
	party = {"quotation_to": "Customer", "party_name": customer.name, "docstatus": 1}
	found = frappe.get_all(
		"Quotation",
		filters={**party, "status": ("in", ("Open", "Replied"))},
		fields=["name", "valid_till"],
		order_by="valid_till desc",
	)
	for row in found:
		if not row.valid_till or getdate(row.valid_till) >= day:
			until = datetime.combine(add_days(getdate(row.valid_till), 1), time()) if row.valid_till else None
			raise Deferral(_("The quotation {0} is open.").format(row.name), until)


def _frozen(customer: "frappe.Document", day: date) -> None:
	if customer.is_frozen:
		raise Deferral(_("The customer is frozen."))


def _first(doctype: str, filters: dict, order_by: str) -> frappe._dict | None:
	rows = frappe.get_all(doctype, filters=filters, fields=["name"], order_by=order_by, limit=1)
	return rows[0] if rows else None


CHECKS: dict[str, Check] = {
	"hold_frozen": _frozen,
	"hold_overdue": _overdue,
	"hold_issue": _issue,
	"hold_return": _return,
	"hold_quotation": _quotation,
}
