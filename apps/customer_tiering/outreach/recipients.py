"""Where a message to a customer goes."""

from typing import NamedTuple

import frappe

from customer_tiering.outreach.crowd import Crowd


class Recipient(NamedTuple):
	"""An address (or a telephone number), whose it is, and that person's buying role."""

	address: str
	name: str | None
	role: str | None = None


def recipient_of(
	customer: "frappe.Document", crowd: Crowd | None = None, role: str | None = None
) -> Recipient | None:
	"""The address of the contact with this buying role, else the primary contact's, else the first contact's that has one; None if
	there is no address at all.

	`crowd`: what is known of a batch in which the customer is.
	"""
	for contact in _contacts(customer, crowd, role):
		if contact.email_id:
			return Recipient(contact.email_id.strip().lower(), _name(contact), contact.buying_role or None)
	return Recipient(customer.email_id.strip().lower(), None) if customer.email_id else None


def mobile_of(
	customer: "frappe.Document", crowd: Crowd | None = None, role: str | None = None
) -> Recipient | None:
	"""The mobile number in the same order; None if there is none."""
	for contact in _contacts(customer, crowd, role):
		if contact.mobile_no:
			return Recipient(contact.mobile_no.strip(), _name(contact), contact.buying_role or None)
	return Recipient(customer.mobile_no.strip(), None) if customer.mobile_no else None


def callee_of(
	customer: "frappe.Document", crowd: Crowd | None = None, role: str | None = None
) -> Recipient | None:
	"""Whom to ask for on the telephone: the contact with the role, also without a mobile number; else as `mobile_of`."""
	first = next(iter(_contacts(customer, crowd, role)), None)
	if role and first and first.buying_role == role:
		return Recipient((first.mobile_no or "").strip(), _name(first), role)
	return mobile_of(customer, crowd)


def _contacts(customer: "frappe.Document", crowd: Crowd | None, role: str | None) -> list["frappe._dict"]:
	"""Those with the role first, then the primary one, then the oldest."""
	return sorted(
		(crowd or Crowd([customer.name])).contacts.get(customer.name, ()),
		key=lambda c: (
			bool(role) and c.buying_role != role,
			c.name != customer.customer_primary_contact,
			not c.is_primary_contact,
			c.creation,
		),
	)


def _name(contact: "frappe._dict") -> str | None:
	return contact.full_name or contact.first_name
