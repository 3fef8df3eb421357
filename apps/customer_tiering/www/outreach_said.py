"""What the methods behind the links of messages answer with: `touch_link.say`. It says nothing by itself."""

import frappe

no_cache = 1
sitemap = 0


def get_context(context: frappe._dict) -> None:
	if "said" not in (frappe.local.response.get("context") or {}):
		raise frappe.PageDoesNotExistError
