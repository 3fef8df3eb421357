"""A ToDo for the customer's rep, inserted in the touch's own transaction: by its key a follow-up like others. Neither the cap nor the send window
holds it back, but what fits into the rep's day does. Where a follow-up rule has asked for a call for the same reason, it is left out: one
sleeping customer is one call."""

import frappe
from frappe import _
from frappe.utils import escape_html, get_fullname

from customer_tiering.outreach.channels import Skip, Target
from customer_tiering.outreach.channels.texts import values_for
from customer_tiering.outreach.crowd import Crowd
from customer_tiering.outreach.deferral import Deferral
from customer_tiering.outreach.recipients import Recipient, callee_of
from customer_tiering.outreach.render import render_text


def reader(target: Target) -> Recipient | None:
	"""Who is to be called, if anybody is known."""
	return callee_of(target.customer, target.crowd, target.step.get("buying_role"))


# What a rule made of the very signal by which the customer entered, whatever came of it; and what is still to be done about an
# earlier one of its kind.
ASKED = """
	SELECT follow_up.rule FROM `tabFollow Up` follow_up
	JOIN `tabTiering Event` event ON event.name = follow_up.event AND event.signal = %(signal)s
	LEFT JOIN `tabToDo` todo ON todo.name = follow_up.todo
	WHERE follow_up.customer = %(customer)s AND follow_up.status != 'Withdrawn'
		AND (event.name = %(event)s OR follow_up.status = 'Waiting' OR todo.status = 'Open')
	LIMIT 1
"""


def prepare(target: Target) -> dict[str, str]:
	customer, step, touch, crowd = target.customer, target.step, target.touch, target.crowd
	day = target.moment.date()
	rule = _rule_that_asked(target)
	if rule:
		raise Skip(_("The follow-up rule {0} has asked for this call already.").format(rule))
	recipient = reader(target)
	text = render_text(step.message, values_for(target, recipient and recipient.name))
	caller = _caller(customer.name, crowd)
	todo = frappe.get_doc(
		doctype="ToDo",
		allocated_to=caller,
		description=f"<p>{escape_html(text)}</p>".replace("\n", "<br>"),
		reference_type="Customer",
		reference_name=customer.name,
		date=day,
		follow_up_key=f"Touch|{touch.name}",
	).insert(ignore_permissions=True)
	if caller:
		crowd.capacity.take(caller)
	return {"status": "Sent", "text": text, "todo": todo.name}


def _caller(customer: str, crowd: Crowd) -> str | None:
	capacity = crowd.capacity
	there = (user for user in crowd.owners.in_line(customer) if user not in capacity.away)
	user = next(there, None)
	if user and not capacity.has_room(user):
		raise Deferral(_("{0} has as many as fit in a day.").format(get_fullname(user)))
	return user


def _rule_that_asked(target: Target) -> str | None:
	if not target.sequence or target.sequence.entry_by != "Signal":
		return None
	values = {
		"customer": target.customer.name,
		"signal": target.sequence.entry_signal,
		"event": frappe.db.get_value("Outreach Enrollment", target.touch.enrollment, "event"),
	}
	return next(iter(frappe.db.sql(ASKED, values, pluck=True)), None)
