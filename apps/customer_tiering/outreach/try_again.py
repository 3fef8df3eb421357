"""Touches that failed on their text, done once more when that has been mended: the same row, so that it is still one touch."""

import frappe
from frappe import _
from frappe.utils import getdate

from customer_tiering.outreach.reminders import ENDING
from customer_tiering.outreach.steps import DEFERRED

# A touch that has an address, or was attempted, was handed over: what became of it then is not for us to repeat.
FAILED_ON_ITS_TEXT = {
	"status": "Failed",
	"address": ("is", "not set"),
	"email_queue": ("is", "not set"),
	"attempts": 0,
}


def try_again(names: list[str]) -> dict:
	"""Put these touches back, to be done by the next dispatch; {"again": their number, "refused": [a sentence for each of the others]}."""
	refused = [reason for name in dict.fromkeys(names) if (reason := _put_back(name))]
	return {"again": len(dict.fromkeys(names)) - len(refused), "refused": refused}


def _put_back(name: str) -> str | None:
	"""Why not, in a sentence; None if it is done. The caller commits."""
	where = frappe.db.get_value("Outreach Touch", name, "enrollment")
	if not where or not frappe.db.exists("Outreach Enrollment", where):
		return _("The touch {0} is gone.").format(name)
	enrollment = frappe.get_doc("Outreach Enrollment", where, for_update=True)  # as the dispatcher does
	touch = frappe.get_doc("Outreach Touch", name, for_update=True)
	reason = _why_not(touch, enrollment)
	if not reason:
		touch.db_set({"status": DEFERRED, "reason": _("To be tried again."), "deferred_until": None})
		enrollment.db_set(
			{"status": "Active", "ended_on": None, "next_due_on": getdate(), "not_before": None}
		)
	return reason


def _why_not(touch: "frappe.Document", enrollment: "frappe.Document") -> str | None:
	customer = touch.customer
	if not frappe.db.exists("Outreach Touch", {"name": touch.name, **FAILED_ON_ITS_TEXT}):
		return _("{0}: only what failed before it was handed over can be tried again.").format(customer)
	if enrollment.status == "Exited":
		return _("{0} has left the sequence.").format(customer)
	other = {
		"customer": customer,
		"sequence": touch.sequence,
		"status": "Active",
		"name": ("!=", enrollment.name),
	}
	if frappe.db.exists("Outreach Enrollment", other):
		return _("{0} is in the sequence already.").format(customer)
	step = {"parent": touch.sequence, "step_key": touch.step.removesuffix(ENDING)}
	if not frappe.db.exists("Outreach Step", step):
		return _("{0}: the sequence has no such step any more.").format(customer)
	return None
