"""The buttons that start a job: it starts, also where the request has written nothing and so nothing is committed."""

from collections.abc import Callable

import frappe
import pytest
from frappe.utils.background_jobs import get_queues
from rq.job import Job, JobStatus

from customer_tiering.customer_insights.page.tiering_simulation import tiering_simulation
from customer_tiering.tiering import api
from tests.site import factories as make
from tests.site.sleepers import forget_jobs


@pytest.mark.parametrize(
	("button", "job", "says"),
	[
		(api.recompute_now, "preview", "first run"),
		(lambda: api.recompute_now(confirmed=1), "run", "Recomputing"),
		(api.fit_lifetime_value_now, "run_fit", "Fitting"),
		(tiering_simulation.start, "run", None),
	],
	ids=["first run", "recompute", "lifetime value", "simulation"],
)
def test_a_button_starts_its_job(
	button: Callable, job: str, says: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
	monkeypatch.setattr(api, "get_queues", lambda: ["bench:long"])
	forget_jobs()
	try:
		with make.uncommitted():
			make.as_if_new()
			frappe.set_user(make.ensure_user("manager@example.com", "Tiering Manager"))
			answer = button()
		assert says is None or says in answer["message"]
		assert [name_of(each) for each in waiting()] == [job]
	finally:
		forget_jobs()


def test_a_job_whose_worker_was_killed_is_started_again(monkeypatch: pytest.MonkeyPatch) -> None:
	from customer_tiering.tiering.recompute import _only_run

	monkeypatch.setattr(api, "get_queues", lambda: ["bench:long"])
	forget_jobs()
	try:
		with make.uncommitted():
			api.recompute_now(confirmed=1)
			(job,) = (each for queue in get_queues() for each in queue.jobs)
			job.set_status(JobStatus.STARTED)
			take_from_queue(job)
			with _only_run():
				api.recompute_now(confirmed=1)
				assert not waiting()  # it is alive
			api.recompute_now(confirmed=1)
			assert [name_of(each) for each in waiting()] == ["run"]
			api.recompute_now(confirmed=1)
			assert len(waiting()) == 1
	finally:
		forget_jobs()


def take_from_queue(job: Job) -> None:
	"""As a worker does that begins with it."""
	for queue in get_queues():
		queue.remove(job)


def waiting() -> list:
	return [each.kwargs["method"] for queue in get_queues() for each in queue.jobs]


def name_of(method: str | Callable) -> str:
	return getattr(method, "__name__", None) or method.rpartition(".")[2]
