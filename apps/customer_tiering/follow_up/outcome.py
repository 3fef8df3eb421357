"""What came of a follow-up: kept on its ToDo, and told on the customer's timeline."""

import frappe
from frappe import _
from frappe.utils import escape_html, get_fullname

from customer_tiering.follow_up.settle import SETTLED

LOST = "Lost"
OUTCOMES = ("Reached", "Not Reached", "Order Expected", LOST)


def validate(todo: "frappe.Document", method: str | None = None) -> None:
	"""An outcome closes the ToDo; one that is opened again has none. Who says that a customer is lost says why."""
	before = todo.get_doc_before_save()
	if todo.status == "Open" and before and before.status != "Open":
		todo.follow_up_outcome = todo.follow_up_lost_reason = None
	if todo.get("follow_up_outcome") and todo.status == "Open":
		todo.status = "Closed"
	if todo.get("follow_up_outcome") == LOST and not (todo.follow_up_lost_reason or "").strip():
		frappe.throw(_("Say in a word why the customer is lost."), title=_("Lost Reason"))
	if todo.get("follow_up_outcome") != LOST:
		todo.follow_up_lost_reason = None


def on_update(todo: "frappe.Document", method: str | None = None) -> None:
	"""A comment on the customer. A withdrawn rule or customer must not keep anybody from closing a ToDo."""
	before = todo.get_doc_before_save()
	outcome = todo.get("follow_up_outcome")
	if not outcome or outcome == SETTLED or (before and before.get("follow_up_outcome") == outcome):
		return
	if todo.reference_type != "Customer" or not frappe.db.exists("Customer", todo.reference_name):
		return
	about = _(outcome, context="ToDo")
	if todo.follow_up_lost_reason:
		about += f" ({todo.follow_up_lost_reason})"
	text = _("Follow-up by {0}: {1}").format(get_fullname(frappe.session.user), about)
	frappe.get_doc("Customer", todo.reference_name).add_comment("Info", escape_html(text))
