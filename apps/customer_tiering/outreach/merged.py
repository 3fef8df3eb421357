"""Two customers who become one are in a sequence once, and what either refused stays refused."""

import frappe
from frappe.utils import add_days, getdate

from customer_tiering.outreach.enter import last_orders
from customer_tiering.outreach.exits import end
from customer_tiering.outreach.tracking import REFUSED

MERGED = "Merged"

# By sequence, the way in that has come furthest first.
ACTIVE = """
	SELECT enrollment.name, enrollment.sequence, enrollment.entered_on, enrollment.last_order_date FROM `tabOutreach Enrollment` enrollment
	LEFT JOIN `tabOutreach Touch` touch ON touch.enrollment = enrollment.name AND touch.status != 'Deferred'
	WHERE enrollment.customer = %s AND enrollment.status = 'Active'
	GROUP BY enrollment.name, enrollment.sequence, enrollment.entered_on, enrollment.last_order_date, enrollment.creation
	ORDER BY enrollment.sequence, COUNT(touch.name) DESC, enrollment.creation, enrollment.name
"""


def before_rename(customer: "frappe.Document", method: str, old: str, new: str, merge: bool = False) -> None:
	if merge and frappe.db.get_value("Customer", old, "mail_tracking") == REFUSED:
		frappe.db.set_value("Customer", new, "mail_tracking", REFUSED)


def after_rename(customer: "frappe.Document", method: str, old: str, new: str, merge: bool = False) -> None:
	"""What both had begun goes on where it has come furthest. What the other one had ordered before it began doesn't end it."""
	if not merge:
		return
	known = set()
	for row in frappe.db.sql(ACTIVE, new, as_dict=True):
		if row.sequence in known:
			end(frappe.get_doc("Outreach Enrollment", row.name, for_update=True), MERGED, getdate())
			continue
		known.add(row.sequence)
		before = last_orders([new], add_days(row.entered_on, -1)).get(new)
		if before and (not row.last_order_date or before > row.last_order_date):
			frappe.db.set_value("Outreach Enrollment", row.name, "last_order_date", before)
