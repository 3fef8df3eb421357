"""Whether the reader behind an address may get a message now."""

from customer_tiering.outreach.channels import Target
from customer_tiering.outreach.channels.same_address import skip_if_reached
from customer_tiering.outreach.consent import ask_consent
from customer_tiering.outreach.holds import hold


def ask_for(target: Target, address: str) -> None:
	"""Raises Skip for who got it already, Deferral where consent is missing or something else comes first."""
	customer, crowd = target.customer, target.crowd
	skip_if_reached(target.touch, address, target.moment.date(), crowd)
	ask_consent(customer.name, target.step.channel, address, crowd)
	hold(customer, target.sequence, address, target.moment, crowd)
