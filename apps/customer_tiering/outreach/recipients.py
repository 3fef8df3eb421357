"""Where a mail to a customer goes, and where it must not."""

from typing import NamedTuple

import frappe


class Recipient(NamedTuple):
	address: str
	name: str | None


def recipient_of(customer: "frappe.Document") -> Recipient | None:
	"""The primary contact's address, else the first contact's that has one; None if there is no address at all."""
	contacts = _contacts(customer.name)
	contacts.sort(
		key=lambda c: (c.name != customer.customer_primary_contact, not c.is_primary_contact, c.creation)
	)
	for contact in contacts:
		if contact.email_id:
			return Recipient(contact.email_id.strip().lower(), contact.full_name or contact.first_name)
	return Recipient(customer.email_id.strip().lower(), None) if customer.email_id else None


def is_suppressed(address: str, customer: str) -> bool:
	"""Whether this address must get no mail of ours: ours to suppress, the framework's, or the contact's own mark."""
	this_customer = {"reference_doctype": "Customer", "reference_name": customer}
	return bool(
		frappe.db.exists("Outreach Suppression", {"address": address})
		or frappe.db.exists("Email Unsubscribe", {"email": address, "global_unsubscribe": 1})
		or frappe.db.exists("Email Unsubscribe", {"email": address, **this_customer})
		or frappe.db.exists("Contact", {"email_id": address, "unsubscribed": 1})
	)


def _contacts(customer: str) -> list[frappe._dict]:
	return frappe.get_all(
		"Contact",
		filters=[
			["Dynamic Link", "link_doctype", "=", "Customer"],
			["Dynamic Link", "link_name", "=", customer],
		],
		fields=["name", "email_id", "full_name", "first_name", "is_primary_contact", "creation"],
		distinct=True,
	)
