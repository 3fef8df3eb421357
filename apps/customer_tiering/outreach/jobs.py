"""What the scheduler and a finished run start: the functions that the seeded server scripts call, where those don't run."""

from collections.abc import Callable
from datetime import date

import frappe

from customer_tiering.outreach.dispatch import dispatch_due
from customer_tiering.outreach.enrol import enrol
from customer_tiering.outreach.exits import stop_enrollments
from customer_tiering.outreach.experiments import finish_experiments
from customer_tiering.outreach.hits import forget_hits
from customer_tiering.outreach.server_scripts import is_in_charge, stop_jobs_that_must_fail
from customer_tiering.tiering.lock import ends_the_job


def after_run() -> None:
	if not is_in_charge("enrol"):
		enrol()


def run_outreach_hourly() -> None:
	stop_jobs_that_must_fail()
	for step, function in (("enrol", enrol), ("stop", stop_enrollments), ("dispatch", dispatch_due)):
		if not is_in_charge(step):
			_by_itself(function)
	_by_itself(finish_experiments)
	_by_itself(forget_hits)


def _by_itself(function: Callable[[], object]) -> None:
	"""If it fails, the others are done nevertheless."""
	try:
		function()
	except Exception as error:
		if ends_the_job(error):
			raise
		frappe.db.rollback()
		frappe.log_error(title=f"Outreach: {function.__name__}")
		frappe.db.commit()


def run_workflow(as_of: date | None = None) -> dict[str, int]:
	"""All three at once, whoever is in charge; doing it twice does no harm."""
	counts = {"entered": enrol(as_of), "left": stop_enrollments(as_of)}
	return {**counts, **{what.lower(): count for what, count in dispatch_due(as_of).items()}}
