"""The ledger on a customer's timeline, among mails and comments."""

from datetime import date

import frappe
from frappe import _
from frappe.utils import escape_html, fmt_money, format_date

from customer_tiering.tiering.groups import members_of

SHOWN = 50
ICONS = {"Tier": "star", "Stage": "change", "Signal": "notification", "Void": "close"}


def tier_changes(doctype: str, name: str) -> list[dict]:
	"""The customer's latest tiers, stages and signals, as the form's timeline takes them."""
	currency = frappe.db.get_single_value("Tiering Settings", "reporting_currency")
	events = frappe.get_all(
		"Tiering Event",
		filters={"customer": name, "decision": ("in", list(ICONS))},
		fields=[
			"decision",
			"old_value",
			"new_value",
			"cause",
			"signal",
			"detail",
			"as_of",
			"annual_value",
			"creation",
		],
		order_by="name desc",
		limit=SHOWN,
	)
	in_group = bool(events) and len(members_of(name)) > 1
	for event in events:
		if in_group and event.decision == "Tier":
			event.annual_value = None
	return [
		{"icon": ICONS[event.decision], "creation": event.creation, "content": _text(event, currency)}
		for event in events
	]


def _text(event: frappe._dict, currency: str) -> str:
	"""Without its money where that isn't what decided: a group has one tier by what all its members bring."""
	about = _(event.cause, context="Tiering Event")
	if event.annual_value is not None:
		money = fmt_money(event.annual_value, currency=currency)
		about = _("{0}, {1} in the window").format(about, money)
	if event.cause == "Override" and event.detail:
		about = f"{about}, {event.detail}"
	return (
		f"{_what(event)} <span class='text-muted'>({escape_html(about)}, {format_date(event.as_of)})</span>"
	)


def _what(event: frappe._dict) -> str:
	if event.decision == "Signal":
		detail = f": {_figures(event.detail)}" if event.detail else ""
		return escape_html(_(event.signal, context="Tiering Event") + detail)
	if event.decision == "Void":
		return escape_html(_("Taken back: {0}").format(_(event.signal, context="Tiering Event")))
	old, new = (_value(event, event.old_value), _value(event, event.new_value))
	text = _("Tier {0} → {1}") if event.decision == "Tier" else _("Stage {0} → {1}")
	return text.format(f"<b>{old}</b>", f"<b>{new}</b>")


def _figures(detail: str) -> str:
	"""What a signal is about: a day as the user writes days, else as it stands in the ledger."""
	try:
		return format_date(date.fromisoformat(detail))
	except ValueError:
		return detail


def _value(event: frappe._dict, value: str | None) -> str:
	context = "Customer Tier" if event.decision == "Tier" else "Lifecycle Stage"
	return escape_html(_(value, context=context)) if value else _("none", context="Tiering")
