"""The addresses of many customers at once, and what is wrong with them. `recipients` has the last word when a message goes out."""

from collections.abc import Collection
from typing import NamedTuple

import frappe
from frappe import _

from customer_tiering.outreach.suppress import stopped_addresses
from customer_tiering.tiering.chunks import rows_of


class Reach(NamedTuple):
	customer_name: str
	email: str | None
	mobile: str | None
	stopped: bool

	def address(self, channel: str) -> str | None:
		return {"Email": self.email, "SMS": self.mobile}.get(channel)

	def problem(self, channel: str) -> str | None:
		if channel == "Email" and not self.email:
			return _("The customer has no e-mail address.")
		if channel == "SMS" and not self.mobile:
			return _("The customer has no mobile number.")
		return _("Unsubscribed") if channel == "Email" and self.stopped else None


def where_to(customers: Collection[str]) -> dict[str, Reach]:
	stopped = stopped_addresses()
	found = {}
	for row in _read(customers):
		email = (row.contact_email or row.email_id or "").strip().lower() or None
		found[row.name] = Reach(
			row.customer_name, email, row.contact_mobile or row.mobile_no, email in stopped
		)
	return found


def _read(names: Collection[str]) -> list[frappe._dict]:
	"""The contact that `recipients` would take: the primary one first, then the oldest."""
	return rows_of(
		"""SELECT customer.name, customer.customer_name, customer.email_id, customer.mobile_no,
			SUBSTRING_INDEX(GROUP_CONCAT(NULLIF(contact.email_id, '') ORDER BY
				contact.name = customer.customer_primary_contact DESC, contact.is_primary_contact DESC, contact.creation
				SEPARATOR '\\n'), '\\n', 1) AS contact_email,
			SUBSTRING_INDEX(GROUP_CONCAT(NULLIF(contact.mobile_no, '') ORDER BY
				contact.name = customer.customer_primary_contact DESC, contact.is_primary_contact DESC, contact.creation
				SEPARATOR '\\n'), '\\n', 1) AS contact_mobile
		FROM `tabCustomer` customer
		LEFT JOIN `tabDynamic Link` link ON link.link_doctype = 'Customer' AND link.link_name = customer.name
			AND link.parenttype = 'Contact'
		LEFT JOIN `tabContact` contact ON contact.name = link.parent
		WHERE customer.name IN %(names)s
		GROUP BY customer.name""",
		sorted(names),
	)
