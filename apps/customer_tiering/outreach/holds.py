"""Why a message can't go now. It is deferred with the reason on the touch, and tried again."""

from datetime import date, datetime, time

import frappe
from frappe import _
from frappe.utils import add_days

from customer_tiering.outreach.business import hold_for_business
from customer_tiering.outreach.clock import opens_at
from customer_tiering.outreach.crowd import CAP_DAYS, Crowd
from customer_tiering.outreach.deferral import Deferral


def hold(
	customer: "frappe.Document", sequence: "frappe.Document", address: str, moment: datetime, crowd: Crowd
) -> None:
	"""Raise Deferral if nothing may go to this customer, or this address, at this moment."""
	if customer.is_frozen or customer.name in crowd.busy:
		hold_for_business(customer, sequence, moment.date())
	if not crowd.written_to.isdisjoint((customer.name.lower(), address.lower())):
		_hold_to_cap(customer, address, moment.date(), crowd)
	opening = opens_at(sequence, customer, moment, crowd)
	if opening > moment:
		raise Deferral(_("Outside the hours in which the sequence sends."), opening)


def _hold_to_cap(customer: "frappe.Document", address: str, day: date, crowd: Crowd) -> None:
	"""The tier's messages a month, over all sequences and channels, to the customer or the address."""
	tier = customer.customer_tier
	cap = frappe.get_cached_value("Customer Tier", tier, "monthly_contact_cap") if tier else 0
	if not cap:
		return
	days = crowd.days_of_messages(customer.name, address, add_days(day, -CAP_DAYS))
	if len(days) >= cap:
		raise Deferral(
			_("Customers in tier {0} get at most {1} messages in {2} days.").format(tier, cap, CAP_DAYS),
			datetime.combine(add_days(days[-cap], CAP_DAYS), time()),
		)
