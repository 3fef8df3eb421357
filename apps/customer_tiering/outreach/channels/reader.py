"""Whether the reader behind an address may get a message now."""

from frappe import _

from customer_tiering.outreach.channels import Skip, Target
from customer_tiering.outreach.channels.same_address import skip_if_reached
from customer_tiering.outreach.consent import ask_consent
from customer_tiering.outreach.holds import hold
from customer_tiering.outreach.suppress import is_suppressed


def ask_for(target: Target, address: str) -> None:
	"""Raises Skip for who got it already or wants none, Deferral where consent is missing or something else comes first."""
	customer, crowd = target.customer, target.crowd
	if address.lower() in crowd.stopped and is_suppressed(address, customer.name, target.sequence.name):
		raise Skip(_("{0} has unsubscribed, or mails to it came back.").format(address))
	skip_if_reached(target.touch, address, target.moment.date(), crowd)
	ask_consent(customer.name, target.step.channel, address, crowd)
	hold(customer, target.sequence, address, target.moment, crowd)
