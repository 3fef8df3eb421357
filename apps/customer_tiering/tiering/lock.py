"""One of a kind at a time on a site, on however many machines; and what to do when the database goes away meanwhile."""

from collections.abc import Iterator
from contextlib import contextmanager

import frappe


class RunInProgressError(frappe.ValidationError):
	"""Another run is writing at this moment."""


class only_one:
	"""A lock of the database server, freed when its holder dies.

	Raises RunInProgressError, with the text `refusal`, if somebody else still has it after `wait` seconds.
	"""

	def __init__(self, what: str, refusal: str, wait: int = 0) -> None:
		self.name = f"{frappe.conf.db_name}.{what}"[-64:]
		self.refusal, self.wait = refusal, wait

	def __enter__(self) -> None:
		if not frappe.db.sql("SELECT GET_LOCK(%s, %s)", (self.name, self.wait))[0][0]:
			frappe.throw(self.refusal, RunInProgressError)

	def __exit__(self, *exc: object) -> None:
		with unless_disconnected():  # with the connection the lock is gone, too
			frappe.db.sql("SELECT RELEASE_LOCK(%s)", self.name)


@contextmanager
def unless_disconnected() -> Iterator[None]:
	try:
		yield
	except Exception as error:
		if not connection_is_lost(error):
			raise


def connection_is_lost(error: Exception) -> bool:
	"""Whether the database server went away: drivers differ, the names of their errors (PEP 249) don't."""
	names = {kind.__name__ for kind in type(error).__mro__}
	return not names.isdisjoint(("OperationalError", "InterfaceError"))
