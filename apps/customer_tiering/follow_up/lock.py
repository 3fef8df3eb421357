"""One at a time makes follow-ups, on however many machines: who decides about capacity must know what others handed out."""

from collections.abc import Iterator
from contextlib import contextmanager

import frappe

NAME = "customer_tiering.follow_ups"


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
