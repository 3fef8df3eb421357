"""A stand-in for ERPNext, for tests and evaluation only. It is not ERPNext and shares no code with it."""

import frappe

__version__ = "15.0.0"


def get_default_company(user: str | None = None) -> str | None:
	"""The company of the user's defaults, else the one of Global Defaults."""
	chosen = frappe.defaults.get_user_default_as_list("company", user or frappe.session.user)
	return chosen[0] if chosen else frappe.db.get_single_value("Global Defaults", "default_company")


def get_company_currency(company: str) -> str | None:
	return frappe.get_cached_value("Company", company, "default_currency")


def get_default_currency() -> str | None:
	company = get_default_company()
	return get_company_currency(company) if company else None
