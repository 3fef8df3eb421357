"""What became of mails that the framework's queue could not send, or of which nobody knows."""

import frappe
from frappe import _
from frappe.utils import add_to_date, now_datetime, strip_html

STALE_MINUTES = 60

FIND = """
	SELECT touch.name, queue.error FROM `tabEmail Queue` queue JOIN `tabOutreach Touch` touch ON touch.message_id = queue.message_id
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
	failed = _("The mail server did not take it: {0}")
	for was, queue_status, status, reason, before in (
		("Queued", "Sending", "In Doubt", in_doubt, stale),
		("In Doubt", "Sent", "Queued", None, now),
		("Queued", "Error", "Failed", failed, now),
		("Failed", "Sent", "Queued", None, now),
	):
		found = {"was": was, "queue_status": queue_status, "before": before}
		for name, error in frappe.db.sql(FIND, found):  # without locking mails that are under way
			said = reason and reason.format(_last_line(error))
			frappe.db.set_value(
				"Outreach Touch", {"name": name, "status": was}, {"status": status, "reason": said}
			)
			frappe.db.commit()


def _last_line(error: str | None) -> str:
	"""Of a traceback that says what happened: who writes mails may not read the Email Queue."""
	lines = (error or "").strip().splitlines()
	return strip_html(lines[-1])[:300] if lines else _("see the Email Queue")
