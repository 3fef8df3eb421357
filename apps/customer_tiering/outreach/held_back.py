"""Messages that wait for something are for customers who are under way: nobody else gets them any more."""

from collections.abc import Collection

import frappe
from frappe import _

NOBODYS = """
	UPDATE `tabOutreach Touch` SET status = 'Skipped', reason = %(reason)s, deferred_until = NULL
	WHERE enrollment IN %(enrollments)s AND status = 'Deferred'
"""


def drop_held_back(enrollments: Collection[str], ended: str) -> None:
	"""Of enrollments that end what was deferred is skipped, and says why they ended (an exit reason, or a status)."""
	from customer_tiering.outreach.render import site_language

	with site_language():
		reason = left_sentence(ended)
	frappe.db.sql(NOBODYS, {"enrollments": list(enrollments), "reason": reason})


def left_sentence(ended: str) -> str:
	return _("The customer left the sequence meanwhile: {0}").format(_(ended, context="Outreach Enrollment"))
