"""Finds, set-wise, the active enrollments that may have a reason to end; `exits` judges each of them."""

from collections.abc import Collection
from datetime import date

import frappe

from customer_tiering.outreach.broken import is_passing, report
from customer_tiering.outreach.crowd import Crowd
from customer_tiering.outreach.reached import reached
from customer_tiering.outreach.replies import replied
from customer_tiering.outreach.suppress import STOPPED, stopped_among, stopped_customers
from customer_tiering.tiering.audience import customers_in
from customer_tiering.tiering.orders import orders_from_settings

ACTIVE = "SELECT enrollment.name FROM `tabOutreach Enrollment` enrollment"

GONE = f"""{ACTIVE} LEFT JOIN `tabCustomer` customer ON customer.name = enrollment.customer
	WHERE enrollment.status = 'Active' AND COALESCE(customer.disabled, 1) = 1"""

VOID = f"""{ACTIVE} JOIN `tabTiering Event` event ON event.name = enrollment.event
	JOIN `tabTiering Event` void ON void.voids = event.signal_key
	WHERE enrollment.status = 'Active' AND event.signal_key IS NOT NULL"""

# One of our codes used on whatever document, also on an order where invoices are counted. What was used before the customer entered
# is no answer to it, be it of the same day; nor is an older order that is amended.
REDEEMED = f"""{ACTIVE}
	JOIN `tabOutreach Sequence` sequence ON sequence.name = enrollment.sequence AND sequence.exit_on_order = 1
	JOIN `tabOutreach Touch` touch ON touch.customer = enrollment.customer AND touch.redeemed_at > enrollment.creation
		AND touch.redeemed_on >= LEAST(enrollment.entered_on, DATE(enrollment.creation))
	WHERE enrollment.status = 'Active' AND touch.redeemed_in IS NOT NULL"""

# Their last day is over
HELD_OUT = f"""{ACTIVE} WHERE enrollment.status = 'Active' AND enrollment.is_holdout = 1 AND enrollment.entered_on < %(as_of)s
	AND DATEDIFF(%(as_of)s, enrollment.entered_on) > (
		SELECT COALESCE(MAX(step.day_offset), 0) FROM `tabOutreach Step` step WHERE step.parent = enrollment.sequence)"""

ANSWERING = """enrollment.status = 'Active' AND enrollment.sequence IN (
	SELECT name FROM `tabOutreach Sequence` WHERE exit_on_reply = 1
)"""
STOPPED_ON_THE_WAY = f"""
	SELECT enrollment.name FROM ({STOPPED}) stopped
	JOIN `tabOutreach Touch` touch ON touch.address = stopped.address AND touch.channel != 'Webhook'
	JOIN `tabOutreach Enrollment` enrollment ON enrollment.name = touch.enrollment AND enrollment.status = 'Active'
"""


def leavers(day: date, among: Collection[str] | None = None) -> list[str]:
	"""Of all active enrollments, or of those among these names."""
	only = "AND enrollment.name IN %(names)s" if among is not None else ""
	values = {"as_of": day, "names": list(among or [""])}
	found: set[str] = set()
	for query in (GONE, VOID, REDEEMED, HELD_OUT, _ordered()):
		found.update(frappe.db.sql(f"{query} {only}", values, pluck=True))
	active = frappe.db.sql(
		f"""SELECT enrollment.name, enrollment.customer, enrollment.sequence FROM `tabOutreach Enrollment` enrollment
		WHERE enrollment.status = 'Active' {only}""",
		values,
		as_dict=True,
	)
	suppressed = _suppressed(active) if among is None else _suppressed_among(active)
	found |= suppressed | _out_of_audience(day, active)
	return sorted(found | replied(f"{ANSWERING} {only}", values))


def _suppressed(active: list[frappe._dict]) -> set[str]:
	"""Those of whose customers an address is on the lists, or one that they were written to."""
	stopped = stopped_customers()
	on_the_way = frappe.db.sql(STOPPED_ON_THE_WAY, {"sequence": ""}, pluck=True)
	return {row.name for row in active if row.customer in stopped}.union(on_the_way)


def _suppressed_among(active: list[frappe._dict]) -> set[str]:
	"""The same for a few, without reading all that is on the lists."""
	crowd = Crowd({row.customer for row in active})
	written_to = reached([row.name for row in active])
	addresses = {
		row.name: crowd.addresses_of(row.customer) | written_to.get(row.name, set()) for row in active
	}
	stopped = stopped_among({each for some in addresses.values() for each in some}) | crowd.unsubscribed
	return {row.name for row in active if not stopped.isdisjoint(addresses[row.name])}


def _ordered() -> str:
	orders = orders_from_settings()
	return f"""{ACTIVE}
		JOIN `tabOutreach Sequence` sequence ON sequence.name = enrollment.sequence AND sequence.exit_on_order = 1
		JOIN {orders.table} document ON document.customer = enrollment.customer
		WHERE enrollment.status = 'Active' AND {orders.counts} AND {orders.day} <= %(as_of)s
			AND {orders.day} > COALESCE(enrollment.last_order_date, '0001-01-01')"""


def _out_of_audience(day: date, active: list[frappe._dict]) -> set[str]:
	members: dict[str, dict[str, str]] = {}
	for row in active:
		members.setdefault(row.sequence, {})[row.name] = row.customer
	sequences = frappe.get_all(
		"Outreach Sequence",
		filters={"exit_out_of_audience": 1, "name": ("in", list(members))},
		fields=["name", "audience_filters"],
	)
	found = set()
	for sequence in sequences:
		customers = members[sequence.name]
		gone = out_of_audience(sequence, set(customers.values()), day)
		found |= {name for name, customer in customers.items() if customer in gone}
	return found


def out_of_audience(sequence: "frappe.Document", customers: Collection[str], day: date) -> set[str]:
	"""Those of the customers who are not in the sequence's audience; nobody as long as that can't be read, which managers are told."""
	try:
		return set(customers) - customers_in(sequence.audience_filters, among=list(customers), as_of=day)
	except Exception as error:
		if is_passing(error):
			raise
		report(sequence.name, error)
		return set()
