"""Tells whoever looks after a customer what it has answered: the mails promise that somebody reads it."""

from html import unescape

import frappe
from frappe import _
from frappe.desk.doctype.notification_log.notification_log import make_notification_logs
from frappe.utils import escape_html

from customer_tiering.tiering.language import language_of, language_of_user
from customer_tiering.tiering.owner import owner_of


def tell_owner(feedback: "frappe.Document") -> None:
	"""A notification, as any other in the Desk; nobody gets one where the customer has no owner, which Data Quality shows."""
	customer = frappe.get_doc("Customer", feedback.customer)
	owner = owner_of(customer)
	if not owner:
		return
	with language_of(language_of_user(owner)):
		subject = _("{0} has answered: {1}").format(
			frappe.bold(escape_html(customer.customer_name)), escape_html(what_was_said(feedback))
		)
	make_notification_logs(
		frappe._dict(
			type="Alert",
			document_type=feedback.doctype,
			document_name=feedback.name,
			subject=subject,
			email_content=escape_html(unescape(feedback.comment or "")),
			from_user="Administrator",
		),
		[frappe.db.get_value("User", owner, "email")],
	)


def what_was_said(feedback: "frappe.Document | frappe._dict") -> str:
	"""Score, reason and the beginning of what was written, as far as they were given."""
	score = _("{0} of 10").format(feedback.score) if feedback.score else None
	reason = _(feedback.reason, context="Feedback Reason") if feedback.reason else None
	comment = unescape(
		frappe.utils.cstr(feedback.comment)
	)  # the framework escapes what has a "<" when it keeps it
	written = "“{}”".format(comment if len(comment) <= 100 else f"{comment[:99]}…") if comment else None
	return ", ".join(filter(None, (score, reason, written)))
