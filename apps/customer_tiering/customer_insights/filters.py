"""What a report may count for the user who asks: customers, companies, a period; and how its rows are put together."""

import unicodedata
from datetime import date

import frappe
from frappe import _
from frappe.desk.reportview import build_match_conditions
from frappe.utils import cint, escape_html, formatdate, getdate
from frappe.utils.nestedset import get_descendants_of

from customer_tiering.engine.policy import Policy
from customer_tiering.engine.window import window_start
from customer_tiering.tiering.companies import companies_left_out, counted_companies
from customer_tiering.tiering.orders import ORDER
from customer_tiering.tiering.permissions import hidden_companies

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


def rules() -> Policy:
	"""What of the policy says which orders count and what they are worth; raises ValidationError without a currency."""
	settings = frappe.get_cached_doc("Tiering Settings")
	if not settings.reporting_currency:
		frappe.throw(_("Choose a Reporting Currency in Tiering Settings first."))
	chosen = {key: settings.get(key) for key in ("orders_from", "measure") if settings.get(key)}
	return Policy(
		tiers=(),
		stages=(),
		segments=(),
		reporting_currency=settings.reporting_currency,
		companies=tuple(row.company for row in settings.get("companies") or ()),
		**chosen,
	)


def visible_companies(policy: Policy, company: str | None = None) -> dict[str, str]:
	"""Companies whose orders count and that the user may see, with their currencies; only the given one, if one is given.

	Raises ValidationError if that one doesn't count.
	"""
	companies = counted_companies(policy)
	hidden = hidden_companies(companies, policy.orders_from)
	companies = {name: currency for name, currency in companies.items() if name not in hidden}
	if not company:
		return companies
	if company not in companies:
		frappe.throw(
			_("{0} can't be counted: Tiering Settings leave it out, or you may not see it.").format(
				frappe.bold(escape_html(company))
			),
			title=_("Company"),
		)
	return {company: companies[company]}


def how_orders_count(policy: Policy) -> list[str]:
	"""Sentences for the message above a report: what an order is, what its money is, and what is left out."""
	if policy.orders_from == ORDER:
		said = [
			_(
				"Order: a submitted Sales Order, unless it was closed before anything was billed. Returns don't count against it."
			)
		]
	else:
		said = [
			_(
				"Order: a submitted Sales Invoice that its returns don't undo wholly. Debit notes add money, no order."
			)
		]
	if policy.measure == "Gross Margin":
		said.append(
			_(
				"Money is gross margin: net totals less the cost of the items. Lines without a cost count in full."
			)
		)
	else:
		said.append(_("Money is net totals."))
	if len({*counted_companies(policy).values(), policy.reporting_currency}) > 1:
		said.append(
			_(
				"Other currencies are converted to {0} at the latest rate stored on or before the day of the document. Where none is stored an order counts, its money doesn't."
			).format(policy.reporting_currency)
		)
	left_out = len(companies_left_out(policy))
	if left_out:
		said.append(_("Not counted: {0} companies that Tiering Settings leave out.").format(left_out))
	return said


def period(filters: dict) -> tuple[date, date]:
	"""From Date and To Date, both included; where they are missing the 12 months that end today, as the tiering counts them.

	Raises ValidationError for what is no date and for dates in the wrong order.
	"""
	to_date = day(filters, "to_date", _("To Date")) or getdate()
	from_date = day(filters, "from_date", _("From Date")) or window_start(to_date, 12)
	if from_date > to_date:
		frappe.throw(_("From Date must not be after To Date."), title=_("From Date"))
	return from_date, to_date


def month(filters: dict) -> tuple[date, date]:
	"""As `period`, but from the first day of To Date's month where From Date is missing."""
	to_date = day(filters, "to_date", _("To Date")) or getdate()
	return period({**filters, "from_date": filters.get("from_date") or to_date.replace(day=1)})


def day(filters: dict, fieldname: str, label: str) -> date | None:
	"""A filter's date; raises ValidationError, naming the filter, for anything else."""
	value = filters.get(fieldname)
	if not value:
		return None
	try:
		found = getdate(value) if isinstance(value, str | date) else None
	except Exception:  # the framework has several for what it can't read
		found = None
	if not found:
		_refuse(label, value)
	return found


def text(filters: dict, fieldname: str, label: str) -> str | None:
	"""A filter's name; raises ValidationError, naming the filter, for a list or anything else that is no text."""
	value = filters.get(fieldname)
	if value and not isinstance(value, str):
		_refuse(label, value)
	return value or None


def number(filters: dict, fieldname: str, label: str, default: int) -> int:
	"""A filter's whole number, not below zero; raises ValidationError, naming the filter, for anything else."""
	value = filters.get(fieldname)
	if value in (None, ""):
		return default
	if isinstance(value, bool) or not str(value).isdecimal():
		_refuse(label, value)
	return int(value)


def _refuse(label: str, value: object) -> None:
	frappe.throw(
		_("{0}: {1} is not a value that this filter can have.").format(label, escape_html(str(value)[:140])),
		title=label,
	)


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
	"""A column of a report, wide enough for its label in the session's language; money is in the currency that the row names."""
	if fieldtype == "Currency":
		more["options"] = "currency"
	width = max(width, _width(label))
	return {"fieldname": fieldname, "label": label, "fieldtype": fieldtype, "width": width, **more}


def currency_column() -> dict:
	"""The last one: a file has the numbers alone."""
	return column("currency", _("Currency"), "Data", 80)


def _width(label: str) -> int:
	"""Pixels that a column's head takes: a Chinese character is as wide as two letters."""
	letters = sum(2 if unicodedata.east_asian_width(each) in "WF" else 1 for each in label)
	return 36 + 7 * letters


def figures(found: list[dict]) -> list[dict]:
	"""A report's summary without what there is no number of: the Desk would show an empty one."""
	return [each for each in found if each["value"] is not None]


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
