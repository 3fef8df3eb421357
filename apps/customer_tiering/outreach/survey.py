"""What a customer answers behind the signed link of a message: a Customer Feedback, without a login, and nothing a guesser could learn.

A link is good for one answer: who answers again corrects it.
"""

import frappe
from frappe import _
from frappe.utils import nowdate

from customer_tiering.outreach.answered import tell_of_answer
from customer_tiering.outreach.exits import leave_if_due
from customer_tiering.outreach.touch_link import comes_too_often, link_of, refuse, say, touch_behind

PAGE = "survey"
PURPOSE = "survey"
FEEDBACK = "Customer Feedback"
SOURCE = "Web Form"
SCORES = tuple(map(str, range(11)))
LONGEST = 2000


def survey_url(touch: str) -> str:
	return link_of(PAGE, PURPOSE, touch)


def touch_of(token: object) -> str | None:
	"""The touch whose link carries this token, None for a forged one."""
	return touch_behind(token, PURPOSE)


def given_before(touch: str) -> dict:
	"""What was answered by this link already, to be corrected: score, reason and comment."""
	fields = ["score", "reason", "comment"]
	return frappe.db.get_value(FEEDBACK, {"touch": touch}, fields, as_dict=True) or {}


def reasons() -> list[str]:
	return frappe.get_all("Feedback Reason", {"disabled": 0}, pluck="name", order_by="position, name")


# What is written is escaped wherever it is shown: escaped before it is kept, it would be so twice.
@frappe.whitelist(allow_guest=True, xss_safe=True, methods=["POST"])
def answer(t: object = None, score: object = None, reason: object = None, comment: object = None) -> None:
	"""Note what the customer says. What is none of the choices is left out; thanks are the same whatever is found behind the link."""
	touch = touch_of(t)
	if not touch:
		refuse()
		return
	if comes_too_often(PURPOSE, touch):
		return
	given = {
		"score": score if score in SCORES else "",
		"reason": reason if reason in reasons() else None,
		"comment": comment.strip()[:LONGEST] if isinstance(comment, str) else "",
	}
	if any(given.values()):
		_note(touch, given)
	say(
		_("Thank you"),
		_("Your answer has reached us. You may open the link again to correct it."),
		touch,
		back=f"/{PAGE}/{t}",
	)


def _note(touch: str, given: dict) -> None:
	customer = frappe.db.get_value(
		"Outreach Touch", touch, "customer", for_update=True
	)  # one answer at a time
	if not customer or not frappe.db.exists("Customer", customer):
		return
	name = frappe.db.get_value(FEEDBACK, {"touch": touch})
	feedback = frappe.get_doc(FEEDBACK, name) if name else frappe.get_doc(doctype=FEEDBACK, touch=touch)
	feedback.update({"customer": customer, "feedback_date": nowdate(), "source": SOURCE, **given})
	feedback.save(ignore_permissions=True)
	tell_of_answer(feedback)
	leave_if_due(customer)
