"""How a step reaches a customer: one module a channel, each with `reader` and `prepare`.

`reader(target)` says who gets it now, or raises as follows.

`prepare(target)` does what belongs into the transaction of the touch, and returns what the touch keeps of it, with its status.
It raises Deferral (tried again), Skip (never tried again, for a good reason), RenderError or ValidationError (failed).
"""

from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple

import frappe

from customer_tiering.outreach.crowd import Crowd

if TYPE_CHECKING:
	from customer_tiering.outreach.mail import Outbox
	from customer_tiering.outreach.offers import Promise


class Skip(Exception):
	"""Why this step is left out for this customer."""


class Target(NamedTuple):
	"""What a channel has to know: whom, of which sequence, with which step, when, the touch that it is for, what is known of all
	customers of the batch, the code it brings, where mails are put that are queued together, and how many messages of the
	sequence went out to the customer before.
	"""

	customer: "frappe.Document"
	sequence: "frappe.Document"
	step: "frappe.Document"
	touch: "frappe.Document"
	moment: datetime
	crowd: Crowd
	promise: "Promise | None" = None
	outbox: "Outbox | None" = None
	messages_sent: int = 0
