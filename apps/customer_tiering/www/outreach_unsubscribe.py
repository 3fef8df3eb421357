"""Asks before it unsubscribes: mail scanners follow links, people press buttons."""

import frappe

from customer_tiering.outreach.unsubscribe import touch_of

no_cache = 1
sitemap = 0


def get_context(context: frappe._dict) -> None:
	token = frappe.form_dict.get("t")
	context.valid = bool(touch_of(token))
	context.token = token if context.valid else ""
	if not context.valid:
		context.http_status_code = 403
	context.csrf_token = "" if frappe.session.user == "Guest" else frappe.sessions.get_csrf_token()
