"""Hands over the follow-ups of somebody who leaves: to one user, or to the next in line for each customer; and takes that back."""

import json
from collections import Counter
from collections.abc import Collection
from datetime import date, datetime
from typing import NamedTuple

import frappe
from frappe import _
from frappe.utils import get_datetime, get_fullname, getdate, now_datetime

from customer_tiering.follow_up.assignees import Assignees, first_choice
from customer_tiering.follow_up.waiting import HANDED_OUT, WAITING
from customer_tiering.tiering.capacity import Capacity
from customer_tiering.tiering.lock import ends_the_job
from customer_tiering.tiering.owner import Owners


class Move(NamedTuple):
	"""A ToDo, or (`waits`) a Follow Up that has none yet, and who gets it."""

	name: str
	to: str
	waits: bool


class Plan(NamedTuple):
	"""What a hand-over comes to. `left`: those for whom nobody is found."""

	moves: list[Move]
	left: int
	assignees: Assignees | None = None

	def by_user(self) -> list[tuple[str, int]]:
		"""Who gets how many, the most first."""
		return Counter(move.to for move in self.moves).most_common()


def plan(user: str, to: str | None, day: date, within_room: bool = False, waiting: bool = False) -> Plan:
	"""Who would get the open follow-ups of a user, or ("") of nobody: `to`, or whoever is next by their rules; writes nothing.

	`waiting`: those, too, that wait for the user and aren't ToDos yet. `within_room`: only as many as those who get them have room
	for on that day.
	"""
	rows = [*_open(user), *(_waiting(user) if waiting else ())]
	if not rows:
		return Plan([], 0)
	capacity = Capacity(day)
	owners = Owners({row.customer for row in rows}, day, absent={user, *capacity.away})
	assignees = Assignees(_rules({row.rule for row in rows}), owners, capacity)
	moves = []
	for row in rows:
		new = to or assignees.user_for(row.rule, row.customer)
		if new and (not within_room or capacity.has_room(new)):
			capacity.take(new)
			moves.append(Move(row.name, new, row.waits))
	return Plan(moves, len(rows) - len(moves), assignees)


def hand_over(
	user: str,
	to: str | None = None,
	day: date | None = None,
	within_room: bool = False,
	waiting: bool = False,
	at: datetime | None = None,
) -> int:
	"""Do what `plan` says; returns how many found somebody. `at` names it, for `take_back`.

	`within_room`: they take the room of that day. Saves each ToDo, so that its events run. Commits one by one: many are locked
	only as long as one takes, and broken off it goes on from there. One that can't be saved is logged and stays.
	"""
	day = day or getdate()
	planned = plan(user, to, day, within_room, waiting)
	mark = {
		"told": 0,
		"handed_over_from": user or None,
		"handed_over_at": at or now_datetime(),
		**({"handed_out_on": day} if within_room else {}),
	}
	handed_over = sum(_moved(move, user, mark) for move in planned.moves)
	for rule, turn in planned.assignees.turns.items() if planned.assignees else ():
		frappe.db.set_value("Follow Up Rule", rule, "last_user", turn.last, update_modified=False)
	return handed_over


# The last one of each user, as far as it can be taken back: what nobody has done or given to others since.
LAST = """
	SELECT last.user, last.at, COUNT(*) AS number FROM (
		SELECT COALESCE(handed_over_from, '') AS user, MAX(handed_over_at) AS at FROM `tabFollow Up`
		WHERE handed_over_at IS NOT NULL GROUP BY COALESCE(handed_over_from, '')
	) last
	JOIN `tabFollow Up` follow_up ON follow_up.handed_over_at = last.at AND COALESCE(follow_up.handed_over_from, '') = last.user
	LEFT JOIN `tabToDo` todo ON todo.name = follow_up.todo AND todo.status = 'Open'
	WHERE follow_up.status = 'Waiting'
		OR (follow_up.status = 'Handed Out' AND follow_up.user != '' AND todo.allocated_to = follow_up.user)
	GROUP BY last.user, last.at
"""


def last_hand_overs() -> dict[str, tuple[datetime, int]]:
	"""By user ("": nobody) when the follow-ups were last handed over, and how many of these can be taken back."""
	return {row.user: (row.at, row.number) for row in frappe.db.sql(LAST, as_dict=True)}


def take_back(user: str, at: datetime | str) -> int:
	"""Give back to the user, or ("") to nobody, what was handed over then, and what nobody has done or given to others since; returns
	how many. Commits as `hand_over` does.
	"""
	mark = {"told": 1, "handed_over_from": None, "handed_over_at": None}
	return sum(
		_moved(Move(row.todo or row.name, user, row.status == WAITING), row.user or "", mark)
		for row in _to_take_back(user, get_datetime(at))
	)


def _handed_over(user: str) -> dict:
	return {"handed_over_from": user or ("is", "not set"), "handed_over_at": ("is", "set")}


def _to_take_back(user: str, at: datetime) -> list[frappe._dict]:
	rows = frappe.get_all(
		"Follow Up",
		filters={**_handed_over(user), "handed_over_at": at, "status": ("in", (WAITING, HANDED_OUT))},
		fields=["name", "todo", "status", "user"],
		order_by="name",
	)
	names = [row.todo for row in rows if row.todo]
	is_open = {"name": ("in", names), "status": "Open"}
	holders = dict(frappe.get_all("ToDo", filters=is_open, fields=["name", "allocated_to"], as_list=True))
	return [row for row in rows if row.status == WAITING or (row.user and holders.get(row.todo) == row.user)]


def count(user: str) -> int:
	"""How many there are to hand over, those that wait for the user included."""
	return frappe.db.count("ToDo", open_ones(user)) + len(_waiting(user))


def open_ones(user: str) -> dict:
	"""Filters for ToDos: the open follow-ups of a user, or ("") of nobody."""
	return {
		"allocated_to": user or ("is", "not set"),
		"status": "Open",
		"follow_up_key": ("is", "set"),
	}


def _open(user: str) -> list[frappe._dict]:
	fields = ["name", "reference_name as customer", "follow_up_rule as rule"]
	rows = frappe.get_all("ToDo", filters=open_ones(user), fields=fields, order_by="date, name")
	return [frappe._dict(row, waits=False) for row in rows]


WAIT_FOR = """
	SELECT name, customer, rule, user FROM `tabFollow Up`
	WHERE status = 'Waiting' AND COALESCE(user, '') IN ('', %(user)s) ORDER BY due_from, name
"""


def _waiting(user: str) -> list[frappe._dict]:
	"""Those that wait for the user's room; and those of which no run has said yet for whom they wait, but that are the user's, or
	("") nobody's.
	"""
	rows = frappe.db.sql(WAIT_FOR, {"user": user}, as_dict=True)
	unsaid = [row for row in rows if not row.user]
	rules = {rule.name: rule for rule in _rules({row.rule for row in unsaid})}
	owners = Owners({row.customer for row in unsaid})
	return [
		frappe._dict(row, waits=True)
		for row in rows
		if row.user or next(owners.in_line(row.customer, _first(rules.get(row.rule))), "") == user
	]


def _first(rule: frappe._dict | None) -> str:
	return first_choice(rule or frappe._dict())


def _rules(names: Collection[str | None]) -> list[frappe._dict]:
	return frappe.get_all(
		"Follow Up Rule",
		filters={"name": ("in", list(filter(None, names)))},
		fields=["name", "assign_to", "user", "role", "last_user"],
	)


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


def _moved(move: Move, user: str, mark: dict) -> bool:
	try:
		done = _wait_for(move, user, mark) if move.waits else _reassign(move, user, mark)
		frappe.db.commit()
	except Exception as error:
		frappe.db.rollback()
		if ends_the_job(error):
			raise
		frappe.log_error(
			title="Follow-up not handed over", reference_doctype="ToDo", reference_name=move.name
		)
		return False
	return done


def _wait_for(move: Move, user: str, mark: dict) -> bool:
	"""The next run gives it to whom it waits for now, as soon as there is room."""
	name = frappe.db.get_value("Follow Up", {"name": move.name, "status": WAITING}, for_update=True)
	if name:
		values = {**_in_chain(name, mark), "told": 0, "user": move.to}
		values["handed_to"] = move.to if values["handed_over_at"] else None  # else as if it had never been
		frappe.db.set_value("Follow Up", name, values, update_modified=False)
	return bool(name)


def _reassign(move: Move, user: str, mark: dict) -> bool:
	todo = frappe.get_doc("ToDo", move.name, for_update=True)
	if todo.status != "Open" or (todo.allocated_to or "") != user:
		return False
	before, after = (get_fullname(each) if each else _("nobody") for each in (user, move.to))
	todo.allocated_to = move.to or None
	todo.save(ignore_permissions=True)
	todo.add_comment("Info", _("Handed over from {0} to {1}.").format(before, after))
	name = frappe.db.get_value("Follow Up", {"todo": move.name})
	if name:  # what a manager was told of has none
		values = {"user": move.to or None, **_in_chain(name, mark)}
		frappe.db.set_value("Follow Up", name, values, update_modified=False)
	return True


def _in_chain(name: str, mark: dict) -> dict:
	"""What is to be marked, the hand-overs before it kept: they are taken back one by one, the last one first."""
	fields = ["handed_over_from", "handed_over_at", "handed_over_before"]
	last_from, last_at, before = frappe.db.get_value("Follow Up", name, fields)
	chain = json.loads(before or "[]")
	if mark["handed_over_at"] and last_at:
		chain.append([last_from, str(last_at)])
	elif not mark["handed_over_at"] and chain:
		mark = {**mark, **dict(zip(fields, chain.pop(), strict=False))}
	return {**mark, "handed_over_before": json.dumps(chain) if chain else None}
