"""One of a kind at a time on a site, on however many machines; and what to do when the database goes away meanwhile."""

from collections.abc import Iterator
from contextlib import contextmanager

import frappe
from frappe import _

RUNS = "customer_tiering.recompute"
# For how long somebody who changes rules waits: a run for a few customers takes less, one for all takes more.
MOMENT = 5


class RunInProgressError(frappe.ValidationError):
	"""Another run is writing at this moment."""


class only_one:
	"""A lock of the database server, freed when its holder dies.

	Raises RunInProgressError, with the text `refusal`, if somebody else still has it after `wait` seconds.
	"""

	def __init__(self, what: str, refusal: str, wait: int = 0) -> None:
		self.name = _name_of(what)
		self.refusal, self.wait = refusal, wait

	def __enter__(self) -> None:
		if not frappe.db.sql("SELECT GET_LOCK(%s, %s)", (self.name, self.wait))[0][0]:
			frappe.throw(self.refusal, RunInProgressError)

	def __exit__(self, *exc: object) -> None:
		with unless_disconnected():  # with the connection the lock is gone, too
			frappe.db.sql("SELECT RELEASE_LOCK(%s)", self.name)


def only_one_until_commit(what: str, refusal: str, wait: int = 0) -> None:
	"""As `only_one`, for as long as this transaction lasts: what it writes is seen by whoever comes next."""
	lock = only_one(what, refusal, wait)
	lock.__enter__()
	frappe.db.after_commit.add(lock.__exit__)
	frappe.db.after_rollback.add(lock.__exit__)


def no_run_until_commit() -> None:
	"""No run decides by names that are no more when it writes them: to be asked before tiers, stages and segments are renamed
	or deleted. Raises RunInProgressError."""
	refusal = _(
		"A run is deciding about customers just now, by the rules that there are. Try again when it is done: the list of Tiering Runs shows it."
	)
	only_one_until_commit(RUNS, refusal, MOMENT)


def is_free(what: str) -> bool:
	"""Whether nobody has the lock: whoever had it is dead or done."""
	return bool(frappe.db.sql("SELECT IS_FREE_LOCK(%s)", _name_of(what))[0][0])


def _name_of(what: str) -> str:
	return f"{frappe.conf.db_name}.{what}"[-64:]


@contextmanager
def unless_disconnected() -> Iterator[None]:
	try:
		yield
	except Exception as error:
		if not connection_is_lost(error):
			raise


# A server that shuts down or ended the connection; then those of the client library: not to be reached, gone away, lost.
LOST = {1053, 1927, *range(2002, 2007), 2012, 2013, 2026, 2027, 2055, 4031}


def connection_is_lost(error: Exception) -> bool:
	"""Whether the database server went away: drivers differ, the names of their errors (PEP 249) and the codes don't.

	An OperationalError is much else as well: a column that is missing, a lock that somebody holds, a full disk.
	"""
	names = {kind.__name__ for kind in type(error).__mro__}
	code = error.args[0] if error.args else None
	return "InterfaceError" in names or ("OperationalError" in names and code in LOST)


def ends_the_job(error: Exception) -> bool:
	"""Whether nothing that a job would do next can be done: the database went away, or the job's own time is up."""
	from rq.timeouts import BaseTimeoutException

	return isinstance(error, BaseTimeoutException) or connection_is_lost(error)
