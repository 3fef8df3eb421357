"""What sequences did with a customer, and what the customer has answered, on the customer's timeline."""

from collections.abc import Callable, Iterator

import frappe
from frappe import _
from frappe.utils import escape_html, get_datetime, get_fullname

from customer_tiering.outreach.answered import what_was_said
from customer_tiering.outreach.enter import BACKLOG, HAND

SHOWN = 50
ICONS = {"Email": "mail", "SMS": "small-message", "Call Task": "call", "Webhook": "link-url"}
ENROLLMENT = ["sequence", "source", "status", "exit_reason", "owner", "creation", "modified_by", "modified"]
TOUCH = [
	"sequence",
	"channel",
	"subject",
	"status",
	"first_opened_on",
	"first_clicked_on",
	"sent_at",
	"creation",
]
CODE = ["coupon_code", "redeemed_doctype", "redeemed_in", "redeemed_on"]
FEEDBACK = ["score", "reason", "comment", "creation"]
SAID = ("Queued", "Sent", "In Doubt", "Failed")


def outreach_of(doctype: str, name: str) -> list[dict]:
	"""The latest entries, exits, messages and answers, as the form's timeline takes them; nothing that the reader may not see."""
	of_customer = {"customer": name}
	return [
		*_lines("Outreach Enrollment", {**of_customer, "is_holdout": 0}, ENROLLMENT, _of_enrollment),
		*_lines("Outreach Touch", {**of_customer, "status": ("in", SAID)}, TOUCH, _of_touch),
		*_lines("Outreach Touch", {**of_customer, "redeemed_in": ("is", "set")}, CODE, _of_code),
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
	entered = _("Entered the sequence {0}").format(sequence)
	if row.source in (HAND, BACKLOG):
		entered = _("{0} started the sequence {1}").format(_name(row.owner), sequence)
	yield "branch", row.creation, entered
	if row.status == "Exited":
		reason = _(row.exit_reason, context="Outreach Enrollment")
		left = _("Left the sequence {0}: {1}").format(sequence, reason)
		if row.exit_reason == "By Hand":
			left = _("{0} took the customer out of the sequence {1}").format(_name(row.modified_by), sequence)
		yield "branch", row.modified, left


def _name(user: str) -> str:
	return escape_html(get_fullname(user))


def _of_touch(row: frappe._dict) -> Iterator[tuple]:
	about = [_(row.status, context="Outreach Touch"), escape_html(row.sequence)]
	if row.first_clicked_on or row.first_opened_on:
		about.insert(1, _("clicked") if row.first_clicked_on else _("opened"))
	what = f"{_(row.channel, context='Outreach Step')}{': ' if row.subject else ''}<b>{escape_html(row.subject or '')}</b>"
	when = row.sent_at or row.creation  # which is when it was due first
	yield ICONS[row.channel], when, f"{what} <span class='text-muted'>({', '.join(about)})</span>"


def _of_code(row: frappe._dict) -> Iterator[tuple]:
	order = f"{_(row.redeemed_doctype)} <b>{escape_html(row.redeemed_in)}</b>"
	used = _("Redeemed the code {0} with {1}").format(f"<b>{escape_html(row.coupon_code)}</b>", order)
	yield "tag", get_datetime(row.redeemed_on), used


def _of_feedback(row: frappe._dict) -> Iterator[tuple]:
	yield "comment", row.creation, _("Feedback: {0}").format(escape_html(what_was_said(row)))
