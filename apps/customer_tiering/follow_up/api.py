"""What the Desk calls. Every function checks permission first."""

import json

import frappe
from frappe import _
from frappe.utils import escape_html, flt, format_date, getdate

from customer_tiering.follow_up import hand_over as handing_over
from customer_tiering.follow_up.outcome import OUTCOMES
from customer_tiering.follow_up.todos import customer_values, event_without_signal
from customer_tiering.tiering.owner import Owners
from customer_tiering.tiering.permissions import MANAGERS
from customer_tiering.tiering.templates import fill

READERS = (*MANAGERS, "Sales Manager", "Sales User")
SHOWN = 200
MOST_BADGES = 500

MINE = """
	SELECT todo.name, todo.description, todo.date, todo.priority, todo.follow_up_rule AS rule,
		todo.reference_name AS customer
	FROM `tabToDo` todo
	LEFT JOIN `tabCustomer` customer ON customer.name = todo.reference_name
	LEFT JOIN `tabCustomer Tier` tier ON tier.name = customer.customer_tier
	WHERE todo.allocated_to = %(user)s AND todo.status = 'Open' AND COALESCE(todo.follow_up_rule, '') != ''
		AND todo.reference_type = 'Customer'
	ORDER BY (todo.date > %(today)s), COALESCE(tier.entry_value, -1) DESC, COALESCE(customer.annual_value, 0) DESC,
		todo.date, todo.name
	LIMIT %(shown)s
"""


@frappe.whitelist()
def my_follow_ups() -> dict:
	"""The session's user's open follow-ups, those due first, of these the best customers: {"rows", "currency", "today"}.

	A row has what the ToDo says; of a customer that the user may not see no more than the name.
	"""
	frappe.only_for(READERS)
	today = getdate()
	rows = frappe.db.sql(MINE, {"user": frappe.session.user, "today": today, "shown": SHOWN}, as_dict=True)
	about = _about({row.customer for row in rows})
	for row in rows:
		row.update(about.get(row.customer, {}))
	return {"rows": rows, "currency": _currency(), "today": str(today)}


@frappe.whitelist()
def badges(todos: str) -> dict[str, dict]:
	"""Tier, colour and money at stake of the customers that these ToDos (a JSON list of names) are about.

	Only of ToDos and customers that the user may see.
	"""
	names = _names(todos)
	filters = {"name": ("in", names), "reference_type": "Customer"}
	visible = frappe.get_list(
		"ToDo",
		filters=filters,
		fields=["name", "reference_name", "follow_up_rule", "status"],
		limit=MOST_BADGES,
	)
	about = _about({todo.reference_name for todo in visible})
	return {
		todo.name: {
			**about[todo.reference_name],
			"is_follow_up": bool(todo.follow_up_rule) and todo.status == "Open",
			"currency": _currency(),
		}
		for todo in visible
		if todo.reference_name in about
	}


@frappe.whitelist(methods=["POST"])
def close(todo: str, outcome: str, reason: str | None = None) -> dict:
	"""Close a follow-up with what came of it; for whoever may write the ToDo. `reason`: why the customer is lost.

	Raises PermissionError for others, ValidationError for an outcome that isn't one, a ToDo that isn't open.
	"""
	doc = frappe.get_doc("ToDo", str(todo))
	doc.check_permission("write")
	if outcome not in OUTCOMES:
		frappe.throw(_("{0} is no outcome of a follow-up.").format(escape_html(str(outcome)[:140])))
	if doc.status != "Open":
		frappe.throw(_("This follow-up is closed already."))
	doc.follow_up_outcome = outcome
	doc.follow_up_lost_reason = str(reason or "")[:140] or None
	doc.save()
	return {"name": doc.name, "status": doc.status}


@frappe.whitelist(methods=["POST"])
def reopen(todo: str) -> dict:
	"""Take an outcome back; for whoever may write the ToDo."""
	doc = frappe.get_doc("ToDo", str(todo))
	doc.check_permission("write")
	if doc.get("follow_up_rule") and doc.status == "Closed":
		doc.status = "Open"
		doc.save()
	return {"name": doc.name, "status": doc.status}


@frappe.whitelist(methods=["POST"])
def hand_over(user: str, to: str | None = None) -> dict:
	"""Hand over a user's open follow-ups, to one user or (without `to`) to the next in line for each customer.

	For managers of users and of tiering. Returns {"handed_over", "left"}: those for whom nobody was found stay.
	"""
	frappe.only_for(MANAGERS)
	if to and (to == user or not frappe.db.exists("User", {"name": str(to), "enabled": 1})):
		frappe.throw(_("Choose another user who is enabled."))
	done = handing_over.hand_over(str(user), str(to) if to else None)
	left = {"allocated_to": user, "status": "Open", "follow_up_rule": ("is", "set")}
	return {"handed_over": done, "left": frappe.db.count("ToDo", left)}


@frappe.whitelist()
def open_follow_ups_of(user: str) -> int:
	"""How many there are to hand over; for managers."""
	frappe.only_for(MANAGERS)
	return frappe.db.count(
		"ToDo", {"allocated_to": str(user), "status": "Open", "follow_up_rule": ("is", "set")}
	)


@frappe.whitelist()
def preview(rule: str, customer: str) -> dict:
	"""The text of a rule (its form as JSON, saved or not) for a customer: {"text", "about"}.

	For those who edit rules and may read the customer. The text speaks of the customer's last event of the rule's signal, if
	there is one. Raises ValidationError with Jinja's message for a text that can't be filled in.
	"""
	frappe.only_for(MANAGERS)
	frappe.has_permission("Customer", "read", doc=customer, throw=True)
	try:
		values = json.loads(rule)
	except (ValueError, TypeError):
		values = None
	if not isinstance(values, dict):
		frappe.throw(_("This is no rule."))
	doc = frappe.get_doc({**values, "doctype": "Follow Up Rule"})
	about = customer_values([customer])[customer]
	try:
		text = fill(doc.description or "", {"customer": about, "event": _example_event(doc, about)})
	except Exception as error:
		frappe.throw(escape_html(str(error)), title=_("Text of the ToDo"))
	return {"text": frappe.utils.sanitize_html(f"<div>{text}</div>"), "about": _who(doc, customer)}


def _example_event(rule: "frappe.Document", customer: dict) -> dict:
	events = frappe.get_all(
		"Tiering Event",
		filters={"customer": customer["name"], "signal": ("in", rule.signals or ("",))},
		fields=["*"],
		order_by="name desc",
		limit=1,
	)
	if rule.trigger == "Signal" and events:
		return dict(events[0])
	detail = {"Key Date": str(getdate()), "Top of the Month": "1"}.get(rule.trigger)
	event = event_without_signal(rule, customer, detail, getdate())
	if rule.trigger == "Signal":
		event["signal"] = rule.signal
	return event


def _who(rule: "frappe.Document", customer: str) -> str:
	if rule.assign_to == "Role in Turn":
		return _("For the users with the role {0}, one after the other.").format(_(rule.role or ""))
	first = rule.user if rule.assign_to == "User" else rule.assign_to
	user = next(Owners([customer]).in_line(customer, first), None)
	return _("For {0}.").format(user) if user else _("For nobody: nobody is in charge of this customer.")


def _about(customers: set[str]) -> dict[str, dict]:
	"""What may be told of these customers: those that the session's user can read."""
	if not customers or not frappe.has_permission("Customer", "read"):
		return {}
	rows = frappe.get_list(
		"Customer",
		filters={"name": ("in", list(customers))},
		fields=[
			"name",
			"customer_name",
			"customer_tier",
			"annual_value",
			"last_order_date",
			"mobile_no",
			"email_id",
		],
		limit=len(customers),
	)
	colours = dict(frappe.get_all("Customer Tier", fields=["name", "colour"], as_list=True))
	return {
		row.name: {
			"customer_name": row.customer_name,
			"tier": row.customer_tier,
			"colour": colours.get(row.customer_tier) or "gray",
			"money": flt(row.annual_value),
			"last_order": format_date(row.last_order_date) if row.last_order_date else None,
			"mobile_no": row.mobile_no,
			"email_id": row.email_id,
		}
		for row in rows
	}


def _names(text: str) -> list[str]:
	try:
		names = json.loads(text)
	except (TypeError, ValueError):
		names = None
	if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
		frappe.throw(_("This is no list of ToDos."))
	return names[:MOST_BADGES]


def _currency() -> str | None:
	return frappe.db.get_single_value("Tiering Settings", "reporting_currency")
