"""Which addresses and numbers an enrollment's messages went to: whatever comes from there is an answer to them."""

from collections.abc import Collection

import frappe

from customer_tiering.outreach.crowd import REACHED

OWN_ADDRESS = ("Email", "SMS")  # a webhook's is that of another system


def reached(enrollments: Collection[str]) -> dict[str, set[str]]:
	"""By enrollment, in lower case."""
	found: dict[str, set[str]] = {}
	for touch in frappe.get_all(
		"Outreach Touch",
		filters={
			"enrollment": ("in", list(enrollments)),
			"channel": ("in", OWN_ADDRESS),
			"status": ("in", REACHED),
			"address": ("is", "set"),
		},
		fields=["enrollment", "address"],
	):
		found.setdefault(touch.enrollment, set()).add(touch.address.lower())
	return found
