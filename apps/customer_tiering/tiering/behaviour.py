"""Where tracking hands in what customers opened and clicked. It may import this; nothing here knows of it."""

from datetime import datetime

import frappe
from frappe.utils import now_datetime


def record_behaviour(
	customer: str,
	kind: str,
	*,
	email_template: str | None = None,
	route: str | None = None,
	on: datetime | None = None,
	reference_doctype: str | None = None,
	reference_name: str | None = None,
) -> str:
	"""Note that a customer did something that may tell an interest; gives the name of the new Interest Signal.

	`kind` is "Open" or "Click"; `email_template` the mail that was opened or that held the link; `route` the
	address of this site that was opened or that the link led to, as a path or in full; at least one of the two. `on` is the
	moment in the site's time zone, by default now. What a scanner or a bot did is no behaviour. The reference is the document
	that an explanation links to, such as the touch: one mail, however often it is opened; without it each opening is another mail.

	Every call is one event: whoever hears of the same one twice must leave the second out. Writes in the caller's transaction,
	whoever the session's user is. Raises ValidationError for a kind that is none, and if neither mail nor route is given.
	"""
	signal = frappe.get_doc(
		doctype="Interest Signal",
		customer=customer,
		kind=kind,
		happened_on=on or now_datetime(),
		email_template=email_template,
		route=route,
		reference_doctype=reference_doctype,
		reference_name=reference_name,
	)
	return signal.insert(ignore_permissions=True).name
