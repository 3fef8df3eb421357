"""One notice a rep and run, whatever came in: what is new, the best first."""

from html import unescape

import frappe
from frappe import _
from frappe.utils import escape_html, fmt_money, format_date, get_url, getdate, strip_html

from customer_tiering.follow_up.todos import language_of
from customer_tiering.tiering.outgoing import has_outgoing_account

SHOWN, LONGEST = 10, 200
PAGE = "/app/my-follow-ups"
NEW = """
	SELECT follow_up.name, follow_up.user, follow_up.customer, customer.customer_name, customer.customer_tier,
		customer.annual_value, todo.description, todo.date, user.language
	FROM `tabFollow Up` follow_up
	JOIN `tabUser` user ON user.name = follow_up.user
	JOIN `tabToDo` todo ON todo.name = follow_up.todo AND todo.status = 'Open'
	LEFT JOIN `tabCustomer` customer ON customer.name = follow_up.customer
	LEFT JOIN `tabCustomer Tier` tier ON tier.name = customer.customer_tier
	WHERE follow_up.status = 'Handed Out' AND follow_up.told = 0
	ORDER BY COALESCE(tier.entry_value, -1) DESC, COALESCE(customer.annual_value, 0) DESC, follow_up.name
"""


def tell() -> int:
	"""Tell every rep about what was handed out since the last time; returns how many were told. Commits rep by rep."""
	new: dict[str, list[frappe._dict]] = {}
	for row in frappe.db.sql(NEW, as_dict=True):
		new.setdefault(row.user, []).append(row)
	for user, rows in new.items():
		_tell(user, rows)
		frappe.db.set_value(
			"Follow Up", {"name": ("in", [row.name for row in rows])}, "told", 1, update_modified=False
		)
		frappe.db.commit()
	return len(new)


def _tell(user: str, rows: list[frappe._dict]) -> None:
	from frappe.desk.doctype.notification_log.notification_log import make_notification_logs

	with language_of(rows[0].language or frappe.db.get_single_value("System Settings", "language")):
		subject = (
			_("You have a new follow-up")
			if len(rows) == 1
			else _("You have {0} new follow-ups").format(len(rows))
		)
		notice = {
			"type": "Assignment"
			if has_outgoing_account()
			else "Alert",  # of an alert the framework sends no mail
			"subject": subject,
			"email_content": _items(rows),
			"document_type": "ToDo",
			"document_name": _("My Follow-Ups"),  # the mail names it in its headline
			"link": get_url(PAGE),  # of the mail, whose reader may be anywhere
			"from_user": "Administrator" if user != "Administrator" else None,
		}
		make_notification_logs(frappe._dict(notice), [user])
		if frappe.get_meta("Notification Log").has_field("link"):
			told = {"for_user": user, "link": notice["link"]}
			frappe.db.set_value("Notification Log", told, "link", PAGE, update_modified=False)


def _items(rows: list[frappe._dict]) -> str:
	currency = frappe.db.get_single_value("Tiering Settings", "reporting_currency")
	items = [
		f"<li><b>{escape_html(row.customer_name or row.customer)}</b>"
		f" {escape_html(_facts(row, currency))}: {escape_html(_plain(row.description))}</li>"
		for row in rows[:SHOWN]
	]
	if len(rows) > SHOWN:
		items.append(f"<li>{escape_html(_('and {0} more').format(len(rows) - SHOWN))}</li>")
	return f"<ul>{''.join(items)}</ul>"


def _facts(row: frappe._dict, currency: str | None) -> str:
	"""Tier, money of the window, and when it is due."""
	late = row.date and row.date < getdate()
	due = (_("Overdue since {0}") if late else _("Due {0}")).format(format_date(row.date)) if row.date else ""
	money = fmt_money(row.annual_value, 0, currency) if row.annual_value else ""
	return ", ".join(filter(None, (row.customer_tier, money, due)))


def _plain(text: str | None) -> str:
	return " ".join(unescape(strip_html(text or "")).split())[:LONGEST]
