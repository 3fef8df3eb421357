"""What the scheduler and a finished run start: the functions that the seeded server scripts call, where those don't run."""

from datetime import date

from customer_tiering.outreach.dispatch import dispatch_due
from customer_tiering.outreach.enrol import enrol
from customer_tiering.outreach.exits import stop_enrollments
from customer_tiering.outreach.experiments import finish_experiments
from customer_tiering.outreach.hits import forget_hits
from customer_tiering.outreach.server_scripts import is_in_charge, stop_jobs_that_must_fail


def after_run() -> None:
	if not is_in_charge("enrol"):
		enrol()


def run_outreach_hourly() -> None:
	stop_jobs_that_must_fail()
	for step, function in (("enrol", enrol), ("stop", stop_enrollments), ("dispatch", dispatch_due)):
		if not is_in_charge(step):
			function()
	finish_experiments()
	forget_hits()


def run_workflow(as_of: date | None = None) -> dict[str, int]:
	"""All three at once, whoever is in charge; doing it twice does no harm."""
	counts = {"entered": enrol(as_of), "left": stop_enrollments(as_of)}
	return {**counts, **{what.lower(): count for what, count in dispatch_due(as_of).items()}}
