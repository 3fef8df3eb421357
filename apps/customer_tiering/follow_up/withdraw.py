"""Takes back the ToDos of signals whose cause is gone: an order that was cancelled, a document dated back."""

import frappe
from frappe import _

VOIDED = """
	SELECT todo.name FROM `tabToDo` todo
	JOIN `tabTiering Event` void ON void.voids = SUBSTRING(todo.follow_up_key, CHAR_LENGTH(todo.follow_up_rule) + 2)
	WHERE todo.status = 'Open' AND COALESCE(todo.follow_up_key, '') != ''
	ORDER BY todo.name
"""


def withdraw_follow_ups() -> int:
	"""Cancel the open ToDos of void signals, each with a comment that says why; returns how many."""
	return sum(_withdrawn(name) for name in frappe.db.sql(VOIDED, pluck=True))


def _withdrawn(name: str) -> bool:
	"""One that can't be saved is logged, so that the others don't wait for it for ever."""
	try:
		_withdraw(name)
		frappe.db.commit()
	except Exception:
		frappe.db.rollback()
		frappe.log_error(title="Follow-up not withdrawn", reference_doctype="ToDo", reference_name=name)
		return False
	return True


def _withdraw(name: str) -> None:
	todo = frappe.get_doc("ToDo", name, for_update=True)
	if todo.status == "Open":
		todo.status = "Cancelled"
		todo.save(ignore_permissions=True)
		todo.add_comment(
			"Info",
			_(
				"What this follow-up was about is not so any more: an order was cancelled, returned or dated back."
			),
		)


def after_rename(customer: "frappe.Document", method: str, old: str, new: str, merge: bool = False) -> None:
	"""The keys of ToDos carry the customer's name."""
	frappe.db.sql(
		"""UPDATE IGNORE `tabToDo`
		SET follow_up_key = CONCAT(follow_up_rule, '|', %(new)s, SUBSTRING(
			follow_up_key, CHAR_LENGTH(CONCAT(follow_up_rule, '|', %(old)s)) + 1))
		WHERE reference_type = 'Customer' AND reference_name = %(new)s
			AND LEFT(follow_up_key, CHAR_LENGTH(CONCAT(follow_up_rule, '|', %(old)s, '|'))) = CONCAT(follow_up_rule, '|', %(old)s, '|')""",
		{"old": old, "new": new},
	)


def after_rule_renamed(rule: "frappe.Document", method: str, old: str, new: str, merge: bool = False) -> None:
	"""The keys of ToDos carry the rule's name, too."""
	frappe.db.sql(
		"""UPDATE IGNORE `tabToDo` SET follow_up_key = CONCAT(%(new)s, SUBSTRING(follow_up_key, CHAR_LENGTH(%(old)s) + 1))
		WHERE follow_up_rule = %(new)s AND LEFT(follow_up_key, CHAR_LENGTH(%(old)s) + 1) = CONCAT(%(old)s, '|')""",
		{"old": old, "new": new},
	)
