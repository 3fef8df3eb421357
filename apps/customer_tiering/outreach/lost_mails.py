"""What became of mails in the framework's queue: sent, refused, or nobody knows."""

import frappe
from frappe import _
from frappe.utils import add_to_date, now_datetime, strip_html

from customer_tiering.tiering.chunks import chunks

STALE_MINUTES = 60

FIND = """
	SELECT touch.name, touch.status AS was, queue.status, queue.error
	FROM `tabOutreach Touch` touch JOIN `tabEmail Queue` queue ON queue.message_id = touch.message_id
	WHERE touch.channel = 'Email' AND (
		(touch.status IN ('Queued', 'In Doubt', 'Failed', 'Skipped') AND queue.status = 'Sent')
		OR (touch.status = 'Queued' AND queue.status = 'Error')
		OR (touch.status = 'Queued' AND queue.status = 'Sending' AND queue.modified <= %(stale)s)
	)
"""


def note_lost_mails() -> None:
	"""A touch says of its mail what the queue says. A sender that died between the mail server's answer and its own note leaves
	a mail of which nobody knows: it is shown as in doubt, and nobody sends it again by itself. Commits.
	"""
	found: dict[tuple, list[str]] = {}
	stale = {"stale": add_to_date(now_datetime(), minutes=-STALE_MINUTES)}
	for row in frappe.db.sql(FIND, stale, as_dict=True):  # without locking mails that are under way
		found.setdefault((row.was, *_became(row)), []).append(row.name)
	for (was, status, reason), names in found.items():
		for some in chunks(names):
			still = {"name": ("in", some), "status": was}
			frappe.db.set_value("Outreach Touch", still, {"status": status, "reason": reason})
			frappe.db.commit()


def _became(row: frappe._dict) -> tuple[str, str | None]:
	if row.status == "Sent":
		return "Sent", None
	if row.status == "Sending":
		return "In Doubt", _("The mail may have gone out: its sender died. See the Email Queue.")
	return "Failed", _("The mail server did not take it: {0}").format(_last_line(row.error))


def _last_line(error: str | None) -> str:
	"""Of a traceback that says what happened: who writes mails may not read the Email Queue."""
	lines = (error or "").strip().splitlines()
	return strip_html(lines[-1])[:300] if lines else _("see the Email Queue")
