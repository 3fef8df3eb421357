"""One notice a rep and run, whatever came in: what is new, the most urgent first, of equals the best customer."""

from html import unescape

import frappe
from frappe import _
from frappe.utils import add_days, escape_html, fmt_money, format_date, get_url, getdate, strip_html

from customer_tiering.follow_up.keys import ESCALATED
from customer_tiering.tiering.language import language_of
from customer_tiering.tiering.outgoing import has_outgoing_account

SHOWN, LONGEST, SHORT = 10, 200, 80
PAGE = "/app/my-follow-ups"
NEW = """
	SELECT follow_up.name, follow_up.user, follow_up.customer, customer.customer_name, customer.customer_tier,
		customer.annual_value, todo.name AS todo, todo.description, todo.date, todo.follow_up_rule AS rule, todo.follow_up_key,
		user.language
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

	currency = frappe.db.get_single_value("Tiering Settings", "reporting_currency")
	with language_of(rows[0].language or frappe.db.get_single_value("System Settings", "language")):
		rows = _by_urgency(rows)
		first = rows[0]
		notice = {
			"type": "Alert",  # of which the framework sends no mail
			"subject": _in_the_bell(first, len(rows) - 1),
			"email_content": _items(rows, currency),
			"document_type": "ToDo",
			"document_name": first.todo,
			"link": PAGE,
			"from_user": "Administrator" if user != "Administrator" else None,
		}
		make_notification_logs(frappe._dict(notice), [user])
		if has_outgoing_account():
			_mail(user, rows, first, currency)


def _mail(user: str, rows: list[frappe._dict], first: frappe._dict, currency: str | None) -> None:
	"""To who wants mails about assignments."""
	from frappe.desk.doctype.notification_settings import notification_settings

	if not notification_settings.is_notifications_enabled(user):
		return
	if not notification_settings.is_email_notifications_enabled_for_type(user, "Assignment"):
		return
	headline = _headline(rows, first, currency)
	button = f'<a class="btn btn-primary" href="{get_url(PAGE)}">{escape_html(_("My Follow-Ups"))}</a>'
	try:
		frappe.sendmail(
			recipients=[frappe.db.get_value("User", user, "email")],
			subject=headline,
			header=[escape_html(headline), "orange"],
			message=f"{_items(rows, currency)}<p>{button}</p>",
		)
	except frappe.OutgoingEmailError:
		frappe.log_error(title="Follow-ups not told by mail", reference_doctype="User", reference_name=user)


def _by_urgency(rows: list[frappe._dict]) -> list[frappe._dict]:
	"""Due first; of equals the best customer, as they came."""
	return sorted(rows, key=lambda row: getdate(row.date) if row.date else getdate("9999-12-31"))


def _in_the_bell(first: frappe._dict, others: int) -> str:
	who, why = f"<b>{escape_html(_name(first))}</b>", escape_html(_reason(first))
	if not others:
		return _("{0}: {1}").format(who, why)
	return _("{0}: {1}, and {2} more").format(who, why, others)


def _headline(rows: list[frappe._dict], first: frappe._dict, currency: str | None) -> str:
	"""How much there is to do, what is at stake, and where to begin."""
	money = sum({row.customer: row.annual_value or 0 for row in rows}.values())
	number = _("1 new follow-up") if len(rows) == 1 else _("{0} new follow-ups").format(len(rows))
	stake = _("{0} at stake").format(fmt_money(money, 0, currency)) if money else None
	begin = _name(first) if len(rows) == 1 else _("begin with {0}").format(_name(first))
	return " · ".join(filter(None, (number, stake, begin)))


def _name(row: frappe._dict) -> str:
	"""As text, also where the framework has stored it escaped."""
	return unescape(row.customer_name or row.customer)


def _reason(row: frappe._dict) -> str:
	"""The rule; of a call of a sequence, or of what a manager is told, its text says more."""
	if row.rule and not row.follow_up_key.endswith(ESCALATED):
		return row.rule
	return _plain(row.description)[:SHORT]


def _items(rows: list[frappe._dict], currency: str | None) -> str:
	items = [
		f"<li><b>{escape_html(_name(row))}</b>"
		f" {escape_html(_facts(row, currency))}: {escape_html(_plain(row.description))}</li>"
		for row in rows[:SHOWN]
	]
	if len(rows) > SHOWN:
		items.append(f"<li>{escape_html(_('and {0} more').format(len(rows) - SHOWN))}</li>")
	return f"<ul>{''.join(items)}</ul>"


def _facts(row: frappe._dict, currency: str | None) -> str:
	"""Tier, money of the window, and when it is due."""
	late = row.date and row.date < getdate()
	due = ""
	if row.date:
		since = _("Overdue since {0}").format(format_date(add_days(row.date, 1)))
		due = since if late else _("Due {0}").format(format_date(row.date))
	money = fmt_money(row.annual_value, 0, currency) if row.annual_value else ""
	return ", ".join(filter(None, (row.customer_tier, money, due)))


def _plain(text: str | None) -> str:
	return " ".join(unescape(strip_html((text or "").replace("</p>", "</p> "))).split())[:LONGEST]
