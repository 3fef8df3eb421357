"""A rule's text as a rep would read it, for a customer who stands for all."""

import frappe
from frappe import _
from frappe.utils import escape_html, getdate

from customer_tiering.follow_up.todos import customer_values, event_without_signal, with_days
from customer_tiering.tiering.audience import customers_in
from customer_tiering.tiering.templates import fill

EXAMPLES = 500  # customers among whom one is looked for


def text_for(rule: "frappe.Document", customer: str) -> str:
	"""Speaks of the customer's last event of the rule's signal, if there is one. Raises ValidationError with Jinja's message for
	a text that can't be filled in.
	"""
	about = customer_values([customer])[customer]
	try:
		return fill(rule.description or "", {"customer": about, "event": _event_for(rule, about)})
	except Exception as error:
		frappe.throw(
			_("It can't be filled in for {0}: {1}").format(
				frappe.bold(escape_html(about["customer_name"])), escape_html(str(error))
			),
			title=_("Text of the ToDo"),
		)


def customer_for(rule: "frappe.Document") -> str | None:
	"""Who has had the rule's signal lately, else the one with the most sales; only whom the session's user may see."""
	audience = customers_in(rule.audience_filters, rule.audience_company)
	if rule.trigger == "Signal":
		lately = frappe.get_all(
			"Tiering Event",
			filters={"signal": ("in", rule.signals or ("",))},
			order_by="name desc",
			limit=EXAMPLES,
			pluck="customer",
		)
		allowed = set(frappe.get_list("Customer", filters={"name": ("in", lately)}, pluck="name"))
		found = next((name for name in lately if name in audience & allowed), None)
		if found:
			return found
	best = frappe.get_list("Customer", order_by="annual_value desc, name", limit=EXAMPLES, pluck="name")
	some = frappe.get_list("Customer", filters={"name": ("in", sorted(audience)[:EXAMPLES])}, pluck="name")
	return next((name for name in (*best, *some) if name in audience), None)


def _event_for(rule: "frappe.Document", customer: dict) -> dict:
	events = frappe.get_all(
		"Tiering Event",
		filters={"customer": customer["name"], "signal": ("in", rule.signals or ("",))},
		fields=["*"],
		order_by="name desc",
		limit=1,
	)
	if rule.trigger == "Signal" and events:
		return with_days(events[0])
	detail = {"Key Date": str(getdate()), "Top of the Month": "1"}.get(rule.trigger)
	event = event_without_signal(rule, customer, detail, getdate())
	if rule.trigger == "Signal":
		event["signal"] = rule.signal
	return event
