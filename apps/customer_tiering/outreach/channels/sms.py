"""A text message over the gateway of Frappe's SMS Settings. It leaves after the touch is committed."""

import frappe
from frappe import _

from customer_tiering.outreach.channels import Target
from customer_tiering.outreach.channels.reader import ask_for
from customer_tiering.outreach.channels.texts import values_for
from customer_tiering.outreach.deferral import Deferral
from customer_tiering.outreach.recipients import Recipient, mobile_of
from customer_tiering.outreach.render import render_text


def reader(target: Target) -> Recipient:
	"""Who gets it."""
	recipient = mobile_of(target.customer, target.crowd, target.step.get("buying_role"))
	if not recipient:
		raise Deferral(_("The customer has no mobile number."))
	if not frappe.db.get_single_value("SMS Settings", "sms_gateway_url"):
		raise Deferral(_("SMS Settings have no gateway."))
	ask_for(target, recipient.address)
	return recipient


def prepare(target: Target) -> dict[str, str]:
	recipient = reader(target)
	text = render_text(target.step.message, values_for(target, recipient.name))
	return {"status": "Queued", "address": recipient.address, "text": text}


def send(address: str, text: str) -> None:
	"""Hand it to the gateway; raises whatever that raises."""
	from frappe.core.doctype.sms_settings.sms_settings import send_sms

	send_sms([address], text, success_msg=False)
