"""Data Quality: what keeps tiering and outreach from working, and where one mends it.

Without the filter Problem a row a problem, the most pressing first; with it a row for each customer who has the problem,
who brings most first. Customers are those who are neither disabled nor internal and whom the user may read.
"""

from collections.abc import Callable

import frappe
from frappe import _
from frappe.utils import escape_html

from customer_tiering.customer_insights.data_quality import (
	Customers,
	Findings,
	Problem,
	first_contacts,
	form_urls,
	problems,
)
from customer_tiering.customer_insights.filters import column, currency_column, percent, text
from customer_tiering.tiering.chunks import rows_of


def execute(filters: dict | None = None) -> tuple:
	"""Columns, rows, message, chart (none) and summary. Filter: problem, one of the keys of data_quality.problems.

	Raises ValidationError for any other problem, PermissionError for a user who may read no customer.
	"""
	chosen = text(frappe._dict(filters or {}), "problem", _("Problem"))
	known, customers = problems(), Customers()
	if not chosen:
		rows = summary(known, customers)
		return summary_columns(), rows, None, None, figures(rows, customers)
	if chosen not in known:
		frappe.throw(
			_("{0}: {1} is not a value that this filter can have.").format(
				_("Problem"), escape_html(chosen[:140])
			),
			title=_("Problem"),
		)
	rows = behind(known[chosen], customers)
	return customer_columns(any(row["detail"] for row in rows)), rows, message(known[chosen])


def summary(known: dict[str, Problem], customers: Customers) -> list[dict]:
	"""A row a problem."""
	counts = customers.counts(known)
	return [
		{
			"problem": key,
			"label": problem.label,
			"why": problem.why,
			"customers": counts[key],
			"share": percent(counts[key], customers.number) or 0,
			"mend": problem.list_url if counts[key] else None,
		}
		for key, problem in known.items()
	]


def behind(problem: Problem, customers: Customers) -> list[dict]:
	"""The customers who have the problem."""
	found = customers.findings(problem)
	mend = places(problem, found)
	currency = frappe.get_cached_doc("Tiering Settings").get("reporting_currency")
	rows = [
		{
			**each,
			"currency": currency,
			"detail": found[each["customer"]].detail,
			"mend": mend(each["customer"]),
		}
		for each in about(list(found))
	]
	return sorted(rows, key=lambda each: (-each["annual_value"], each["customer_name"]))


def about(names: list[str]) -> list[dict]:
	return rows_of(
		"""SELECT name AS customer, COALESCE(customer_name, name) AS customer_name, customer_tier AS tier,
			COALESCE(annual_value, 0) AS annual_value, account_manager AS owner
		FROM `tabCustomer` WHERE name IN %(names)s""",
		names,
	)


def places(problem: Problem, found: Findings) -> Callable[[str], str]:
	"""What gives the address at which a customer's problem is mended."""
	customer_form, contact_form = form_urls("Customer"), form_urls("Contact")
	contacts = first_contacts(list(found)) if problem.on_contact else {}

	def place(customer: str) -> str:
		if found[customer].url:
			return found[customer].url
		if customer in contacts:
			return f"{contact_form(contacts[customer])}#{problem.on_contact}"
		return customer_form(customer) + (f"#{problem.field}" if problem.field else "")

	return place


def summary_columns() -> list[dict]:
	return [
		column("customers", _("Customers", context="Customer Tiering"), width=90),  # seen on a phone, too
		column("label", _("Problem"), "Data", 250),
		column("share", _("% of Customers"), "Percent", 130, precision=1),
		column("mend", _("Mend It"), "Data", 140, align="left"),
		column("why", _("Why It Matters"), "Data", 580),
	]


def customer_columns(detailed: bool) -> list[dict]:
	columns = [
		column("mend", _("Mend It"), "Data", 90, align="left"),
		column("customer", _("Customer"), "Link", 250, options="Customer"),
		column("tier", _("Tier"), "Data", 80),
		column("annual_value", _("Annual Value"), "Currency", 150),
		currency_column(),
		column("owner", _("Account Manager"), "Data", 220),
	]
	detail = column("detail", _("What Is Found"), "Data", 380, align="left")
	return [*columns, detail] if detailed else columns


def message(problem: Problem) -> str:
	return f'<div class="text-muted small">{escape_html(problem.why)}</div>'


def figures(rows: list[dict], customers: Customers) -> list[dict]:
	open_problems = sum(bool(each["customers"]) for each in rows)
	return [
		{"label": _("Customers", context="Customer Tiering"), "value": customers.number, "datatype": "Int"},
		{
			"label": _("Problems Found"),
			"value": open_problems,
			"datatype": "Int",
			"indicator": "Red" if open_problems else "Green",
		},
	]
