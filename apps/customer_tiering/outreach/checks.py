"""Whether a step can be carried out: its template or text is filled in with sample values."""

import frappe
from frappe import _
from frappe.utils import escape_html

from customer_tiering.outreach.merge_values import SAMPLE
from customer_tiering.outreach.render import RenderError, render, render_text
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
			mail = render(frappe.get_doc("Email Template", step.email_template), SAMPLE, step.preview_text)
			if enabled and TO_WRITE in mail.html:
				return _("the template {0} still says what is to be written there.").format(
					frappe.bold(step.email_template)
				)
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
		if step.channel == "Email":
			return _("the template {0} can't be filled in: {1}").format(
				frappe.bold(step.email_template), escape_html(str(error))
			)
		return _("the text can't be filled in: {0}").format(escape_html(str(error)))
	return None
