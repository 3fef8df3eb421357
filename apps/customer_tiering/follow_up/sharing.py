"""Whoever is to follow up may read the customer, for as long as there is something to do."""

import frappe

from customer_tiering.follow_up.waiting import note_handed_out


def after_insert(todo: "frappe.Document", method: str | None = None) -> None:
	"""Of a follow-up that no run handed out (an escalation, a call of a sequence) the digest is to tell, too."""
	if _is_follow_up(todo) and not todo.flags.queued_together:
		note_handed_out(todo)


def on_update(todo: "frappe.Document", method: str | None = None) -> None:
	"""Share the customer with whom the ToDo comes to, and take that back from whom it leaves. Batches share by themselves."""
	if not _is_follow_up(todo) or todo.flags.queued_together:
		return
	before = todo.get_doc_before_save()
	had, has = (doc.allocated_to if doc and doc.status == "Open" else None for doc in (before, todo))
	if had == has:
		return
	if had:
		take_back(had, todo)
	if has:
		let_see(has, todo.reference_name, todo.follow_up_key)


def on_trash(todo: "frappe.Document", method: str | None = None) -> None:
	"""Who deletes the ToDo has nothing to do there any more, either."""
	if todo.allocated_to and _is_follow_up(todo):
		take_back(todo.allocated_to, todo)


def let_see(user: str, customer: str, key: str) -> None:
	"""As when somebody assigns by hand; noted with the Follow Up of this key."""
	if frappe.has_permission("Customer", "read", doc=customer, user=user):
		return
	if frappe.get_system_settings("disable_document_sharing"):
		return
	frappe.share.add_docshare("Customer", customer, user, flags={"ignore_share_permission": True})
	frappe.db.set_value("Follow Up", {"follow_up_key": key}, "shared_with", user, update_modified=False)


def take_back(user: str, todo: "frappe.Document") -> None:
	"""Our own share, unless another ToDo on the customer is open; who was given more than reading since keeps it."""
	customer = todo.reference_name
	ours = {"customer": customer, "shared_with": user}
	is_at_it = {
		"name": ("!=", todo.name),
		"reference_type": "Customer",
		"reference_name": customer,
		"allocated_to": user,
		"status": "Open",
	}
	if not frappe.db.exists("Follow Up", ours) or frappe.db.exists("ToDo", is_at_it):
		return
	reading = {
		"share_doctype": "Customer",
		"share_name": customer,
		"user": user,
		"write": 0,
		"submit": 0,
		"share": 0,
	}
	for share in frappe.get_all("DocShare", filters=reading, pluck="name"):
		frappe.delete_doc("DocShare", share, ignore_permissions=True, flags={"ignore_share_permission": True})
	frappe.db.set_value("Follow Up", ours, "shared_with", None, update_modified=False)


def _is_follow_up(todo: "frappe.Document") -> bool:
	return bool(
		todo.get("follow_up_key")
		and todo.reference_type == "Customer"
		and frappe.db.exists("Customer", todo.reference_name)
	)
