"""Whose law applies to a message."""

import frappe

from customer_tiering.outreach.clock import country_of
from customer_tiering.outreach.crowd import Crowd

EVERYWHERE = "Everywhere"


def law_country(customer: str, crowd: Crowd | None = None) -> str | None:
	"""Of a customer without an address one takes it that the law of the site's country applies."""
	return country_of(customer, crowd) or _own_country()


def _own_country() -> str | None:
	company = frappe.defaults.get_global_default("company")
	country = frappe.db.get_value("Company", company, "country", cache=True) if company else None
	return country or frappe.db.get_single_value("System Settings", "country")
