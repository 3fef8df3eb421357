"""Hands over the open follow-ups of somebody who leaves: to one user, or to the next in line for each customer."""

from collections.abc import Collection
from datetime import date

import frappe
from frappe import _
from frappe.utils import get_fullname, getdate

from customer_tiering.follow_up.assignees import Assignees
from customer_tiering.tiering.capacity import Capacity
from customer_tiering.tiering.owner import Owners


def hand_over(user: str, to: str | None = None, day: date | None = None, within_room: bool = False) -> int:
	"""Reassign the user's open follow-ups to `to`, or as their rules say to whoever is next; returns how many found somebody.

	`user` "": those of nobody. `within_room`: only as many as those who get them have room for on that day, and they take it.
	Saves each ToDo, so that its events run. Commits one by one: many are locked only as long as one takes, and broken off it
	goes on from there. One that can't be saved is logged and stays.
	"""
	day = day or getdate()
	fields = ["name", "reference_name", "follow_up_rule"]
	todos = frappe.get_all("ToDo", filters=open_ones(user), fields=fields, order_by="date, name")
	if not todos:
		return 0
	capacity = Capacity(day)
	owners = Owners({todo.reference_name for todo in todos}, day, absent={user, *capacity.away})
	assignees = Assignees(_rules({todo.follow_up_rule for todo in todos}), owners, capacity)
	mark = {"told": 0, **({"handed_out_on": day} if within_room else {})}
	handed_over = 0
	for todo in todos:
		new = to or assignees.user_for(todo.follow_up_rule, todo.reference_name)
		if not new or (within_room and not capacity.has_room(new)):
			continue
		if _reassigned(todo.name, user, new, mark):
			capacity.take(new)
			handed_over += 1
	_remember(assignees)
	return handed_over


def _rules(names: Collection[str | None]) -> list[frappe._dict]:
	return frappe.get_all(
		"Follow Up Rule",
		filters={"name": ("in", list(filter(None, names)))},
		fields=["name", "assign_to", "user", "role", "last_user"],
	)


def _remember(assignees: Assignees) -> None:
	for rule, turn in assignees.turns.items():
		frappe.db.set_value("Follow Up Rule", rule, "last_user", turn.last, update_modified=False)


def open_ones(user: str) -> dict:
	"""Filters for ToDos: the open follow-ups of a user, or ("") of nobody."""
	return {
		"allocated_to": user or ("is", "not set"),
		"status": "Open",
		"follow_up_key": ("is", "set"),
	}


def hand_over_of_disabled(day: date) -> int:
	"""Of all users who were disabled, or may not use the Desk any more. What nobody could take over stays where it is."""
	gone = frappe.db.sql(
		"""SELECT DISTINCT todo.allocated_to FROM `tabToDo` todo
		JOIN `tabUser` user ON user.name = todo.allocated_to
			AND (user.enabled = 0 OR user.user_type != 'System User')
		WHERE todo.status = 'Open' AND COALESCE(todo.follow_up_key, '') != '' ORDER BY todo.allocated_to""",
		pluck=True,
	)
	return sum(hand_over(user, day=day) for user in gone)


def _reassigned(name: str, user: str, to: str, mark: dict) -> bool:
	try:
		done = _reassign(name, user, to, mark)
		frappe.db.commit()
	except Exception:
		frappe.db.rollback()
		frappe.log_error(title="Follow-up not handed over", reference_doctype="ToDo", reference_name=name)
		return False
	return done


def _reassign(name: str, user: str, to: str, mark: dict) -> bool:
	todo = frappe.get_doc("ToDo", name, for_update=True)
	if todo.status != "Open" or (todo.allocated_to or "") != user:
		return False
	before = get_fullname(user) if user else _("nobody")
	todo.allocated_to = to
	todo.save(ignore_permissions=True)
	todo.add_comment("Info", _("Handed over from {0} to {1}.").format(before, get_fullname(to)))
	frappe.db.set_value("Follow Up", {"todo": name}, {"user": to, **mark}, update_modified=False)
	return True
