"""Which touches are messages that have left the house, and when."""

import frappe
from frappe.utils import nowdate

# Of `touch` with its row of the Email Queue as `queue`. That row knows of a mail at once, the touch with the next dispatch; where
# the framework has cleared it, the mail left long ago. What goes by other channels says itself when it is sent.
HAS_LEFT = """(touch.status = 'Sent' OR (
	touch.channel = 'Email' AND touch.status = 'Queued' AND COALESCE(queue.status, 'Sent') IN ('Sent', 'Partially Sent')
))"""

# What left on another day than it was made for: by the day, as all that asks for days does.
SENT_AT = "COALESCE(touch.sent_at, touch.creation)"
LEFT_AT = f"IF(DATE({SENT_AT}) > touch.touched_on, touch.touched_on, {SENT_AT})"
LATEST_FIRST = f"touch.touched_on DESC, {SENT_AT} DESC, touch.name DESC"


def note_left(touch: str) -> None:
	"""Note that it has just left. What waited until another day is a message of the day on which it left; the caller commits."""
	frappe.db.sql(
		"""UPDATE `tabOutreach Touch` SET sent_at = %(now)s, reason = NULL, deferred_until = NULL,
			touched_on = IF(creation < %(today)s AND touched_on < %(today)s, %(today)s, touched_on)
		WHERE name = %(touch)s""",
		{"touch": touch, "now": frappe.utils.now_datetime(), "today": nowdate()},
	)
