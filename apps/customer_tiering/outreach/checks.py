"""Whether a step can be carried out: its template or text is filled in with sample values."""

import frappe
from frappe import _
from frappe.utils import escape_html

from customer_tiering.outreach.merge_values import SAMPLE
from customer_tiering.outreach.render import RenderError, render, render_text
from customer_tiering.outreach.tracked_links import track_links
from customer_tiering.outreach.unsubscribe import unsubscribe_url
from customer_tiering.outreach.web_address import is_usable

# Marks, in a seeded template, what is to be replaced before it is sent to anybody.
TO_WRITE = "data-to-write"


def problem_of(step: "frappe.Document", enabled: bool) -> str | None:
	"""What is wrong with the step of a sequence that is switched on, or isn't, in a sentence; None if nothing is."""
	if enabled and step.get("offer") and not frappe.db.get_value("Outreach Offer", step.offer, "enabled"):
		return _("the offer {0} is switched off. Look at its discounts, and switch it on first.").format(
			frappe.bold(step.offer)
		)
	try:
		if step.channel == "Email":
			if not step.email_template:
				return _("an Email Template is missing.")
			return _problem_of_mail(step, enabled)
		elif step.channel == "Webhook":
			if not (step.webhook_url or "").startswith(("https://", "http://")):
				return _("the webhook needs an address that begins with https://.")
			if not is_usable(step.webhook_url):
				return _("the webhook's address can't be used.")
			render_text(step.message or "", SAMPLE)
		elif not (step.message or "").strip():
			return _("the text is missing.")
		else:
			render_text(step.message, SAMPLE)
	except RenderError as error:
		return _("the text can't be filled in: {0}").format(escape_html(str(error)))
	return None


def _problem_of_mail(step: "frappe.Document", enabled: bool) -> str | None:
	try:
		mail = render(frappe.get_doc("Email Template", step.email_template), SAMPLE)
	except RenderError as error:
		return _("the template {0} can't be filled in: {1}").format(
			frappe.bold(step.email_template), escape_html(str(error))
		)
	try:
		render_text(step.preview_text or "", SAMPLE)
	except RenderError as error:
		return _("the preview text can't be filled in: {0}").format(escape_html(str(error)))
	if enabled and TO_WRITE in mail.html:
		return _("the template {0} still says what is to be written there.").format(
			frappe.bold(step.email_template)
		)
	return None


def has_link(step: "frappe.Document") -> bool:
	"""Whether what the step sends has a link on which clicks are counted."""
	if step.channel != "Email":
		return False
	values = {**SAMPLE, "unsubscribe_url": unsubscribe_url("example")}
	mail = render(frappe.get_doc("Email Template", step.email_template), values)
	return track_links(mail.html, "example")[1] > 0


def refuse_broken_template(template: "frappe.Document", method: str | None = None) -> None:
	"""Raise ValidationError if mails that go out now would come to nothing: a template of sequences or offers that are switched on
	can't be filled in, or still says what is to be written there.
	"""
	users = _who_sends(template.name)
	if not users:
		return
	try:
		problem = TO_WRITE in render(template, SAMPLE).html and _(
			"It still says what is to be written there."
		)
	except RenderError as error:
		problem = _("It can't be filled in: {0}").format(escape_html(str(error)))
	if problem:
		names = ", ".join(frappe.bold(escape_html(name)) for name in users)
		frappe.throw(
			f"{problem} {_('Mails with this text are being sent by {0}.').format(names)}",
			title=_("Not saved"),
		)


def _who_sends(template: str) -> list[str]:
	"""The sequences and offers that are switched on and use it."""
	steps = frappe.get_all(
		"Outreach Step", {"email_template": template, "parenttype": "Outreach Sequence"}, pluck="parent"
	)
	reminding = {"enabled": 1, "reminder_template": template}
	return [
		*_names("Outreach Sequence", {"enabled": 1, "name": ("in", steps)}),
		*_names("Outreach Offer", reminding),
	]


def _names(doctype: str, filters: dict) -> list[str]:
	return frappe.get_all(doctype, filters, pluck="name", order_by="name")
