"""Finds, set-wise, the active enrollments that may have a reason to end; `exits` judges each of them."""

from datetime import date

import frappe

from customer_tiering.outreach.suppress import stopped_customers
from customer_tiering.tiering.audience import customers_in
from customer_tiering.tiering.orders import orders_from_settings

ACTIVE = "SELECT enrollment.name FROM `tabOutreach Enrollment` enrollment"

GONE = f"""{ACTIVE} LEFT JOIN `tabCustomer` customer ON customer.name = enrollment.customer
	WHERE enrollment.status = 'Active' AND COALESCE(customer.disabled, 1) = 1"""

VOID = f"""{ACTIVE} JOIN `tabTiering Event` event ON event.name = enrollment.event
	JOIN `tabTiering Event` void ON void.voids = event.signal_key
	WHERE enrollment.status = 'Active' AND event.signal_key IS NOT NULL"""

HELD_OUT = f"{ACTIVE} WHERE enrollment.status = 'Active' AND enrollment.is_holdout = 1"


def leavers(day: date) -> list[str]:
	found: set[str] = set()
	for query in (GONE, VOID, HELD_OUT, _ordered(), _may_reply()):
		found.update(frappe.db.sql(query, {"as_of": day}, pluck=True))
	return sorted(found | _suppressed() | _out_of_audience(day))


def _suppressed() -> set[str]:
	stopped = stopped_customers()
	active = frappe.get_all("Outreach Enrollment", filters={"status": "Active"}, fields=["name", "customer"])
	return {row.name for row in active if row.customer in stopped} if stopped else set()


def _ordered() -> str:
	orders = orders_from_settings()
	return f"""{ACTIVE}
		JOIN `tabOutreach Sequence` sequence ON sequence.name = enrollment.sequence AND sequence.exit_on_order = 1
		JOIN {orders.table} document ON document.customer = enrollment.customer
		WHERE enrollment.status = 'Active' AND {orders.counts} AND {orders.day} <= %(as_of)s
			AND {orders.day} > COALESCE(enrollment.last_order_date, '0001-01-01')"""


def _may_reply() -> str:
	return f"""{ACTIVE}
		JOIN `tabOutreach Sequence` sequence ON sequence.name = enrollment.sequence AND sequence.exit_on_reply = 1
		WHERE enrollment.status = 'Active'"""


def _out_of_audience(day: date) -> set[str]:
	sequences = frappe.get_all(
		"Outreach Sequence", filters={"exit_out_of_audience": 1}, fields=["name", "audience_filters"]
	)
	found = set()
	for sequence in sequences:
		active = frappe.get_all(
			"Outreach Enrollment",
			filters={"sequence": sequence.name, "status": "Active"},
			fields=["name", "customer"],
		)
		if active:
			inside = customers_in(sequence.audience_filters, as_of=day)
			found |= {row.name for row in active if row.customer not in inside}
	return found
