"""What people do with sequences themselves: enter customers, a backlog of them, take one out, and get a mail to look at."""

from collections.abc import Collection
from datetime import date

import frappe
from frappe import _

from customer_tiering.outreach.audience_entry import enrol_backlog
from customer_tiering.outreach.enter import HAND, enrollment_row, enter, why_not
from customer_tiering.outreach.exits import end


def enter_by_hand(sequence: "frappe.Document", customers: Collection[str], day: date) -> dict:
	"""Enter these customers today; {"entered": their number, "refused": [a sentence for each of the others]}. The caller commits."""
	refuse_switched_off(sequence)
	entered, refused = 0, []
	for name in dict.fromkeys(customers):
		customer = frappe.db.get_value("Customer", name, ["last_order_date", "disabled"], as_dict=True)
		reason = (
			_("{0} is disabled.").format(name)
			if not customer or customer.disabled
			else why_not(sequence, name, day)
		)
		if reason:
			refused.append(reason)
			continue
		key = f"{HAND}|{name}|{frappe.utils.now()}"
		entered += enter(enrollment_row(sequence, name, key, HAND, day, customer.last_order_date))
	return {"entered": entered, "refused": refused}


def enter_backlog(sequence: "frappe.Document", customers: Collection[str], per_day: int, day: date) -> dict:
	refuse_switched_off(sequence)
	if not 1 <= per_day <= 10000:
		frappe.throw(_("{0} must be between 1 and 10,000.").format(_("Customers a day")))
	entered = enrol_backlog(sequence, customers, per_day, day)
	return {"entered": entered, "days": -(-entered // per_day)}


def take_out(enrollment: "frappe.Document", day: date) -> bool:
	"""Whether the customer was under way."""
	return enrollment.status == "Active" and end(enrollment, "By Hand", day)


def refuse_switched_off(sequence: "frappe.Document") -> None:
	if not sequence.enabled:
		frappe.throw(_("The sequence {0} is switched off.").format(frappe.bold(sequence.name)))
