"""What came of a follow-up: kept on its ToDo, and told on the customer's timeline."""

from datetime import date

import frappe
from frappe import _
from frappe.utils import cint, escape_html, getdate

from customer_tiering.follow_up.escalate import tell_of_vain_tries
from customer_tiering.follow_up.holidays import working_days_ahead
from customer_tiering.follow_up.keys import ESCALATED, key_date_of
from customer_tiering.follow_up.settle import SETTLED

LOST, NOT_REACHED = "Lost", "Not Reached"
OUTCOMES = ("Reached", NOT_REACHED, "Order Expected", LOST)
MOST_TRIES = 3
# What a manager is told of as overdue is the rep's; after tries in vain it is the manager's own. For queries with values.
IS_OWN = f"""(todo.follow_up_key NOT LIKE '%%{ESCALATED}' OR EXISTS (
	SELECT 1 FROM `tabToDo` tried
	WHERE tried.follow_up_key = LEFT(todo.follow_up_key, CHAR_LENGTH(todo.follow_up_key) - {len(ESCALATED)})
		AND tried.status = 'Closed' AND tried.follow_up_outcome = '{NOT_REACHED}' AND tried.follow_up_tries >= {MOST_TRIES}))"""
# Sites that are older than the field have closed ones without it.
CLOSED_ON = "COALESCE(todo.follow_up_closed_on, DATE(todo.modified))"


def validate(todo: "frappe.Document", method: str | None = None) -> None:
	"""An outcome closes the ToDo, but for who is tried again; one that is opened again has none.

	Who says that a customer is lost says why.
	"""
	before = todo.get_doc_before_save()
	_refuse_settled(todo, before)
	if todo.status == "Open" and before and before.status != "Open":
		if before.get("follow_up_outcome") == NOT_REACHED:
			todo.follow_up_tries = max(0, cint(todo.follow_up_tries) - 1)
		todo.follow_up_outcome = todo.follow_up_lost_reason = todo.follow_up_note = None
	if before and cint(todo.get("follow_up_tries")) < cint(before.get("follow_up_tries")):
		todo.follow_up_tried_on = None
	if todo.get("follow_up_outcome") == NOT_REACHED and todo.status == "Open":
		_try_again(todo)
	if todo.get("follow_up_outcome") and todo.status == "Open":
		todo.status = "Closed"
	if todo.get("follow_up_outcome") == LOST and not (todo.follow_up_lost_reason or "").strip():
		frappe.throw(_("Say in a word why the customer is lost."), title=_("Lost Reason"))
	if todo.get("follow_up_outcome") != LOST:
		todo.follow_up_lost_reason = None
	_note_closing(todo, before)


def _note_closing(todo: "frappe.Document", before: "frappe.Document | None") -> None:
	"""When and by whom it was closed, whatever is edited later. `flags.closed` says it of one that was closed before."""
	closed = (None, None)
	if todo.status == "Closed" and before and before.status == "Closed":
		closed = (
			before.get("follow_up_closed_on") or getdate(before.modified),
			before.get("follow_up_closed_by"),
		)
	elif todo.status == "Closed":
		closed = todo.flags.closed or (getdate(), frappe.session.user)
	todo.follow_up_closed_on, todo.follow_up_closed_by = closed


def _refuse_settled(todo: "frappe.Document", before: "frappe.Document | None") -> None:
	was = before.get("follow_up_outcome") if before else None
	if todo.get("follow_up_outcome") == SETTLED != was and not todo.flags.settled:
		frappe.throw(_("A follow-up settles by itself: nobody can say so. Choose another outcome."))


def _try_again(todo: "frappe.Document") -> None:
	"""Some working days later, and later than it was due, unless it was tried often enough; on a key date no later than that day.

	What is said a second time on a day is no other try.
	"""
	days = cint(frappe.db.get_single_value("Tiering Settings", "try_again_after_days"))
	today, due = getdate(), getdate(todo.date or None)
	if days and todo.follow_up_tried_on and getdate(todo.follow_up_tried_on) == today:
		todo.follow_up_outcome = None
		return
	todo.follow_up_tries, todo.follow_up_tried_on = cint(todo.follow_up_tries) + 1, today
	if days and todo.follow_up_tries < MOST_TRIES:
		last = _key_date(todo)
		if last and last <= today:
			return
		rule = todo.get("follow_up_rule")
		again = max(working_days_ahead(today, days, rule), working_days_ahead(max(due, today), 1, rule))
		todo.date = min(again, last or again)
		todo.follow_up_outcome = None


def _key_date(todo: "frappe.Document") -> date | None:
	"""The day that it is about, after which nobody needs it."""
	about = frappe.db.get_value("Follow Up", {"todo": todo.name}, ["follow_up_key", "detail"])
	return key_date_of(*about) if about else None


def on_update(todo: "frappe.Document", method: str | None = None) -> None:
	"""A comment on the customer; taken back with the outcome. What a manager says ends the rep's ToDo, too.

	A withdrawn rule or customer must not keep anybody from closing a ToDo.
	"""
	before = todo.get_doc_before_save()
	if not before or todo.reference_type != "Customer" or not todo.get("follow_up_key"):
		return
	tries = cint(todo.follow_up_tries) - cint(before.follow_up_tries)
	if (before.status != "Open" and todo.status == "Open") or tries < 0:
		_take_back(todo)
		return
	outcome = todo.get("follow_up_outcome") or (NOT_REACHED if tries > 0 else None)
	if not outcome or outcome == SETTLED or (before.get("follow_up_outcome") == outcome):
		return
	if todo.status == "Closed" and _close_original(todo):
		return
	if todo.status == "Closed" and outcome == NOT_REACHED and todo.follow_up_tries >= MOST_TRIES:
		tell_of_vain_tries(todo)
	if frappe.db.exists("Customer", todo.reference_name):
		_comment(todo, outcome)


def _comment(todo: "frappe.Document", outcome: str) -> None:
	about = _(outcome, context="ToDo")
	if todo.follow_up_lost_reason:
		about += f" ({todo.follow_up_lost_reason})"
	if todo.follow_up_note:
		about += f". {todo.follow_up_note}"
	comment = frappe.get_doc("Customer", todo.reference_name).add_comment(
		"Info", escape_html(_("Follow-up: {0}").format(about))
	)
	comment.db_set("subject", todo.name, update_modified=False)  # by which it is found again


def _take_back(todo: "frappe.Document") -> None:
	"""What was said last on the timeline, and what the framework has just said: that the assignment was removed."""
	about = {"reference_doctype": "Customer", "reference_name": todo.reference_name}
	ours = {**about, "comment_type": "Info", "subject": todo.name}
	said = frappe.get_all("Comment", filters=ours, order_by="creation desc", limit=1, pluck="name")
	if todo.has_value_changed("status"):
		removed = {**about, "comment_type": "Assignment Completed"}
		said += frappe.get_all("Comment", filters=removed, order_by="creation desc", limit=1, pluck="name")
	for name in said:
		frappe.delete_doc("Comment", name, ignore_permissions=True, force=True)
	original = _original(todo)
	said = todo.get_doc_before_save().get("follow_up_outcome")
	if original and original.status == "Closed" and original.follow_up_outcome == said:
		original.status = "Open"
		original.save(ignore_permissions=True)
	_take_back_told(todo)


def _take_back_told(todo: "frappe.Document") -> None:
	"""A manager who was told that the rep has given up isn't any more; and it can be escalated again."""
	about = {"follow_up_key": f"{todo.follow_up_key}{ESCALATED}"}
	before = todo.get_doc_before_save()
	if before.get("follow_up_outcome") == NOT_REACHED:
		for name in frappe.get_all("ToDo", filters={**about, "status": "Open"}, pluck="name"):
			told = frappe.get_doc("ToDo", name, for_update=True)
			told.status = "Cancelled"
			told.save(ignore_permissions=True)
	frappe.db.set_value(
		"ToDo", {**about, "status": "Cancelled"}, "follow_up_key", None, update_modified=False
	)


def _close_original(todo: "frappe.Document") -> bool:
	original = _original(todo)
	if not original or original.status != "Open":
		return False
	for field in ("status", "follow_up_outcome", "follow_up_lost_reason", "follow_up_note"):
		original.set(field, todo.get(field))
	original.save(ignore_permissions=True)
	return True


def _original(todo: "frappe.Document") -> "frappe.Document | None":
	"""The rep's ToDo that an escalation is about."""
	key = todo.follow_up_key
	name = key.endswith(ESCALATED) and frappe.db.get_value(
		"ToDo", {"follow_up_key": key.removesuffix(ESCALATED)}
	)
	return frappe.get_doc("ToDo", name, for_update=True) if name else None
