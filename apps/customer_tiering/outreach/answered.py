"""Tells whoever looks after a customer what it has answered, or that it has left: the mails promise that somebody reads it."""

from collections.abc import Callable
from html import unescape

import frappe
from frappe import _
from frappe.desk.doctype.notification_log.notification_log import make_notification_logs
from frappe.utils import escape_html

from customer_tiering.tiering.language import language_of, language_of_user
from customer_tiering.tiering.owner import owner_of

WORTH_KNOWING = ("Replied", "Unsubscribed", "Bounced")


def tell_of_answer(feedback: "frappe.Document") -> None:
	_tell_owner(
		feedback.customer,
		lambda who: _("{0} has answered: {1}").format(who, escape_html(what_was_said(feedback))),
		feedback,
		escape_html(_written(feedback)),
	)


def tell_of_leaving(enrollment: "frappe.Document", reason: str) -> None:
	"""Where the reason is one for whoever looks after the customer to act on; an answer to a survey is told by itself."""
	answer = {"customer": enrollment.customer, "source": "Web Form", "creation": (">", enrollment.creation)}
	if reason not in WORTH_KNOWING or (reason == "Replied" and frappe.db.exists("Customer Feedback", answer)):
		return
	_tell_owner(
		enrollment.customer,
		lambda who: _("{0} left the sequence {1}: {2}").format(
			who, escape_html(enrollment.sequence), _(reason, context="Outreach Enrollment")
		),
		frappe._dict(doctype="Customer", name=enrollment.customer),
	)


def _tell_owner(
	customer: str, say: Callable[[str], str], about: "frappe.Document | frappe._dict", content: str = ""
) -> None:
	"""A notification, as any other in the Desk; nobody gets one where the customer has no owner, which Data Quality shows."""
	document = frappe.get_doc("Customer", customer)
	owner = owner_of(document)
	if not owner:
		return
	with language_of(language_of_user(owner)):
		subject = say(frappe.bold(escape_html(document.customer_name)))
	make_notification_logs(
		frappe._dict(
			type="Alert",
			document_type=about.doctype,
			document_name=about.name,
			subject=subject,
			email_content=content,
			from_user="Administrator",
		),
		[frappe.db.get_value("User", owner, "email")],
	)


def what_was_said(feedback: "frappe.Document | frappe._dict") -> str:
	"""Score, reason and the beginning of what was written, as far as they were given."""
	score = _("{0} of 10").format(feedback.score) if feedback.score else None
	reason = _(feedback.reason, context="Feedback Reason") if feedback.reason else None
	comment = _written(feedback)
	written = "“{}”".format(comment if len(comment) <= 100 else f"{comment[:99]}…") if comment else None
	return ", ".join(filter(None, (score, reason, written)))


def _written(feedback: "frappe.Document | frappe._dict") -> str:
	"""As the customer wrote it: the framework escapes what has a "<" when it keeps it."""
	return unescape(feedback.comment or "")
