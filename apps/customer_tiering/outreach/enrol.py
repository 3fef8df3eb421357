"""Customers enter sequences by themselves: by their signals, each signal once, or by being in the audience."""

from datetime import date

import frappe
from frappe.utils import getdate

from customer_tiering.outreach import broken, restored
from customer_tiering.outreach.audience_entry import enrol_audience, may_enter
from customer_tiering.outreach.enter import SIGNAL, enrollment_row, enter
from customer_tiering.outreach.key_date import begins_on
from customer_tiering.tiering.audience import customers_in
from customer_tiering.tiering.lock import ends_the_job
from customer_tiering.tiering.readers import consume


def enrol(as_of: date | None = None) -> int:
	"""Enrol for all enabled sequences; returns how many customers entered. Nobody does where it is unknown who entered before."""
	if restored.must_wait():
		return 0
	enabled = frappe.get_all(
		"Outreach Sequence",
		filters={"enabled": 1},
		fields=["name", "entry_by", "audience_filters"],
		order_by="name",
	)
	return sum(_enter(sequence, as_of or getdate()) for sequence in enabled if sequence.entry_by != "Hand")


def _enter(sequence: frappe._dict, day: date) -> int:
	"""One that can't be done, as its audience asks for a field that is gone, stops no other."""
	try:
		if sequence.entry_by == SIGNAL:
			# Can it be read? Else no signal is passed over
			customers_in(sequence.audience_filters, among=[""])
			return consume("Outreach Sequence", sequence.name, "entry_signal", _enrol)
		return enrol_audience(sequence.name, day)
	except Exception as error:
		if ends_the_job(error):
			raise
		frappe.db.rollback()
		broken.report(sequence.name, error)
		frappe.db.commit()
		return 0


def _enrol(sequence: "frappe.Document", event: frappe._dict) -> bool:
	if not may_enter(sequence, [event.customer], event.as_of) or not _in_audience(sequence, event.customer):
		return False
	return enter(
		enrollment_row(
			sequence,
			event.customer,
			event.signal_key,
			SIGNAL,
			begins_on(event) or restored.entry_day(event),
			event.last_order_date,
			event.name,
		)
	)


def _in_audience(sequence: "frappe.Document", customer: str) -> bool:
	return not sequence.audience_filters or bool(customers_in(sequence.audience_filters, among=[customer]))
