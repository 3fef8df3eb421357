"""A ToDo for the customer's rep, inserted in the touch's own transaction: by its key a follow-up like others. Neither the cap nor the send window
holds it back, but what fits into the rep's day does."""

import frappe
from frappe import _
from frappe.utils import escape_html

from customer_tiering.outreach.channels import Target
from customer_tiering.outreach.channels.texts import values_for
from customer_tiering.outreach.crowd import Crowd
from customer_tiering.outreach.deferral import Deferral
from customer_tiering.outreach.recipients import Recipient, callee_of
from customer_tiering.outreach.render import render_text


def reader(target: Target) -> Recipient | None:
	"""Who is to be called, if anybody is known."""
	return callee_of(target.customer, target.crowd, target.step.get("buying_role"))


def prepare(target: Target) -> dict[str, str]:
	customer, _sequence, step, touch, moment, crowd, _promise, _outbox = target
	recipient = reader(target)
	text = render_text(step.message, values_for(target, recipient and recipient.name))
	caller = _caller(customer.name, crowd)
	todo = frappe.get_doc(
		doctype="ToDo",
		allocated_to=caller,
		description=f"<p>{escape_html(text)}</p>".replace("\n", "<br>"),
		reference_type="Customer",
		reference_name=customer.name,
		date=moment.date(),
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
		raise Deferral(_("{0} has as many as fit in a day.").format(user))
	return user
