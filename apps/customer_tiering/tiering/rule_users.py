"""Who still points at a tier, stage or segment, and would point at nothing when it goes."""

import frappe
from frappe import _

from customer_tiering.tiering import audience


def users_of(doctype: str, name: str) -> list[str]:
	"""In words: how many customers have the tier by hand, and the rules and sequences that have the record in their audience."""
	by_hand = frappe.db.count("Customer", {"tier_override": name}) if doctype == "Customer Tier" else 0
	found = [_("{0} customers have it by hand").format(by_hand)] if by_hand else []
	for kind in frappe.get_all("DocField", filters={"fieldname": "audience_filters"}, pluck="parent"):
		rows = frappe.get_all(
			kind,
			filters={"audience_filters": ("is", "set")},
			fields=["name", "audience_filters"],
			order_by="name",
		)
		found += [f"{_(kind)} {row.name}" for row in rows if name in _named(row.audience_filters, doctype)]
	return found


def _named(filters: str, doctype: str) -> set[str]:
	try:
		return audience.records_in(filters, doctype)
	except frappe.ValidationError:  # broken already: it finds nobody anyway
		frappe.clear_last_message()
		return set()
