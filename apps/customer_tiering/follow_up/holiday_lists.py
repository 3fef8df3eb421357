"""Names of Holiday Lists for the link of a rule: ERPNext lets only HR read them, and a permission of our own would replace its own."""

import frappe
from frappe.desk.search import validate_and_sanitize_search_inputs

from customer_tiering.tiering.permissions import MANAGERS


@frappe.whitelist()
@validate_and_sanitize_search_inputs
def search(
	doctype: str,
	txt: str,
	searchfield: str,
	start: int,
	page_len: int,
	filters: dict | list | None = None,
	as_dict: bool = False,
	**_more: object,
) -> list:
	"""For those who edit rules: no more than the names."""
	frappe.only_for(MANAGERS)
	names = frappe.get_all(
		"Holiday List",
		filters={"name": ("like", f"%{txt or ''}%")},
		order_by="to_date desc, name",
		limit_start=start,
		limit_page_length=page_len,
		pluck="name",
	)
	return [{"name": name} if as_dict else (name,) for name in names]
