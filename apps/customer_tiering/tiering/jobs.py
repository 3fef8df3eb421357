"""What the scheduler and the button start."""

import frappe
from frappe import _

from customer_tiering.tiering.recompute import RunInProgressError, recompute

JOB_ID = "customer_tiering.recompute"
TIMEOUT = 3600


def recompute_tiers_nightly() -> None:
	enqueue_recompute(show_progress=False)


def enqueue_recompute(show_progress: bool) -> None:
	frappe.enqueue(
		run,
		queue="long",
		timeout=TIMEOUT,
		job_id=JOB_ID,
		deduplicate=True,
		enqueue_after_commit=True,
		show_progress=show_progress,
	)


def run(show_progress: bool = False) -> None:
	"""Recompute and tell the user who asked; a run that is under way already does the work."""
	try:
		summary = recompute(progress=_publish) if show_progress else recompute()
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
