"""Two customers with one address are one reader, and so is one customer who is in a sequence twice."""

from datetime import date
from typing import TYPE_CHECKING

from frappe import _
from frappe.utils import add_days

from customer_tiering.outreach.channels import Skip
from customer_tiering.outreach.crowd import CAP_DAYS, Crowd

if TYPE_CHECKING:
	import frappe


def skip_if_reached(touch: "frappe.Document", address: str, day: date, crowd: Crowd) -> None:
	"""Raise Skip if this step went to the address lately, for whichever customer, or to this customer by another way in."""
	if crowd.written_to.isdisjoint((address.lower(), touch.customer.lower())):
		return
	other = crowd.who_got(touch, address, add_days(day, -CAP_DAYS))
	if other and other == touch.customer:
		raise Skip(_("The customer got it already, by another way into the sequence."))
	if other:
		raise Skip(_("The same address got it already, as {0}.").format(other))
