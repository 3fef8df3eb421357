"""Asks before it unsubscribes: mail scanners follow links, people press buttons. A mail program's own button (RFC 8058) posts."""

import frappe

from customer_tiering.outreach.unsubscribe import ALL, leave, touch_of

no_cache = 1
sitemap = 0


def get_context(context: frappe._dict) -> None:
	token = frappe.form_dict.get("t")
	touch = touch_of(token)
	context.valid = bool(touch)
	context.token = token if context.valid else ""
	context.done = False
	if not context.valid:
		context.http_status_code = 403
		return
	if frappe.request.method == "POST":
		leave(touch, ALL)
		context.done = True
		return
	context.title_of_mails = _title(touch)
	context.is_tracked = bool(frappe.db.get_value("Outreach Touch", touch, "tracking"))
	context.csrf_token = "" if frappe.session.user == "Guest" else frappe.sessions.get_csrf_token()


def _title(touch: str) -> str:
	"""How the company calls these mails."""
	sequence = frappe.db.get_value("Outreach Touch", touch, "sequence")
	title = frappe.db.get_value("Outreach Sequence", sequence, ["public_title", "name"]) if sequence else None
	return (title[0] or title[1]) if title else ""
