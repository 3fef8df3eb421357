"""Whoever may not see a customer sees nothing about it in the ledgers either."""

from collections.abc import Collection

import frappe
from frappe.desk.reportview import build_match_conditions
from frappe.permissions import get_allowed_docs_for_doctype, get_user_permissions

# Who edits the rules, and sees every ledger whole.
MANAGERS = ("Tiering Manager", "System Manager")


def is_manager(user: str | None = None) -> bool:
	return not set(MANAGERS).isdisjoint(frappe.get_roles(user))


def tiering_event_query(user: str | None = None) -> str:
	return _condition("Tiering Event", user)


def follow_up_query(user: str | None = None) -> str:
	return _condition("Follow Up", user)


def outreach_enrollment_query(user: str | None = None) -> str:
	return _condition("Outreach Enrollment", user)


def outreach_touch_query(user: str | None = None) -> str:
	return _condition("Outreach Touch", user)


def outreach_consent_query(user: str | None = None) -> str:
	return _condition("Outreach Consent", user)


def outreach_suppression_query(user: str | None = None) -> str:
	return _condition("Outreach Suppression", user)


def outreach_hit_query(user: str | None = None) -> str:
	"""A hit is its touch's customer's."""
	touches = _condition("Outreach Touch", user)
	return (
		f"`tabOutreach Hit`.touch IN (SELECT name FROM `tabOutreach Touch` WHERE {touches})"
		if touches
		else ""
	)


def coupon_code_query(user: str | None = None) -> str:
	"""Who may read no codes, like reps, finds those that were sent to customers whom the user may read."""
	user = user or frappe.session.user
	if frappe.has_permission("Coupon Code", "read", user=user):
		return ""
	customers = _condition("Outreach Touch", user) or "1 = 1"
	return f"`tabCoupon Code`.name IN (SELECT coupon_code FROM `tabOutreach Touch` WHERE coupon_code > '' AND {customers})"


def interest_signal_query(user: str | None = None) -> str:
	return _condition("Interest Signal", user)


def customer_feedback_query(user: str | None = None) -> str:
	return _condition("Customer Feedback", user) if _sells(user) else ""


def has_feedback_permission(
	doc: "frappe.Document", ptype: str | None = None, user: str | None = None, **more: object
) -> bool:
	return not _sells(user) or has_permission(doc, ptype, user, **more)


def _sells(user: str | None) -> bool:
	"""Who may not read customers at all, like support, has the feedback of all of them by its role."""
	return bool(frappe.has_permission("Customer", "read", user=user or frappe.session.user))


def has_permission(
	doc: "frappe.Document", ptype: str | None = None, user: str | None = None, **_more: object
) -> bool:
	"""For a single row of a ledger: may the user read its customer?"""
	user = user or frappe.session.user
	if is_manager(user) or not doc.customer or not frappe.db.exists("Customer", doc.customer):
		return True
	return bool(frappe.has_permission("Customer", "read", doc=doc.customer, user=user))


def has_suppression_permission(
	doc: "frappe.Document", ptype: str | None = None, user: str | None = None, **more: object
) -> bool:
	"""An address noted without a customer may be anybody's: only for who sees all customers, as in the list."""
	if not doc.customer:
		return not _condition(doc.doctype, user)
	return has_permission(doc, ptype, user, **more)


def has_hit_permission(
	doc: "frappe.Document", ptype: str | None = None, user: str | None = None, **more: object
) -> bool:
	customer = frappe.db.get_value("Outreach Touch", doc.touch, "customer")
	return has_permission(frappe._dict(customer=customer), ptype, user, **more)


def hidden_companies(companies: Collection[str], doctype: str) -> set[str]:
	"""Those of the companies whose documents of this kind a User Permission keeps from the session's user."""
	allowed = get_allowed_docs_for_doctype(
		get_user_permissions(frappe.session.user).get("Company", []), doctype
	)
	return set(companies) - set(allowed) if allowed else set()


def _condition(doctype: str, user: str | None) -> str:
	"""SQL for the list: rows of the customers that roles, User Permissions and shares let the user see."""
	user = user or frappe.session.user
	if is_manager(user):
		return ""
	try:
		visible = build_match_conditions("Customer", user=user)
	except frappe.PermissionError:
		return "1 = 0"
	return f"`tab{doctype}`.customer IN (SELECT name FROM `tabCustomer` WHERE {visible})" if visible else ""
