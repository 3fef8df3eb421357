"""What became of mails that the framework's queue could not send, or of which nobody knows."""

import frappe
from frappe import _
from frappe.utils import add_to_date, now_datetime

STALE_MINUTES = 60

FIND = """
	SELECT touch.name FROM `tabEmail Queue` queue JOIN `tabOutreach Touch` touch ON touch.message_id = queue.message_id
	WHERE touch.channel = 'Email' AND touch.status = %(was)s AND queue.status = %(queue_status)s
		AND queue.modified <= %(before)s
"""


def note_lost_mails() -> None:
	"""A sender that died between the mail server's answer and its own note leaves a mail of which nobody knows: it is shown as
	in doubt, and nobody sends it again by itself. Commits.
	"""
	now = now_datetime()
	stale = add_to_date(now, minutes=-STALE_MINUTES)
	in_doubt = _("The mail may have gone out: its sender died. See the Email Queue.")
	failed = _("The mail server did not take it. See the Email Queue.")
	for was, queue_status, status, reason, before in (
		("Queued", "Sending", "In Doubt", in_doubt, stale),
		("In Doubt", "Sent", "Queued", None, now),
		("Queued", "Error", "Failed", failed, now),
		("Failed", "Sent", "Queued", None, now),
		("Skipped", "Sent", "Queued", None, now),  # left out at first, then sent by hand
	):
		found = {"was": was, "queue_status": queue_status, "before": before}
		for name in frappe.db.sql(FIND, found, pluck=True):  # without locking mails that are under way
			frappe.db.set_value(
				"Outreach Touch", {"name": name, "status": was}, {"status": status, "reason": reason}
			)
			frappe.db.commit()
