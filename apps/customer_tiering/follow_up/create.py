"""Makes ToDos from signals: one for each rule and event, however often it is run."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date

import frappe
from frappe import _
from frappe.utils import add_days, escape_html, getdate

from customer_tiering.tiering.owner import owner_of
from customer_tiering.tiering.readers import consume
from customer_tiering.tiering.templates import fill


def create_follow_ups(as_of: date | None = None) -> int:
	"""Create the ToDos of all enabled rules for events not acted on. Returns how many were created."""
	day = as_of or getdate()
	rules = frappe.get_all("Follow Up Rule", filters={"enabled": 1}, pluck="name", order_by="name")
	return sum(
		consume("Follow Up Rule", rule, "signal", lambda rule, event: _create(rule, event, day))
		for rule in rules
	)


def _create(rule: "frappe.Document", event: frappe._dict, day: date) -> bool:
	key = f"{rule.name}|{event.signal_key}"
	if not frappe.db.exists("Customer", event.customer) or frappe.db.exists("ToDo", {"follow_up_key": key}):
		return False
	customer = frappe.get_doc("Customer", event.customer)
	owner = owner_of(customer)
	with _language_of(owner):
		description = _text(rule, customer, event)
	frappe.get_doc(
		doctype="ToDo",
		allocated_to=owner,
		description=description,
		reference_type="Customer",
		reference_name=customer.name,
		priority=rule.priority,
		date=add_days(day, rule.due_in_days),
		follow_up_rule=rule.name,
		follow_up_key=key,
	).insert(ignore_permissions=True)
	return True


@contextmanager
def _language_of(user: str | None) -> Iterator[None]:
	"""Jobs run in the bench's language; who gets the ToDo reads it in his or her own, else in the site's."""
	before = frappe.local.lang
	own = frappe.db.get_value("User", user, "language") if user else None
	frappe.local.lang = own or frappe.db.get_single_value("System Settings", "language") or before
	try:
		yield
	finally:
		frappe.local.lang = before


def _text(rule: "frappe.Document", customer: "frappe.Document", event: frappe._dict) -> str:
	"""The rule's text; one that fails for this customer still makes a ToDo, which says why it has no text."""
	try:
		return fill(rule.description, {"customer": dict(customer.as_dict()), "event": dict(event)})
	except Exception as error:
		problem = _("The text of the rule {0} could not be filled in: {1}").format(rule.name, str(error))
		return f"<p>{escape_html(customer.customer_name)}: {escape_html(problem)}</p>"
