"""Where a message to a customer goes."""

from typing import NamedTuple

import frappe

from customer_tiering.outreach.address import mail_address, phone_number
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
		if address := mail_address(contact.email_id):
			return Recipient(address, _name(contact), contact.buying_role or None)
	address = mail_address(customer.email_id)
	return Recipient(address, None) if address else None


def unusable_address(customer: "frappe.Document", crowd: Crowd | None = None) -> str | None:
	"""What stands where an address should, and isn't one: words, or several addresses."""
	typed = [*(contact.email_id for contact in _contacts(customer, crowd, None)), customer.email_id]
	return next((text for text in typed if text and not mail_address(text)), None)


def mobile_of(
	customer: "frappe.Document", crowd: Crowd | None = None, role: str | None = None
) -> Recipient | None:
	"""The mobile number in the same order; None if there is none."""
	for contact in _contacts(customer, crowd, role):
		if number := phone_number(contact.mobile_no):
			return Recipient(number, _name(contact), contact.buying_role or None)
	number = phone_number(customer.mobile_no)
	return Recipient(number, None) if number else None


def as_typed(customer: str, number: str) -> str:
	"""The mobile number as the customer's contacts have it: some gateways know only numbers of their own country."""
	rows = [
		*Crowd([customer]).contacts.get(customer, ()),
		frappe.db.get_value("Customer", customer, ["mobile_no"], as_dict=True) or frappe._dict(),
	]
	typed = (row.mobile_no.strip() for row in rows if row.mobile_no and phone_number(row.mobile_no) == number)
	return next(typed, number)


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
