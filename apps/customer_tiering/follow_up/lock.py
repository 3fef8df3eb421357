"""One at a time makes follow-ups, on however many machines: who decides about capacity must know what others handed out."""

from collections.abc import Iterator
from contextlib import contextmanager

import frappe
from frappe import _

from customer_tiering.tiering import lock

NAME = "customer_tiering.follow_ups"
PATIENCE = 10  # seconds that somebody waits who has pressed a button


@contextmanager
def only_one(wait: int) -> Iterator[bool]:
	"""Whether the lock was got within `wait` seconds. The database server frees it when its holder dies."""
	name = f"{frappe.conf.db_name}.{NAME}"[-64:]
	got = bool(frappe.db.sql("SELECT GET_LOCK(%s, %s)", (name, wait))[0][0])
	try:
		yield got
	finally:
		if got:
			frappe.db.sql("SELECT RELEASE_LOCK(%s)", name)


@contextmanager
def only_one_or_refuse() -> Iterator[None]:
	"""For what a person gives to others. Raises ValidationError if a run or another person is still at it after a while."""
	refusal = _("Follow-ups are being handed out at this moment. Try again in a minute.")
	with lock.only_one(NAME, refusal, PATIENCE):
		frappe.db.commit()  # what was committed while we waited must be seen
		yield
