"""A text message over the gateway of Frappe's SMS Settings. It leaves after the touch is committed."""

import frappe
from frappe import _

from customer_tiering.outreach.channels import Target
from customer_tiering.outreach.channels.same_address import skip_if_reached
from customer_tiering.outreach.consent import ask_consent
from customer_tiering.outreach.deferral import Deferral
from customer_tiering.outreach.holds import hold
from customer_tiering.outreach.recipients import mobile_of
from customer_tiering.outreach.render import merge_values, render_text
from customer_tiering.outreach.survey import survey_url
from customer_tiering.outreach.unsubscribe import unsubscribe_url


def prepare(target: Target) -> dict[str, str]:
	customer, sequence, step, touch, moment, crowd, promise, _outbox = target
	recipient = mobile_of(customer, crowd)
	if not recipient:
		raise Deferral(_("The customer has no mobile number."))
	if not frappe.db.get_single_value("SMS Settings", "sms_gateway_url"):
		raise Deferral(_("SMS Settings have no gateway."))
	skip_if_reached(touch, recipient.address, moment.date(), crowd)
	ask_consent(customer.name, "SMS", recipient.address, crowd)
	hold(customer, sequence, recipient.address, moment, crowd)
	values = merge_values(
		customer,
		recipient.name,
		moment.date(),
		unsubscribe_url(touch.name),
		promise,
		survey_url(touch.name),
		crowd,
	)
	return {"status": "Queued", "address": recipient.address, "text": render_text(step.message, values)}


def send(address: str, text: str) -> None:
	"""Hand it to the gateway; raises whatever that raises."""
	from frappe.core.doctype.sms_settings.sms_settings import send_sms

	send_sms([address], text, success_msg=False)
