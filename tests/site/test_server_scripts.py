"""Who runs the mail workflow: server scripts where the bench runs them, else the app's own schedule; never nobody."""

from collections.abc import Callable, Iterator

import frappe
import pytest

from customer_tiering.outreach import jobs
from customer_tiering.outreach.api import who_runs_the_workflow
from customer_tiering.outreach.server_scripts import SCRIPTS, STOPPED, TITLES, is_in_charge
from tests.site.sleepers import clean_slate, day, sleeper
from tests.site.test_outreach import STEPS, as_it_was, default_account, set_steps, statuses

NOW = [(0, STEPS[0][1]), *STEPS[1:]]


@pytest.fixture(autouse=True)
def alone(on_site: None) -> Iterator[None]:
	with clean_slate(), default_account(), as_it_was():
		set_steps(NOW, enabled=1)
		yield
		frappe.set_user("Administrator")
		frappe.db.rollback()
		for title in TITLES.values():
			frappe.db.set_value("Server Script", title, "disabled", 0)
		for job in scheduled_jobs():
			job.db_set("stopped", 0)
		frappe.db.set_global(STOPPED, None)
		frappe.db.commit()


def scheduled_jobs() -> list:
	titles = list(TITLES.values())
	names = frappe.get_all("Scheduled Job Type", {"server_script": ("in", titles)}, pluck="name")
	order = {title: number for number, title in enumerate(titles)}
	return sorted(
		(frappe.get_doc("Scheduled Job Type", name) for name in names),
		key=lambda job: order[job.server_script],
	)


def test_the_scripts_are_seeded_and_switched_on() -> None:
	for step, title in TITLES.items():
		script = frappe.get_doc("Server Script", title)
		assert (script.script_type, script.event_frequency, script.disabled) == (
			"Scheduler Event",
			"Hourly Long",
			0,
		)
		assert script.script == SCRIPTS[step]
	assert [job.frequency for job in scheduled_jobs()] == ["Hourly Long"] * 3


def test_their_scheduled_jobs_run_the_functions(server_scripts: Callable[[bool], None]) -> None:
	server_scripts(True)
	name, gone = sleeper("Mailed"), sleeper("Gone")
	for job in scheduled_jobs():
		if "leave" in job.server_script:
			frappe.db.set_value("Customer", gone, "disabled", 1)
		job.execute()
	assert statuses(name) == [(0, "Queued")]
	assert statuses(gone) == []
	assert frappe.db.get_value("Outreach Enrollment", {"customer": gone}, "exit_reason") == "Disabled"
	assert frappe.get_all("Scheduled Job Log", {"status": "Failed", "creation": (">", day(0))}) == []


def test_then_the_app_s_schedule_leaves_it_to_them(server_scripts: Callable[[bool], None]) -> None:
	server_scripts(True)
	name = sleeper()
	jobs.after_run()
	jobs.run_outreach_hourly()
	assert statuses(name) == []
	assert "server scripts of the module Outreach run it" in who_runs_the_workflow()


def test_where_they_are_off_the_app_s_schedule_runs_it(server_scripts: Callable[[bool], None]) -> None:
	server_scripts(False)
	name = sleeper()
	assert not any(is_in_charge(step) for step in TITLES)
	jobs.after_run()
	assert frappe.db.exists("Outreach Enrollment", {"customer": name, "status": "Active"})
	jobs.run_outreach_hourly()
	assert statuses(name) == [(0, "Queued")]
	assert "switched off on this bench" in who_runs_the_workflow()


def test_a_script_that_is_disabled_is_stood_in_for(server_scripts: Callable[[bool], None]) -> None:
	server_scripts(True)
	script = frappe.get_doc("Server Script", TITLES["dispatch"])
	script.disabled = 1
	script.save()
	name = sleeper()
	for job in scheduled_jobs()[:1]:
		job.execute()
	jobs.run_outreach_hourly()
	assert statuses(name) == [(0, "Queued")]
	assert TITLES["dispatch"] in who_runs_the_workflow()
	script.disabled = 0
	script.save()


def test_both_at_once_do_no_harm(server_scripts: Callable[[bool], None]) -> None:
	server_scripts(True)
	name = sleeper()
	for job in scheduled_jobs():
		job.execute()
	server_scripts(False)
	jobs.run_outreach_hourly()
	jobs.run_workflow()
	assert statuses(name) == [(0, "Queued")]
	assert frappe.db.count("Email Queue") == 1
	assert frappe.db.count("Outreach Enrollment") == 1


def test_where_they_were_switched_off_later_no_job_fails_every_hour(
	server_scripts: Callable[[bool], None],
) -> None:
	server_scripts(False)
	jobs.run_outreach_hourly()
	assert [job.stopped for job in scheduled_jobs()] == [1] * 3
	server_scripts(True)
	assert not any(
		is_in_charge(step) for step in TITLES
	)  # so the app's schedule goes on until the hour is over
	assert "scheduled jobs are stopped" in who_runs_the_workflow()
	assert "disabled" not in who_runs_the_workflow()
	jobs.run_outreach_hourly()
	assert [job.stopped for job in scheduled_jobs()] == [0] * 3
	assert all(is_in_charge(step) for step in TITLES)


def test_a_job_that_somebody_else_stopped_stays_stopped(server_scripts: Callable[[bool], None]) -> None:
	first = scheduled_jobs()[0]
	first.db_set("stopped", 1)
	for on in (False, True):
		server_scripts(on)
		jobs.run_outreach_hourly()
	assert [job.stopped for job in scheduled_jobs()] == [1, 0, 0]
	assert TITLES["enrol"] in who_runs_the_workflow()


def test_a_script_that_was_disabled_meanwhile_stays_stopped(server_scripts: Callable[[bool], None]) -> None:
	server_scripts(False)
	jobs.run_outreach_hourly()
	frappe.db.set_value("Server Script", TITLES["enrol"], "disabled", 1)
	server_scripts(True)
	jobs.run_outreach_hourly()
	assert [job.stopped for job in scheduled_jobs()] == [1, 0, 0]
