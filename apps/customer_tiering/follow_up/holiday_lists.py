"""Names of Holiday Lists for the link of a rule: ERPNext lets only HR read them, and a permission of our own would replace its own."""

import frappe
from frappe.utils import cint

from customer_tiering.tiering.permissions import MANAGERS


@frappe.whitelist()
def search(
	doctype: str = "Holiday List",
	txt: str = "",
	searchfield: str = "name",
	start: int | str = 0,
	page_len: int | str = 20,
	filters: dict | list | str | None = None,
	as_dict: bool | int | str = False,
	**_more: object,
) -> list:
	"""For those who edit rules: no more than the names."""
	frappe.only_for(MANAGERS)
	names = frappe.get_all(
		"Holiday List",
		filters={"name": ("like", f"%{txt or ''}%")},
		order_by="to_date desc, name",
		limit_start=max(cint(start), 0),
		limit_page_length=max(cint(page_len), 1),
		pluck="name",
	)
	return [{"name": name} if cint(as_dict) else (name,) for name in names]
