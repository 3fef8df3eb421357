"""Hands over the open follow-ups of somebody who leaves: to one user, or to the next in line for each customer."""

from collections.abc import Collection
from datetime import date

import frappe
from frappe import _
from frappe.utils import get_fullname, getdate

from customer_tiering.follow_up.hand_out import IN_TURN
from customer_tiering.tiering.owner import ACCOUNT_MANAGER, Owners


def hand_over(user: str, to: str | None = None, day: date | None = None) -> int:
	"""Reassign the user's open follow-ups to `to`, or to whoever is next in line; returns how many found somebody.

	Saves each ToDo, so that its events run. Commits one by one: many are locked only as long as one takes, and broken off it
	goes on from there. One that can't be saved is logged and stays.
	"""
	fields = ["name", "reference_name", "follow_up_rule"]
	todos = frappe.get_all("ToDo", filters=open_ones(user), fields=fields, order_by="date, name")
	owners = Owners({todo.reference_name for todo in todos}, day or getdate(), absent={user})
	first = first_choices({todo.follow_up_rule for todo in todos if todo.follow_up_rule})
	return sum(
		_reassigned(
			todo.name,
			user,
			to
			or next(
				owners.in_line(todo.reference_name, first.get(todo.follow_up_rule, ACCOUNT_MANAGER)), None
			),
		)
		for todo in todos
	)


def open_ones(user: str) -> dict:
	"""Filters for ToDos: the open follow-ups of a user, or ("") of nobody."""
	return {
		"allocated_to": user or ("is", "not set"),
		"status": "Open",
		"follow_up_key": ("is", "set"),
	}


def first_choices(rules: Collection[str]) -> dict[str, str]:
	"""Whom each rule asks first: a kind of owner, or a user's name. What goes round a role goes to the account manager."""
	rows = frappe.get_all(
		"Follow Up Rule", filters={"name": ("in", list(rules))}, fields=["name", "assign_to", "user"]
	)
	asked = {"User": lambda row: row.user, IN_TURN: lambda row: ACCOUNT_MANAGER}
	return {row.name: asked.get(row.assign_to, lambda row: row.assign_to)(row) for row in rows}


def hand_over_of_disabled(day: date) -> int:
	"""Of all users who were disabled. What nobody could take over stays where it is."""
	gone = frappe.db.sql(
		"""SELECT DISTINCT todo.allocated_to FROM `tabToDo` todo
		JOIN `tabUser` user ON user.name = todo.allocated_to AND user.enabled = 0
		WHERE todo.status = 'Open' AND COALESCE(todo.follow_up_key, '') != '' ORDER BY todo.allocated_to""",
		pluck=True,
	)
	return sum(hand_over(user, day=day) for user in gone)


def _reassigned(name: str, user: str, to: str | None) -> bool:
	try:
		done = bool(to) and _reassign(name, user, to)
		frappe.db.commit()
	except Exception:
		frappe.db.rollback()
		frappe.log_error(title="Follow-up not handed over", reference_doctype="ToDo", reference_name=name)
		return False
	return done


def _reassign(name: str, user: str, to: str) -> bool:
	todo = frappe.get_doc("ToDo", name, for_update=True)
	if todo.status != "Open" or (todo.allocated_to or "") != user:
		return False
	before = get_fullname(user) if user else _("nobody")
	todo.allocated_to = to
	todo.save(ignore_permissions=True)
	todo.add_comment("Info", _("Handed over from {0} to {1}.").format(before, get_fullname(to)))
	frappe.db.set_value("Follow Up", {"todo": name}, {"user": to, "told": 0}, update_modified=False)
	return True
