"""Starts fits of the lifetime values: once a week, when settings change that they follow from, and when somebody asks."""

import frappe
from frappe import _

from customer_tiering.tiering.lifetime_value import fit_lifetime_value
from customer_tiering.tiering.recompute import no_progress
from customer_tiering.tiering.scope import last_full_run

TIMEOUT = 3600
PATIENCE = 600  # seconds that a fit waits for another one to end


def fit_lifetime_value_weekly() -> None:
	"""Nothing is written on customers before somebody has agreed to the first run."""
	if last_full_run():
		_enqueue("weekly", show_progress=False)


def fit_lifetime_value_after_change() -> None:
	"""As the weekly one. Not one of a kind: a fit that is at work goes by the old settings."""
	if last_full_run():
		frappe.enqueue(run_fit, queue="long", timeout=TIMEOUT, enqueue_after_commit=True)


def enqueue_fit() -> None:
	"""The fit that somebody asked for, whose progress is shown."""
	_enqueue("by hand", show_progress=True)


def run_fit(show_progress: bool = False) -> None:
	"""What comes of it, also that there is no model, is in its Lifetime Value Fit."""
	fit_lifetime_value(progress=_publish if show_progress else no_progress, wait=PATIENCE)


def _enqueue(what: str, show_progress: bool) -> None:
	"""One of a kind: two clicks are one fit. At once, as nothing has been written that it would have to wait for: older
	versions of the framework commit nothing then, and start nothing after it."""
	frappe.enqueue(
		run_fit,
		queue="long",
		timeout=TIMEOUT,
		job_id=f"customer_tiering.lifetime_value.{what}",
		deduplicate=True,
		show_progress=show_progress,
	)


def _publish(done: int, total: int, what: str) -> None:
	percent = 100 * done / total if total else 5
	frappe.publish_progress(percent, title=_("Fitting lifetime values"), description=what)
