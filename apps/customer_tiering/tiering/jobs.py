"""What the scheduler and the button start."""

from contextlib import suppress

import frappe
from frappe import _
from frappe.utils import getdate

from customer_tiering.tiering import queue, retention
from customer_tiering.tiering.recompute import RunInProgressError, no_progress, recompute
from customer_tiering.tiering.scope import full_run_is_due, last_full_run

JOB_ID = "customer_tiering.recompute"
TIMEOUT = 3600


def recompute_tiers_nightly() -> None:
	"""A full run when one is due, else an incremental one. The first run on a site is never started by itself."""
	retention.tidy()
	if last_full_run():
		_enqueue(run, full=full_run_is_due(getdate()), show_progress=False)
	else:
		frappe.db.delete("Tiering Queue")  # the first run takes everybody in


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


def enqueue_recompute() -> None:
	"""The full run that somebody asked for, whose progress is shown."""
	_enqueue(run, full=True, show_progress=True)


def enqueue_preview() -> None:
	"""What the first run would write, shown to the user who asked."""
	_enqueue(preview)


def preview() -> None:
	try:
		summary = recompute(dry_run=True, progress=_publish)
	except Exception as error:
		_tell({"error": frappe.utils.strip_html(str(error)) or type(error).__name__})
		raise
	frappe.publish_realtime("tiering_previewed", summary.as_dict(), user=frappe.session.user)


def _enqueue(method: object, **arguments: object) -> None:
	frappe.enqueue(
		method,
		queue="long",
		timeout=TIMEOUT,
		job_id=JOB_ID,
		deduplicate=True,
		enqueue_after_commit=True,
		**arguments,
	)


def run(full: bool = True, show_progress: bool = False) -> None:
	"""Recompute and tell the user who asked; a run that is under way already does the work."""
	try:
		summary = recompute(progress=_publish if show_progress else no_progress, full=full)
	except Exception as error:
		frappe.db.rollback()
		if show_progress:
			_tell({"error": frappe.utils.strip_html(str(error)) or type(error).__name__})
		if isinstance(error, RunInProgressError):
			return
		raise
	if show_progress:
		_tell(summary.as_dict())


def _tell(result: dict) -> None:
	frappe.publish_realtime("tiering_recomputed", result, user=frappe.session.user)


def _publish(done: int, total: int, what: str) -> None:
	percent = 100 * done / total if total else 5
	frappe.publish_progress(percent, title=_("Recomputing tiers"), description=what)
