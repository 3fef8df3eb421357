"""The server scripts that run the mail workflow, so that an administrator changes it without a deployment."""

import json

import frappe
from frappe.utils import safe_exec

STOPPED = "customer_tiering_stopped_jobs"

TITLES = {
	"enrol": "Outreach: customers enter sequences",
	"stop": "Outreach: customers leave sequences",
	"dispatch": "Outreach: queue the mails that are due",
}
SCRIPTS = {
	"enrol": """# Customers whose signal starts an enabled sequence enter it.
frappe.call("customer_tiering.outreach.api.enrol_customers")
""",
	"stop": """# Customers who ordered, unsubscribed or were disabled leave their sequences.
frappe.call("customer_tiering.outreach.api.stop_sequences")
""",
	"dispatch": """# The mails that are due go into the Email Queue.
frappe.call("customer_tiering.outreach.api.dispatch_mails")
""",
}


def is_disabled(step: str) -> bool:
	return frappe.db.get_value("Server Script", TITLES[step], "disabled") != 0


def scripts_are_on() -> bool:
	"""Whether this bench runs server scripts at all (`bench set-config -g server_script_enabled 1`)."""
	return bool(safe_exec.is_safe_exec_enabled())


def is_in_charge(step: str) -> bool:
	"""Whether the server script of this step runs it; otherwise the app's own schedule does."""
	if not scripts_are_on() or is_disabled(step):
		return False
	return bool(frappe.db.exists("Scheduled Job Type", {"server_script": TITLES[step], "stopped": 0}))


def stop_jobs_that_must_fail() -> None:
	"""Where server scripts were switched off later, their scheduled jobs would fail every hour. What is stopped here, and
	nothing that an administrator stopped, starts again with the first hour in which the bench runs scripts."""
	mine = {"server_script": ("in", list(TITLES.values()))}
	if not scripts_are_on():
		running = frappe.get_all("Scheduled Job Type", {**mine, "stopped": 0}, pluck="name")
		_set_stopped(running, 1)
		if running:
			frappe.db.set_global(STOPPED, json.dumps(sorted({*running, *_stopped_by_us()})))
	elif stopped := _stopped_by_us():
		disabled = frappe.get_all(
			"Server Script", {"name": mine["server_script"], "disabled": 1}, pluck="name"
		)
		again = {**mine, "name": ("in", stopped), "stopped": 1}
		rows = frappe.get_all("Scheduled Job Type", again, ["name", "server_script"])
		_set_stopped([row.name for row in rows if row.server_script not in disabled], 0)
		frappe.db.set_global(STOPPED, None)


def _stopped_by_us() -> list[str]:
	return json.loads(frappe.db.get_global(STOPPED) or "[]")


def _set_stopped(jobs: list[str], stopped: int) -> None:
	for name in jobs:
		frappe.db.set_value("Scheduled Job Type", name, "stopped", stopped)


def seed_server_scripts(first_time: bool) -> None:
	"""Create them once, switched on where the bench runs server scripts."""
	if not first_time:
		return
	for step, title in TITLES.items():
		if not frappe.db.exists("Server Script", title):
			frappe.get_doc(
				doctype="Server Script",
				name=title,
				script_type="Scheduler Event",
				event_frequency="Hourly Long",
				script=SCRIPTS[step],
				disabled=int(not scripts_are_on()),
				module="Outreach",
			).insert(ignore_permissions=True)


def delete_server_scripts() -> None:
	"""With their scheduled jobs, which `uninstall-app` would leave behind."""
	for title in TITLES.values():
		frappe.delete_doc("Server Script", title, ignore_missing=True, force=True)
