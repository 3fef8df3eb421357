"""Asks before it changes anything: mail scanners follow links, people press buttons. A mail program's own button (RFC 8058) posts."""

import frappe
from frappe import _

from customer_tiering.outreach.suppress import left_by
from customer_tiering.outreach.touch_link import company_behind, refuse_page
from customer_tiering.outreach.unsubscribe import ALL, EMAIL, SMS, Choice, choices, leave, reader_of, touch_of

no_cache = 1
sitemap = 0


def get_context(context: frappe._dict) -> None:
	token = frappe.form_dict.get("t")
	touch = touch_of(token)
	if not touch:
		refuse_page(context)
		return
	context.token = token
	context.company = company_behind(touch)
	context.texts = _texts()
	context.csrf_token = "" if frappe.session.user == "Guest" else frappe.sessions.get_csrf_token()
	if frappe.request.method == "POST":
		leave(touch, ALL)
		context.said = {
			"title": _("Thank you"),
			"message": _("You will get no more such messages. Your orders and invoices are not affected."),
		}
	reader = reader_of(touch)
	context.own, *context.others = choices(reader) if reader else [Choice(EMAIL, True, False)]
	left = left_by(reader.addresses[reader.channel]) if reader else []
	context.title_of_mails = "" if reader and reader.sequence in left else _title(touch)
	context.is_tracked = _is_tracked(touch)


def _texts() -> dict[str, dict[str, str]]:
	return {
		EMAIL: {
			"question": _("No more mails?"),
			"leave": _("Yes, no more mails"),
			"left": _("You get no mails of ours."),
			"come": _("Yes, you may send me mails"),
		},
		SMS: {
			"question": _("No more text messages?"),
			"leave": _("No more text messages"),
			"left": _("You get no text messages of ours."),
			"come": _("Yes, you may send me text messages"),
		},
	}


def _is_tracked(touch: str) -> bool:
	about = frappe.db.get_value("Outreach Touch", touch, ["tracking", "customer"], as_dict=True)
	return bool(about and about.tracking) and (
		frappe.db.get_value("Customer", about.customer, "mail_tracking") != "Refused"
	)


def _title(touch: str) -> str:
	"""How the company calls these mails."""
	sequence = frappe.db.get_value("Outreach Touch", touch, "sequence")
	title = frappe.db.get_value("Outreach Sequence", sequence, ["public_title", "name"]) if sequence else None
	return (title[0] or title[1]) if title else ""
