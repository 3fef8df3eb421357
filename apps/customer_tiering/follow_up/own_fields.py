"""What makes a ToDo a follow-up is written by jobs alone: it shares the customer, and it ends another one's ToDo."""

import frappe

OWN = ("follow_up_key", "follow_up_rule", "follow_up_tries", "follow_up_tried_on")
ABOUT = ("reference_type", "reference_name")


def keep_own_fields(todo: "frappe.Document", method: str | None = None) -> None:
	"""Whatever a form or a request says, these stay as they are stored; nobody makes a follow-up by hand."""
	if todo.flags.ignore_permissions:
		return
	before = todo.get_doc_before_save()
	for field in OWN:
		todo.set(field, before.get(field) if before else None)
	for field in ABOUT if before and before.get("follow_up_key") else ():
		todo.set(field, before.get(field))
