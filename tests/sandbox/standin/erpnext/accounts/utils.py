import frappe
from frappe import _
from frappe.utils import formatdate, nowdate


class FiscalYearError(frappe.ValidationError):
	pass


def get_fiscal_year(date: str | None = None, fiscal_year: str | None = None, **options) -> tuple:
	"""Name, first and last day of the fiscal year with that date or that name."""
	filters = {"disabled": 0}
	if fiscal_year:
		filters["name"] = fiscal_year
	else:
		day = date or nowdate()
		filters |= {"year_start_date": ["<=", day], "year_end_date": [">=", day]}
	found = frappe.get_all("Fiscal Year", filters, ["name", "year_start_date", "year_end_date"], limit=1)
	if not found:
		text = _("{0} {1} is not in any active Fiscal Year")
		frappe.throw(text.format(_("Date"), formatdate(date)), FiscalYearError)
	return tuple(found[0].values())
