"""What sequences did with a customer, and what the customer has answered, on the customer's timeline."""

from collections.abc import Callable, Iterator

import frappe
from frappe import _
from frappe.utils import escape_html

from customer_tiering.outreach.answered import what_was_said

SHOWN = 50
ICONS = {"Email": "mail", "SMS": "small-message", "Call Task": "call", "Webhook": "link-url"}
ENROLLMENT = ["sequence", "status", "exit_reason", "creation", "modified"]
TOUCH = ["sequence", "channel", "subject", "status", "first_opened_on", "first_clicked_on", "creation"]
FEEDBACK = ["score", "reason", "comment", "creation"]
SAID = ("Queued", "Sent", "In Doubt", "Failed")


def outreach_of(doctype: str, name: str) -> list[dict]:
	"""The latest entries, exits, messages and answers, as the form's timeline takes them; nothing that the reader may not see."""
	of_customer = {"customer": name}
	return [
		*_lines("Outreach Enrollment", {**of_customer, "is_holdout": 0}, ENROLLMENT, _of_enrollment),
		*_lines("Outreach Touch", {**of_customer, "status": ("in", SAID)}, TOUCH, _of_touch),
		*_lines("Customer Feedback", of_customer, FEEDBACK, _of_feedback),
	]


def _lines(doctype: str, filters: dict, fields: list[str], told: Callable) -> Iterator[dict]:
	if not frappe.has_permission(doctype, "read"):
		return
	rows = frappe.get_list(doctype, filters=filters, fields=fields, order_by="creation desc", limit=SHOWN)
	for row in rows:
		for icon, moment, content in told(row):
			yield {"icon": icon, "creation": moment, "content": content}


def _of_enrollment(row: frappe._dict) -> Iterator[tuple]:
	sequence = f"<b>{escape_html(row.sequence)}</b>"
	yield "branch", row.creation, _("Entered the sequence {0}").format(sequence)
	if row.status == "Exited":
		reason = _(row.exit_reason, context="Outreach Enrollment")
		yield "branch", row.modified, _("Left the sequence {0}: {1}").format(sequence, reason)


def _of_touch(row: frappe._dict) -> Iterator[tuple]:
	about = [_(row.status, context="Outreach Touch"), escape_html(row.sequence)]
	if row.first_clicked_on or row.first_opened_on:
		about.insert(1, _("clicked") if row.first_clicked_on else _("opened"))
	what = f"{_(row.channel, context='Outreach Step')}{': ' if row.subject else ''}<b>{escape_html(row.subject or '')}</b>"
	yield ICONS[row.channel], row.creation, f"{what} <span class='text-muted'>({', '.join(about)})</span>"


def _of_feedback(row: frappe._dict) -> Iterator[tuple]:
	yield "comment", row.creation, _("Feedback: {0}").format(escape_html(what_was_said(row)))
