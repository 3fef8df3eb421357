"""One at a time makes follow-ups, on however many machines: who decides about capacity must know what others handed out."""

from collections.abc import Iterator
from contextlib import contextmanager

import frappe
from frappe import _

from customer_tiering.tiering import lock

NAME = "customer_tiering.follow_ups"
PATIENCE = 10  # seconds that somebody waits who has pressed a button


@contextmanager
def alone(wait: int | None = None) -> Iterator[None]:
	"""Raises RunInProgressError if a run or another person is still at it after `wait` seconds, or those of somebody at a button."""
	refusal = _("Follow-ups are being handed out at this moment. Try again in a minute.")
	with lock.only_one(NAME, refusal, PATIENCE if wait is None else wait):
		frappe.db.commit()  # what was committed while we waited must be seen
		yield
