"""Two customers who become one are in a sequence once."""

import frappe
from frappe.utils import getdate

from customer_tiering.outreach.exits import end

MERGED = "Merged"

# By sequence, the way in that has come furthest first.
ACTIVE = """
	SELECT enrollment.name, enrollment.sequence FROM `tabOutreach Enrollment` enrollment
	LEFT JOIN `tabOutreach Touch` touch ON touch.enrollment = enrollment.name AND touch.status != 'Deferred'
	WHERE enrollment.customer = %s AND enrollment.status = 'Active'
	GROUP BY enrollment.name, enrollment.sequence, enrollment.creation
	ORDER BY enrollment.sequence, COUNT(touch.name) DESC, enrollment.creation, enrollment.name
"""


def after_rename(customer: "frappe.Document", method: str, old: str, new: str, merge: bool = False) -> None:
	"""What both had begun goes on where it has come furthest."""
	if not merge:
		return
	known = set()
	for row in frappe.db.sql(ACTIVE, new, as_dict=True):
		if row.sequence in known:
			end(frappe.get_doc("Outreach Enrollment", row.name, for_update=True), MERGED, getdate())
		known.add(row.sequence)
