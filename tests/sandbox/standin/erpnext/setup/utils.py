import frappe
from frappe.utils import flt, nowdate


def get_exchange_rate(
	from_currency: str, to_currency: str, transaction_date: str | None = None, args: str | None = None
) -> float:
	"""The latest stored rate on or before the date, else 0. Nothing is fetched."""
	if from_currency == to_currency:
		return 1.0
	filters = {
		"from_currency": from_currency,
		"to_currency": to_currency,
		"date": ["<=", transaction_date or nowdate()],
	}
	if args in ("for_buying", "for_selling"):
		filters[args] = 1
	found = frappe.get_all("Currency Exchange", filters, pluck="exchange_rate", order_by="date desc", limit=1)
	return flt(found[0]) if found else 0.0
