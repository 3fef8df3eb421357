"""Finds tiers, stages and the like by the names that the reader sees: the framework looks for translations without their context."""

import frappe
from frappe import _
from frappe.desk.search import validate_and_sanitize_search_inputs


@frappe.whitelist()
@validate_and_sanitize_search_inputs
def search_names(
	doctype: str,
	txt: str,
	searchfield: str,
	start: int,
	page_len: int,
	filters: dict | list | None = None,
	as_dict: bool = False,
) -> list:
	"""For links: records that the session's user may see, without those that are disabled; by their names in either language."""
	known = {"filters": filters, "pluck": "name", "limit_page_length": 0}
	if frappe.get_meta(doctype).has_field("disabled"):
		known["or_filters"] = {"disabled": 0}
	wanted = (txt or "").casefold()
	found = [
		name
		for name in frappe.get_list(doctype, **known)
		if wanted in name.casefold() or wanted in _(name, context=doctype).casefold()
	][start : start + page_len]
	return [{"name": name} if as_dict else (name,) for name in found]
