"""Where a message to a customer goes."""

from typing import NamedTuple

import frappe

from customer_tiering.outreach.crowd import Crowd


class Recipient(NamedTuple):
	"""An address (or a telephone number) and whose it is."""

	address: str
	name: str | None


def recipient_of(customer: "frappe.Document", crowd: Crowd | None = None) -> Recipient | None:
	"""The primary contact's address, else the first contact's that has one; None if there is no address at all.

	`crowd`: what is known of a batch in which the customer is.
	"""
	for contact in _contacts(customer, crowd):
		if contact.email_id:
			return Recipient(contact.email_id.strip().lower(), contact.full_name or contact.first_name)
	return Recipient(customer.email_id.strip().lower(), None) if customer.email_id else None


def mobile_of(customer: "frappe.Document", crowd: Crowd | None = None) -> Recipient | None:
	"""The mobile number in the same order; None if there is none."""
	for contact in _contacts(customer, crowd):
		if contact.mobile_no:
			return Recipient(contact.mobile_no.strip(), contact.full_name or contact.first_name)
	return Recipient(customer.mobile_no.strip(), None) if customer.mobile_no else None


def _contacts(customer: "frappe.Document", crowd: Crowd | None) -> list["frappe._dict"]:
	"""The primary one first."""
	return sorted(
		(crowd or Crowd([customer.name])).contacts.get(customer.name, ()),
		key=lambda c: (c.name != customer.customer_primary_contact, not c.is_primary_contact, c.creation),
	)
