"""What a report may count for the user who asks: customers, companies, a period; and how its rows are put together."""

from datetime import date

import frappe
from frappe import _
from frappe.desk.reportview import build_match_conditions
from frappe.permissions import get_allowed_docs_for_doctype, get_user_permissions
from frappe.utils import add_days, add_months, cint, escape_html, formatdate, getdate
from frappe.utils.nestedset import get_descendants_of

# The colours that a Customer Tier can have, as charts want them.
COLOURS = {
	"blue": "#2490ef",
	"green": "#30a66d",
	"orange": "#e8833a",
	"yellow": "#e5b318",
	"red": "#e03636",
	"purple": "#8a5cf5",
	"pink": "#e34aa6",
	"cyan": "#2fb5d8",
	"gray": "#98a1a9",
}


def visible_customers() -> str:
	"""A condition on `tabCustomer`: the customers that the session's user may read.

	Roles, User Permissions, shares and permission queries count, as in a list. Raises PermissionError for a user who
	may read no customer at all. A customer who was deleted is visible to those only whom nothing restricts.
	"""
	condition = build_match_conditions("Customer")
	if not condition:
		return "1 = 1"
	return f"`tabCustomer`.name IN (SELECT name FROM `tabCustomer` WHERE {condition})"


def reporting_currency() -> str:
	"""The currency of Tiering Settings; raises ValidationError if there is none."""
	currency = frappe.db.get_single_value("Tiering Settings", "reporting_currency")
	if not currency:
		frappe.throw(_("Choose a Reporting Currency in Tiering Settings first."))
	return currency


def counted_companies(currency: str, company: str | None = None) -> list[str]:
	"""Companies whose invoices count: those that keep their books in this currency and that the user may see.

	Only the given one, if one is given; raises ValidationError if that one doesn't count.
	"""
	companies = frappe.get_all(
		"Company", filters={"default_currency": currency}, pluck="name", order_by="name"
	)
	restrictions = get_user_permissions(frappe.session.user).get("Company")
	if restrictions:
		allowed = get_allowed_docs_for_doctype(restrictions, "Sales Invoice")
		companies = [name for name in companies if name in allowed] if allowed else companies
	if not company:
		return companies
	if company not in companies:
		frappe.throw(
			_("{0} can't be counted: it doesn't keep its books in {1}, or you may not see it.").format(
				frappe.bold(escape_html(company)), currency
			),
			title=_("Company"),
		)
	return [company]


def companies_left_out(currency: str) -> int:
	"""How many companies keep their books in another currency."""
	return frappe.db.count("Company", {"default_currency": ("!=", currency)})


def period(filters: dict) -> tuple[date, date]:
	"""From Date and To Date, both included; the 12 months that end today where they are missing."""
	to_date = getdate(filters.get("to_date"))
	start = filters.get("from_date") or add_days(add_months(to_date, -12), 1)
	from_date = getdate(start)
	if from_date > to_date:
		frappe.throw(_("From Date must not be after To Date."), title=_("From Date"))
	return from_date, to_date


def with_descendants(doctype: str, name: str) -> list[str]:
	"""A Territory or Customer Group and all below it."""
	return [name, *get_descendants_of(doctype, name, ignore_permissions=True)]


def tiers() -> list[frappe._dict]:
	"""Every Customer Tier, the best first: name, colour."""
	return frappe.get_all("Customer Tier", fields=["name", "colour"], order_by="entry_value desc, name")


def ratio(part: float, whole: float) -> float | None:
	"""part ÷ whole; None where there is nothing to divide by."""
	return part / whole if whole else None


def percent(part: float, whole: float) -> float | None:
	"""part ÷ whole × 100; None where there is nothing to divide by."""
	return 100 * part / whole if whole else None


def whole(value: float | None) -> int:
	"""A count that SQL gave as a decimal, or as NULL for no rows."""
	return cint(value)


def column(fieldname: str, label: str, fieldtype: str = "Int", width: int = 110, **more: object) -> dict:
	"""A column of a report; money is in the currency that the row names."""
	if fieldtype == "Currency":
		more["options"] = "currency"
	return {"fieldname": fieldname, "label": label, "fieldtype": fieldtype, "width": width, **more}


def explain(summary: str, details: list[str]) -> str:
	"""The message above a report: a sentence, and how the numbers are counted for whoever opens it. Plain texts."""
	items = "".join(f"<li>{escape_html(detail)}</li>" for detail in details)
	return (
		f'<div class="text-muted small" style="max-width: 75em">{escape_html(summary)}'
		f"<details><summary>{escape_html(_('How the numbers are counted'))}</summary>"
		f'<ul style="margin: 4px 0 0; padding-left: 1.5em">{items}</ul></details></div>'
	)


def period_text(from_date: date, to_date: date) -> str:
	return _("{0} to {1}").format(formatdate(from_date), formatdate(to_date))
