"""Who leaves a sequence: at once on an order, when unsubscribed, disabled or deleted."""

from datetime import date

import frappe
from frappe.utils import getdate

from customer_tiering.outreach.recipients import is_suppressed, recipient_of
from customer_tiering.tiering.orders import INVOICE, orders_from_settings


def on_order_submitted(order: "frappe.Document", method: str | None = None) -> None:
	"""For a Sales Invoice or a Sales Order. Only enqueues, once that is committed: nothing here may stand in its way."""
	customer = order.customer
	if not order.get("is_return") and frappe.db.exists(
		"Outreach Enrollment", {"customer": customer, "status": "Active"}
	):
		frappe.db.after_commit.add(lambda: _enqueue_exit(customer))


def _enqueue_exit(customer: str) -> None:
	try:
		frappe.enqueue(leave_if_due, queue="short", customer=customer)
	except Exception:  # the queue is down: the hourly run looks for orders too, and so does every dispatch
		frappe.logger("customer_tiering").exception(f"Order of {customer}: exit from sequences not enqueued")


def leave_if_due(customer: str) -> None:
	"""End this customer's enrollments that an order answers, or for whatever other reason there is."""
	for name in _active({"customer": customer}):
		_end_if_due(name, getdate())


def stop_enrollments(as_of: date | None = None) -> int:
	"""End every active enrollment whose customer ordered, unsubscribed or is disabled or gone; returns how many."""
	day = as_of or getdate()
	return sum(_end_if_due(name, day) for name in _active({}))


def _active(filters: dict) -> list[str]:
	return frappe.get_all(
		"Outreach Enrollment", filters={**filters, "status": "Active"}, pluck="name", order_by="name"
	)


def _end_if_due(name: str, day: date) -> bool:
	frappe.db.commit()  # what was committed meanwhile must be seen
	enrollment = frappe.get_doc("Outreach Enrollment", name, for_update=True)
	ended = enrollment.status == "Active" and end_if_due(enrollment, day)
	frappe.db.commit()
	return ended


def end_if_due(enrollment: "frappe.Document", day: date) -> bool:
	"""End the (locked) enrollment if on that day there is a reason to; the caller commits."""
	if not frappe.db.exists("Customer", enrollment.customer):
		return end(enrollment, "Deleted", day)
	customer = frappe.get_doc("Customer", enrollment.customer)
	if customer.disabled:
		return end(enrollment, "Disabled", day)
	if _is_void(enrollment):
		return end(enrollment, "Void", day)
	order = first_order_since(enrollment, day)
	if order:
		is_invoice = orders_from_settings().doctype == INVOICE
		return end(enrollment, "Ordered", day, reorder_invoice=order if is_invoice else None)
	recipient = recipient_of(customer)
	if recipient and is_suppressed(recipient.address, customer.name):
		return end(enrollment, "Unsubscribed", day)
	return False


def _is_void(enrollment: "frappe.Document") -> bool:
	"""What the enrollment reacted to has been cancelled."""
	key = frappe.db.get_value("Tiering Event", enrollment.event, "signal_key")
	return bool(key and frappe.db.exists("Tiering Event", {"voids": key}))


def first_order_since(enrollment: "frappe.Document", day: date) -> str | None:
	"""The first order, of whatever company, later than the one that the enrollment's signal was counted from."""
	counted_from = frappe.db.get_value("Tiering Event", enrollment.event, "last_order_date")
	orders = orders_from_settings()
	rows = frappe.db.sql(
		f"""SELECT document.name FROM {orders.table} document
		WHERE {orders.counts} AND {orders.is_order_by_itself} AND document.customer = %(customer)s
			AND {orders.day} > %(after)s AND {orders.day} <= %(as_of)s
		ORDER BY {orders.day}, document.creation LIMIT 1""",
		{"customer": enrollment.customer, "after": counted_from or "0001-01-01", "as_of": day},
	)
	return rows[0][0] if rows else None


def end(enrollment: "frappe.Document", reason: str, day: date, **values: str | None) -> bool:
	enrollment.db_set(
		{"status": "Exited", "exit_reason": reason, "ended_on": day, "next_due_on": None, **values}
	)
	return True
