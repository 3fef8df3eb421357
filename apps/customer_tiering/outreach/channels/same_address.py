"""Two customers with one address are one reader."""

from datetime import date

import frappe
from frappe import _
from frappe.utils import add_days

from customer_tiering.outreach.channels import Skip
from customer_tiering.outreach.crowd import CAP_DAYS, Crowd
from customer_tiering.outreach.holds import REACHED


def skip_if_reached(touch: "frappe.Document", address: str, day: date, crowd: Crowd) -> None:
	"""Raise Skip if this step went to the address lately, for whichever customer."""
	if address.lower() not in crowd.written_to:
		return
	other = frappe.db.get_value(
		"Outreach Touch",
		{
			"address": address,
			"step": touch.step,
			"enrollment": ("!=", touch.enrollment),
			"status": ("in", REACHED),
			"touched_on": (">", add_days(day, -CAP_DAYS)),
			"customer": ("!=", touch.customer),
		},
		"customer",
	)
	if other:
		raise Skip(_("The same address got it already, as {0}.").format(other))
