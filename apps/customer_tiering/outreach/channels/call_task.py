"""A ToDo for the customer's rep, inserted in the touch's own transaction: by its key a follow-up like others. Neither the cap nor the send window holds it back."""

import frappe
from frappe.utils import escape_html

from customer_tiering.outreach.channels import Target
from customer_tiering.outreach.recipients import mobile_of
from customer_tiering.outreach.render import merge_values, render_text
from customer_tiering.outreach.survey import survey_url
from customer_tiering.outreach.unsubscribe import unsubscribe_url


def prepare(target: Target) -> dict[str, str]:
	customer, _sequence, step, touch, moment, crowd, promise, _outbox = target
	recipient = mobile_of(customer, crowd)
	values = merge_values(
		customer,
		recipient and recipient.name,
		moment.date(),
		unsubscribe_url(touch.name),
		promise,
		survey_url(touch.name),
		crowd,
	)
	text = render_text(step.message, values)
	todo = frappe.get_doc(
		doctype="ToDo",
		allocated_to=crowd.owner_of(customer.name),
		description=f"<p>{escape_html(text)}</p>".replace("\n", "<br>"),
		reference_type="Customer",
		reference_name=customer.name,
		date=moment.date(),
		follow_up_key=f"Touch|{touch.name}",
	).insert(ignore_permissions=True)
	return {"status": "Sent", "text": text, "todo": todo.name}
