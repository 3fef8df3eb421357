"""Which companies' orders count: the one place, for facts, explanations and reports."""

import frappe

from customer_tiering.engine.policy import Policy


def counted_companies(policy: Policy) -> dict[str, str]:
	"""The companies whose orders count, with the currency that each keeps its books in.

	Those that the policy names, as far as they still exist; all where it names none.
	"""
	chosen = {"name": ("in", policy.companies)} if policy.companies else {}
	rows = frappe.get_all("Company", filters=chosen, fields=["name", "default_currency"], order_by="name")
	return {row.name: row.default_currency for row in rows}


def companies_left_out(policy: Policy) -> list[str]:
	"""The companies whose orders don't count, because the policy names others."""
	counted = counted_companies(policy)
	return [name for name in frappe.get_all("Company", order_by="name", pluck="name") if name not in counted]
