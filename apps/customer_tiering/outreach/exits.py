"""Who leaves a sequence: at once on an order, when unsubscribed, disabled or deleted, and for what else the sequence says."""

from datetime import date

import frappe
from frappe.utils import add_days, getdate

from customer_tiering.outreach.answered import tell_of_leaving
from customer_tiering.outreach.crowd import Crowd
from customer_tiering.outreach.goals import note_goals
from customer_tiering.outreach.held_back import drop_held_back
from customer_tiering.outreach.leavers import REDEEMED, leavers, out_of_audience
from customer_tiering.outreach.ordered_with import follow_invoices
from customer_tiering.outreach.reached import reached
from customer_tiering.outreach.replies import replied
from customer_tiering.outreach.suppress import is_suppressed
from customer_tiering.outreach.ways import has_left, usual_addresses
from customer_tiering.tiering.orders import INVOICE, orders_from_settings
from customer_tiering.tiering.queue import PATIENTLY, log_exception, never_in_the_way


@never_in_the_way
def on_order_submitted(order: "frappe.Document", method: str | None = None) -> None:
	"""For a Sales Invoice or a Sales Order. Only enqueues, once that is committed: nothing here may stand in its way."""
	customer = order.customer
	if not order.get("is_return") and _is_enrolled(customer):
		frappe.db.after_commit.add(lambda: _enqueue_exit(customer))


def _is_enrolled(customer: str) -> bool:
	return bool(
		frappe.db.sql(
			f"""{PATIENTLY} SELECT name FROM `tabOutreach Enrollment`
			WHERE customer = %s AND status = 'Active' LIMIT 1""",
			customer,
		)
	)


def _enqueue_exit(customer: str) -> None:
	try:
		frappe.enqueue(leave_if_due, queue="short", customer=customer)
	except Exception:  # the queue is down: the hourly run looks for orders too, and so does every dispatch
		log_exception(f"Order of {customer}: exit from sequences not enqueued")


def leave_if_due(customer: str) -> None:
	"""End this customer's enrollments that an order answers, or for whatever other reason there is."""
	active = {"customer": customer, "status": "Active"}
	for name in frappe.get_all("Outreach Enrollment", filters=active, pluck="name", order_by="name"):
		_end_if_due(name, getdate())


def stop_enrollments(as_of: date | None = None) -> int:
	"""End every active enrollment that there is a reason to end, and note who reached the goal; returns how many ended."""
	day = as_of or getdate()
	frappe.db.commit()  # what was committed meanwhile must be seen
	found = leavers(day)
	frappe.db.commit()  # what managers are told
	ended = sum(_end_if_due(name, day) for name in found)
	note_goals(day)
	follow_invoices()
	return ended


def _end_if_due(name: str, day: date) -> bool:
	frappe.db.commit()
	enrollment = frappe.get_doc("Outreach Enrollment", name, for_update=True)
	ended = enrollment.status == "Active" and end_if_due(
		enrollment, frappe.get_doc("Outreach Sequence", enrollment.sequence), day
	)
	frappe.db.commit()
	return ended


def end_if_due(enrollment: "frappe.Document", sequence: "frappe.Document", day: date) -> bool:
	"""End the (locked) enrollment if on that day there is a reason to; the caller commits."""
	if not frappe.db.exists("Customer", enrollment.customer):
		return end(enrollment, "Deleted", day)
	customer = frappe.get_doc("Customer", enrollment.customer)
	if customer.disabled:
		return end(enrollment, "Disabled", day)
	if _is_void(enrollment):
		return end(enrollment, "Void", day)
	order = first_order_since(enrollment, day) if sequence.exit_on_order else None
	if order:
		is_invoice = orders_from_settings().doctype == INVOICE
		return end(enrollment, "Ordered", day, reorder_invoice=order if is_invoice else None)
	if sequence.exit_on_order and frappe.db.sql(f"{REDEEMED} AND enrollment.name = %s", enrollment.name):
		return end(enrollment, "Ordered", day)
	stopped = stopped_addresses(enrollment, customer, sequence)
	if stopped:
		bounced = {"address": ("in", stopped), "source": "Bounce"}
		return end(
			enrollment,
			"Bounced" if frappe.db.exists("Outreach Suppression", bounced) else "Unsubscribed",
			day,
		)
	if sequence.exit_on_reply and replied("enrollment.name = %(name)s", {"name": enrollment.name}):
		return end(enrollment, "Replied", day)
	if sequence.exit_out_of_audience and out_of_audience(sequence, [customer.name], day):
		return end(enrollment, "Out of Audience", day)
	if enrollment.is_holdout and add_days(enrollment.entered_on, sequence.last_day()) < day:
		return end(enrollment, None, day, status="Completed")
	return False


def stopped_addresses(
	enrollment: "frappe.Document",
	customer: "frappe.Document",
	sequence: "frappe.Document",
	crowd: Crowd | None = None,
) -> list[str]:
	"""Of the customer's usual addresses and those that messages of the enrollment went to, the ones that may get nothing more and
	for which the customer leaves. Who left this very sequence leaves it in all channels.
	"""
	usual = usual_addresses(sequence, customer, crowd)
	addresses = _reached(enrollment) | set(filter(None, usual))
	stopped = [each for each in sorted(addresses) if is_suppressed(each, customer.name, sequence.name)]
	if has_left(usual, stopped):
		return stopped
	of_this = {"address": ("in", stopped or [""]), "sequence": sequence.name}
	return frappe.get_all("Outreach Suppression", of_this, pluck="address")


def _reached(enrollment: "frappe.Document") -> set[str]:
	return reached([enrollment.name]).get(enrollment.name, set())


def _is_void(enrollment: "frappe.Document") -> bool:
	"""What the enrollment reacted to has been cancelled."""
	key = frappe.db.get_value("Tiering Event", enrollment.event, "signal_key") if enrollment.event else None
	return bool(key and frappe.db.exists("Tiering Event", {"voids": key}))


def first_order_since(enrollment: "frappe.Document", day: date) -> str | None:
	"""The first order, of whatever company, later than the last one that was known when the customer entered."""
	orders = orders_from_settings()
	rows = frappe.db.sql(
		f"""SELECT document.name FROM {orders.table} document
		WHERE {orders.counts} AND {orders.is_order_by_itself} AND document.customer = %(customer)s
			AND {orders.day} > %(after)s AND {orders.day} <= %(as_of)s
		ORDER BY {orders.day}, document.creation LIMIT 1""",
		{
			"customer": enrollment.customer,
			"after": enrollment.last_order_date or "0001-01-01",
			"as_of": day,
		},
	)
	return rows[0][0] if rows else None


def end(enrollment: "frappe.Document", reason: str | None, day: date, **values: str | None) -> bool:
	enrollment.db_set(
		{
			"status": "Exited",
			"exit_reason": reason,
			"ended_on": day,
			"next_due_on": None,
			"not_before": None,
			**values,
		}
	)
	drop_held_back([enrollment.name], reason or enrollment.status)
	tell_of_leaving(enrollment, reason)
	return True
