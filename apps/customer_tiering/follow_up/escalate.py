"""Tells a manager about a follow-up that is overdue, or that was tried in vain: with a ToDo of his or her own, once. What is overdue
ends with the rep's, and the rep's with it."""

from collections.abc import Callable
from datetime import date

import frappe
from frappe import _
from frappe.utils import add_days, escape_html, format_date, get_fullname, getdate

from customer_tiering.follow_up.holidays import is_day_off
from customer_tiering.follow_up.keys import ESCALATED
from customer_tiering.tiering.capacity import Capacity
from customer_tiering.tiering.language import language_of
from customer_tiering.tiering.lock import ends_the_job
from customer_tiering.tiering.owner import Owners

OVERDUE = f"""
	SELECT todo.name, todo.follow_up_key, todo.follow_up_rule, todo.allocated_to, todo.reference_name AS customer,
		todo.date, todo.description, rule.escalate_to
	FROM `tabToDo` todo
	JOIN `tabFollow Up Rule` rule ON rule.name = todo.follow_up_rule AND rule.escalate_after_days > 0
	WHERE todo.status = 'Open' AND todo.reference_type = 'Customer'
		AND todo.follow_up_key NOT LIKE '%%{ESCALATED}'
		AND todo.date < DATE_SUB(%(day)s, INTERVAL rule.escalate_after_days - 1 DAY)
		AND NOT EXISTS (
			SELECT 1 FROM `tabToDo` told WHERE told.follow_up_key = CONCAT(todo.follow_up_key, '{ESCALATED}'))
	ORDER BY todo.date, todo.name
"""


def escalate(day: date) -> int:
	"""Make the managers' ToDos; returns how many. Commits one by one. Where no manager is found, nothing happens; what doesn't
	fit into a manager's day, and what comes up on a holiday of its rule, is told on the next one.
	"""
	rows = frappe.db.sql(OVERDUE, {"day": day}, as_dict=True)
	if not rows:
		return 0
	capacity = Capacity(day)
	owners = Owners({row.customer for row in rows}, day, absent=capacity.away)
	off = {rule for rule in {row.follow_up_rule for row in rows} if is_day_off(day, rule)}
	escalated = 0
	for row in rows:
		manager = _manager(row, owners)
		if row.follow_up_rule in off or not manager or not capacity.has_room(manager):
			continue
		if _escalated(row, manager, day):
			capacity.take(manager)
			escalated += 1
	return escalated


def tell_of_vain_tries(todo: "frappe.Document") -> None:
	"""Of a rule that escalates: the rep's ToDo has been closed, and what comes next is up to the manager. Once."""
	rule = todo.follow_up_rule and frappe.db.get_value(
		"Follow Up Rule", todo.follow_up_rule, ["escalate_after_days", "escalate_to"], as_dict=True
	)
	if (
		not rule
		or not rule.escalate_after_days
		or todo.follow_up_key.endswith(ESCALATED)
		or who_was_told(todo)
	):
		return
	row = frappe._dict(todo.as_dict(), customer=todo.reference_name, escalate_to=rule.escalate_to)
	manager = _manager(row, Owners([row.customer]))
	if manager:
		_insert(
			row,
			manager,
			getdate(),
			lambda who: _("Not reached in {0} tries, by {1}:").format(todo.follow_up_tries, who),
		)


def who_was_told(todo: "frappe.Document") -> str | None:
	"""The manager who has an open ToDo about this one."""
	told = {"follow_up_key": f"{todo.follow_up_key}{ESCALATED}", "status": "Open"}
	return frappe.db.get_value("ToDo", told, "allocated_to")


def _manager(row: frappe._dict, owners: Owners) -> str | None:
	found = (
		row.escalate_to,
		row.allocated_to and owners.manager_of(row.allocated_to),
		owners.default,
	)
	return next((user for user in found if owners.works(user) and user != row.allocated_to), None)


def _escalated(row: frappe._dict, manager: str, day: date) -> bool:
	try:
		_insert(
			row,
			manager,
			day,
			lambda who: _("Overdue since {0}, with {1}:").format(format_date(add_days(row.date, 1)), who),
		)
		frappe.db.commit()
	except Exception as error:
		frappe.db.rollback()
		if ends_the_job(error):
			raise
		frappe.log_error(title="Follow-up not escalated", reference_doctype="ToDo", reference_name=row.name)
		return False
	return True


def _insert(row: frappe._dict, manager: str, day: date, why: Callable[[str], str]) -> None:
	with language_of(frappe.db.get_value("User", manager, "language")):
		who = get_fullname(row.allocated_to) if row.allocated_to else _("nobody")
		reason = why(who)
	frappe.get_doc(
		doctype="ToDo",
		status="Open",
		allocated_to=manager,
		description=f"<p><b>{escape_html(reason)}</b></p>{row.description}",
		reference_type="Customer",
		reference_name=row.customer,
		priority="High",
		date=day,
		follow_up_rule=row.follow_up_rule,
		follow_up_key=f"{row.follow_up_key}{ESCALATED}",
	).insert(ignore_permissions=True)
