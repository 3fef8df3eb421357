"""A step for one customer, sent to whoever asks instead."""

from collections.abc import Callable
from datetime import datetime

import frappe
from frappe import _
from frappe.utils import get_url

from customer_tiering.outreach import survey
from customer_tiering.outreach.channels import Target, sms, webhook
from customer_tiering.outreach.channels.email import answers_to, sender_of
from customer_tiering.outreach.crowd import Crowd
from customer_tiering.outreach.deferral import Deferral
from customer_tiering.outreach.failure import reason_of
from customer_tiering.outreach.key_date import example_for as example_of_key_date
from customer_tiering.outreach.offers import example_for
from customer_tiering.outreach.recipients import callee_of, mobile_of, recipient_of
from customer_tiering.outreach.render import (
	Mail,
	RenderError,
	merge_values,
	render,
	render_text,
	site_language,
)
from customer_tiering.outreach.steps import CALL
from customer_tiering.outreach.unsubscribe import PAGE
from customer_tiering.outreach.web_address import host_of


def rendered(step: "frappe.Document", customer: "frappe.Document", moment: datetime) -> dict:
	"""What the customer would get now: {"channel", "to", "subject", "html", "text"}. Raises ValidationError with the reason."""
	find = {"SMS": mobile_of, CALL: callee_of}.get(step.channel, recipient_of)
	recipient = find(customer, role=step.buying_role)
	to = " · ".join(filter(None, (recipient.name, recipient.address))) if recipient else ""
	with site_language():
		values = merge_values(
			customer,
			recipient and recipient.name,
			moment.date(),
			get_url(f"/{PAGE}/example"),
			example_for(step, customer, moment.date()),
			get_url(f"/{survey.PAGE}/example"),
			messages_sent=_messages_before(step),
			key_date=example_of_key_date(customer),
		)
		try:
			if step.channel == "Email":
				mail = render(
					frappe.get_doc("Email Template", step.email_template), values, step.preview_text
				)
				return {"channel": step.channel, "to": to, **mail._asdict()}
			return {"channel": step.channel, "to": to, "text": render_text(step.message or "", values)}
		except RenderError as error:
			frappe.throw(_("It can't be filled in for {0}: {1}").format(customer.name, str(error)))


def _messages_before(step: "frappe.Document") -> int:
	"""As many as go out if none is held back."""
	before = {
		"parent": step.parent,
		"channel": ("!=", "Call Task"),
		"day_offset": ("<", step.day_offset),
	}
	return len(set(frappe.get_all("Outreach Step", filters=before, pluck="step_key")))


def send_trial(
	sequence: "frappe.Document", step: "frappe.Document", customer: "frappe.Document", moment: datetime
) -> str:
	"""Send it to the session's user, at once; returns where to. Nothing is noted on the customer."""
	user = frappe.db.get_value("User", frappe.session.user, ["email", "mobile_no"], as_dict=True)
	content = rendered(step, customer, moment)
	if step.channel == "Email":
		mail = Mail(_("Test: {0}").format(content["subject"]), content["html"], content["text"])
		return _mail(mail, sequence, customer, user.email)
	if step.channel == "SMS":
		if not user.mobile_no:
			frappe.throw(_("Your user has no mobile number."))
		_hand_over(sms.send, user.mobile_no, content["text"])
		return user.mobile_no
	if step.channel == "Webhook":
		touch = frappe._dict(name=f"trial-{frappe.generate_hash(length=8)}")
		payload = webhook.payload(
			Target(
				customer,
				sequence,
				step,
				touch,
				moment,
				Crowd([customer.name], moment.date()),
				example_for(step, customer, moment.date()),
			)
		)
		_hand_over(_post, step, touch.name, frappe.as_json({**payload, "trial": True}))
		return host_of(step.webhook_url)
	frappe.throw(_("A call task is a ToDo; there is nothing to send."))


def _post(step: "frappe.Document", touch: str, text: str) -> None:
	webhook.send(webhook.usable_address(step), touch, text)


def _hand_over(send: Callable, *what: object) -> None:
	"""Whoever tries it is told what went wrong, and nothing of what the other side said."""
	try:
		send(*what)
	except Exception as error:
		frappe.throw(_("It could not be sent: {0}").format(reason_of(error)))


def _mail(mail: Mail, sequence: "frappe.Document", customer: "frappe.Document", address: str) -> str:
	# The framework's sender logs into a site when it is imported
	from customer_tiering.outreach.mail import queue_mail

	try:
		queue = queue_mail(
			mail,
			to=address,
			sender=sender_of(sequence),
			reply_to=answers_to(sequence, customer),
			customer=customer.name,
			now=True,
		)
	except Deferral as reason:
		frappe.throw(str(reason))
	if not queue:
		frappe.throw(_("The mail queue did not take the mail to {0}.").format(address))
	return address
