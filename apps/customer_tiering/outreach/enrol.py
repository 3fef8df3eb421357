"""Customers enter sequences by their signals, each signal once."""

import frappe
from frappe.utils import add_days

from customer_tiering.tiering.readers import consume


def enrol() -> int:
	"""Enrol for all enabled sequences; returns how many customers entered."""
	sequences = frappe.get_all("Outreach Sequence", filters={"enabled": 1}, pluck="name", order_by="name")
	return sum(consume("Outreach Sequence", sequence, "entry_signal", _enrol) for sequence in sequences)


def _enrol(sequence: "frappe.Document", event: frappe._dict) -> bool:
	key = f"{sequence.name}|{event.signal_key}"
	if (
		not frappe.db.exists("Customer", event.customer)
		or frappe.db.exists("Outreach Enrollment", {"enrollment_key": key})
		or frappe.db.exists(
			"Outreach Enrollment",
			{"customer": event.customer, "sequence": sequence.name, "status": "Active"},
		)
	):
		return False
	frappe.get_doc(
		doctype="Outreach Enrollment",
		customer=event.customer,
		sequence=sequence.name,
		event=event.name,
		enrollment_key=key,
		status="Active",
		entered_on=event.as_of,
		next_due_on=add_days(event.as_of, sequence.steps[0].day_offset),
	).insert(ignore_permissions=True)
	return True
