"""Whether a sequence has still a way to write to a customer: who left one channel stays for the other one."""

from collections.abc import Collection

import frappe

from customer_tiering.outreach.crowd import Crowd
from customer_tiering.outreach.recipients import mobile_of, recipient_of
from customer_tiering.outreach.suppress import stopped_among, stopped_customers
from customer_tiering.tiering.chunks import chunks

EMAIL, SMS = "Email", "SMS"
FEW = 100  # about so many are asked without reading all that is on the lists


def usual_addresses(
	sequence: "frappe.Document", customer: "frappe.Document", crowd: Crowd | None = None
) -> list[str | None]:
	"""Where each channel of the sequence's steps usually reaches the customer, None for one that doesn't.

	Webhooks, and calls where there is nothing else, reach whom a mail would reach, without an address a text message.
	"""
	channels = {step.channel for step in sequence.steps}
	mail, mobile = recipient_of(customer, crowd), mobile_of(customer, crowd)
	ways = [mail] if EMAIL in channels else []
	if SMS in channels:
		ways.append(mobile)
	if "Webhook" in channels or not ways:
		ways.append(mail or mobile)
	return [way and way.address for way in ways]


def has_left(usual: Collection[str | None], stopped: Collection[str]) -> bool:
	"""Whether the addresses that get nothing leave no channel: one that stopped in a channel, be it another contact's that was
	written to, stops that channel.
	"""
	kinds = {"@" in address for address in stopped}
	return bool(stopped) and not any(address and ("@" in address) not in kinds for address in usual)


def who_left(sequence: "frappe.Document", customers: Collection[str]) -> set[str]:
	"""Those of the customers whom the sequence can't write to any more, by what is usual for them."""
	suspects = set(customers)
	if len(suspects) > FEW:
		suspects &= stopped_customers(sequence.name)
	return {name for some in chunks(sorted(suspects)) for name in _who_left(sequence, some)}


def _who_left(sequence: "frappe.Document", names: list[str]) -> set[str]:
	crowd = Crowd(names)
	usual = {row.name: usual_addresses(sequence, row, crowd) for row in crowd.customers.values()}
	addresses = {address for each in usual.values() for address in each if address}
	stopped = stopped_among(addresses, sequence.name) | crowd.unsubscribed
	of_this = {"address": ("in", list(addresses)), "sequence": sequence.name}
	left_this = set(frappe.get_all("Outreach Suppression", of_this, pluck="address"))
	return {
		name
		for name, each in usual.items()
		if has_left(each, stopped.intersection(each)) or not left_this.isdisjoint(each)
	}
