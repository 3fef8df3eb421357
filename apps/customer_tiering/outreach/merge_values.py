"""The variables that a text may use; every one has a value for every customer."""

from datetime import date
from typing import TYPE_CHECKING

import frappe
from frappe.utils import add_days, date_diff, format_date, getdate

from customer_tiering.outreach.bought_together import goes_with
from customer_tiering.outreach.crowd import Crowd
from customer_tiering.tiering.points import points_of

if TYPE_CHECKING:
	from customer_tiering.outreach.offers import Promise

# Until when an offer is good that has no code.
OFFER_DAYS = 14

# With values that stand in when a template is checked.
SAMPLE = {
	"customer": {
		"name": "CUST-0001",
		"customer_name": "Example Ltd",
		"customer_tier": "B",
		"territory": "",
		"industry": "",
	},
	"contact_name": "Ms Example",
	"company": {"name": "Your Company", "address": ""},
	"last_order_date": "January 1, 2026",
	"days_since_order": 187,
	"last_item": "Example item",
	"goes_with": ["Example filter", "Example cleaner"],
	"offer_code": "OFFER-EXAMP-LE234",
	"offer_discount": "10%",
	"offer_end": "July 31, 2026",
	"offer_minimum": "",
	"offer_until": "July 31, 2026",
	"interests": ["Coffee machines"],
	"key_date": "your birthday",
	"loyalty_points": 120,
	"messages_sent": 3,
	"rep_name": "Your sales team",
	"tier_benefits": "Free delivery.",
	"survey_url": "https://example.com/survey",
	"unsubscribe_url": "https://example.com/unsubscribe",
}


def in_words(day: date | str) -> str:
	"""As everybody reads it alike: 06-12 is in June here, and in December there."""
	return format_date(getdate(day), "long")


def merge_values(
	customer: "frappe.Document",
	contact_name: str | None,
	as_of: date,
	unsubscribe_url: str,
	promise: "Promise | None" = None,
	survey_url: str = "",
	crowd: Crowd | None = None,
	messages_sent: int = 0,
	key_date: str = "",
) -> dict:
	"""The variables that a template knows, for one customer; every one has a fallback. Those of the offer are empty without one."""
	crowd = crowd or Crowd([customer.name], as_of)
	last_invoice = crowd.last_invoices.get(customer.name) or frappe._dict()
	rep = crowd.users.get(crowd.owner_of(customer.name))
	company = crowd.company_of(customer.name)
	return {
		"customer": {field: customer.get(field) or "" for field in SAMPLE["customer"]},
		"contact_name": contact_name or customer.customer_name,
		"company": {"name": company, "address": crowd.address_of(company)},
		"last_order_date": in_words(customer.last_order_date) if customer.last_order_date else "",
		"days_since_order": date_diff(as_of, customer.last_order_date) if customer.last_order_date else "",
		"last_item": crowd.top_items.get(last_invoice.name, ""),
		"goes_with": goes_with(last_invoice.name) if crowd.has_associations else [],
		"offer_code": promise.code if promise else "",
		"offer_discount": promise.discount if promise else "",
		"offer_end": in_words(promise.end) if promise else "",
		"offer_minimum": promise.minimum if promise else "",
		"offer_until": in_words(promise.end if promise else add_days(as_of, OFFER_DAYS)),
		"interests": crowd.interests.get(customer.name, []),
		"key_date": key_date,
		"loyalty_points": points_of(customer.name, as_of).points if customer.loyalty_program else 0,
		"messages_sent": messages_sent,
		"rep_name": rep.full_name if rep else company,
		"tier_benefits": _benefits(customer.customer_tier),
		"survey_url": survey_url,
		"unsubscribe_url": unsubscribe_url,
	}


def _benefits(tier: str | None) -> str:
	return frappe.db.get_value("Customer Tier", tier, "benefits", cache=True) or "" if tier else ""
