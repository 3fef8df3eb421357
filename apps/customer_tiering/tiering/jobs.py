"""What the scheduler and the button start."""

from contextlib import suppress

import frappe
from frappe import _
from frappe.utils import add_to_date, getdate, now_datetime
from frappe.utils.background_jobs import get_job

from customer_tiering.tiering import queue, retention
from customer_tiering.tiering.lock import RunInProgressError, is_free
from customer_tiering.tiering.recompute import LOCK, no_progress, recompute
from customer_tiering.tiering.scope import customers_with_changed_issues, full_run_is_due, last_full_run

TIMEOUT = 3600
RESULT = "customer_tiering.result"
RESULT_EXPIRES = 3600  # seconds
PATIENCE = 600  # seconds that a full run waits for another one to end


def recompute_tiers_nightly() -> None:
	"""A full run when one is due, else an incremental one. The first run on a site is never started by itself."""
	retention.tidy()
	if last_full_run():
		queue.add(customers_with_changed_issues(), queue.OTHER)
		_enqueue(run, "nightly", full=full_run_is_due(getdate()), show_progress=False)
	else:
		yesterday = add_to_date(
			now_datetime(), days=-1
		)  # younger rows may belong to a first run that is under way
		frappe.db.delete("Tiering Queue", {"creation": ("<", yesterday)})


def drain_queue_regularly() -> None:
	"""Catches up with what was queued while Redis or the workers were down."""
	if last_full_run() and queue.has_rows():
		queue.start_drain()


def drain() -> None:
	"""Decide anew about whom the work list names; while another run writes, that one's end starts this again."""
	queue.drain_begins()
	if not last_full_run() or not queue.has_rows():
		return
	with suppress(RunInProgressError):
		recompute(full=False)


def enqueue_recompute(after_commit: bool = False) -> None:
	"""The full run that somebody asked for, whose progress is shown; `after_commit` where it must see what is being written."""
	_enqueue(run, "by hand", enqueue_after_commit=after_commit, full=True, show_progress=True)


def enqueue_preview() -> None:
	"""What the first run would write, shown to the user who asked."""
	_enqueue(preview, "preview")


def preview() -> None:
	try:
		summary = recompute(dry_run=True, progress=_publish)
	except Exception as error:
		_tell({"error": frappe.utils.strip_html(str(error)) or type(error).__name__})
		raise
	_tell(summary.as_dict(), "tiering_previewed")


def _enqueue(method: object, what: str, **arguments: object) -> None:
	"""One of a kind: two clicks are one run. At once, unless told otherwise: after a request that wrote nothing older versions of
	the framework commit nothing, and start nothing that waits for it."""
	if method is run:
		_forget_dead(what)
	frappe.enqueue(
		method,
		queue="long",
		timeout=TIMEOUT,
		job_id=f"customer_tiering.{what}",
		deduplicate=True,
		**arguments,
	)


def _forget_dead(what: str) -> None:
	"""A worker that was killed leaves its job behind as started, for minutes; one that is alive has the lock of all runs, or
	waits while another has it."""
	job = get_job(f"customer_tiering.{what}")
	if job and job.get_status() == "started" and is_free(LOCK):
		job.delete()


def run(full: bool = True, show_progress: bool = False) -> None:
	"""Recompute and tell the user who asked. A full run waits for one that is under way; an incremental one leaves it to that."""
	try:
		progress = _publish if show_progress else no_progress
		summary = recompute(progress=progress, full=full, wait=PATIENCE if full else 0)
	except Exception as error:
		frappe.db.rollback()
		if show_progress:
			_tell({"error": frappe.utils.strip_html(str(error)) or type(error).__name__})
		if isinstance(error, RunInProgressError) and not full:
			return
		raise
	if show_progress:
		_tell(summary.as_dict())


def _tell(summary: dict, event: str = "tiering_recomputed") -> None:
	"""At once where the realtime server runs; and kept for whoever asks later."""
	user = frappe.session.user
	frappe.publish_realtime(event, summary, user=user)
	result = {"event": event, "summary": summary}
	frappe.cache.set_value(f"{RESULT}.{user}", result, expires_in_sec=RESULT_EXPIRES)


def take_result(user: str) -> dict | None:
	"""What the job that this user started has told, and forget it."""
	result = frappe.cache.get_value(f"{RESULT}.{user}", expires=True)
	frappe.cache.delete_value(f"{RESULT}.{user}")
	return result


def _publish(done: int, total: int, what: str) -> None:
	percent = 100 * done / total if total else 5
	frappe.publish_progress(percent, title=_("Recomputing tiers"), description=what)
