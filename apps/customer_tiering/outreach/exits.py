"""Who leaves a sequence: at once on an order, when disabled, when unsubscribed."""

from datetime import date

import frappe
from frappe.utils import getdate

from customer_tiering.tiering.orders import COUNTS, CREDITS, IS_ORDER


def on_invoice_submitted(invoice: "frappe.Document", method: str | None = None) -> None:
	"""Only enqueues: nothing here may stand in the way of an invoice."""
	if not invoice.is_return:
		frappe.enqueue(leave_on_order, queue="short", enqueue_after_commit=True, customer=invoice.customer)


def leave_on_order(customer: str) -> None:
	"""End this customer's enrollments that an order answers."""
	for name in _active({"customer": customer}):
		_end_if_due(name, getdate())


def stop_enrollments(as_of: date | None = None) -> int:
	"""End every active enrollment whose customer ordered, was disabled or unsubscribed; returns how many."""
	return sum(_end_if_due(name, as_of or getdate()) for name in _active({}))


def _active(filters: dict) -> list[str]:
	return frappe.get_all(
		"Outreach Enrollment", filters={**filters, "status": "Active"}, pluck="name", order_by="name"
	)


def _end_if_due(name: str, day: date) -> bool:
	enrollment = frappe.get_doc("Outreach Enrollment", name, for_update=True)
	ended = enrollment.status == "Active" and end_if_due(enrollment, day)
	frappe.db.commit()
	return ended


def end_if_due(enrollment: "frappe.Document", day: date) -> bool:
	"""End the (locked) enrollment if there is a reason to; the caller commits."""
	from customer_tiering.outreach.recipients import is_suppressed, recipient_of

	customer = frappe.get_doc("Customer", enrollment.customer)
	if customer.disabled:
		return _end(enrollment, day, "Disabled")
	invoice = first_order_since(enrollment, day)
	if invoice:
		return _end(enrollment, day, "Ordered", reorder_invoice=invoice)
	recipient = recipient_of(customer)
	if recipient and is_suppressed(recipient.address):
		return _end(enrollment, day, "Unsubscribed")
	return False


def first_order_since(enrollment: "frappe.Document", day: date) -> str | None:
	"""The first order later than the one that the enrollment's signal was counted from."""
	counted_from = frappe.db.get_value("Tiering Event", enrollment.event, "last_order_date")
	rows = frappe.db.sql(
		f"""SELECT invoice.name FROM `tabSales Invoice` invoice {CREDITS}
		WHERE {COUNTS} AND {IS_ORDER} AND invoice.customer = %(customer)s AND invoice.posting_date > %(after)s
		ORDER BY invoice.posting_date, invoice.creation LIMIT 1""",
		{"customer": enrollment.customer, "after": counted_from or "0001-01-01", "as_of": day},
	)
	return rows[0][0] if rows else None


def _end(enrollment: "frappe.Document", day: date, reason: str, **values: str) -> bool:
	enrollment.db_set({"status": "Exited", "exit_reason": reason, "ended_on": day, **values})
	return True
