"""The harness itself: a site of our own, a company, mail that arrives, a worker, bench commands."""

from collections.abc import Callable

import frappe


def test_the_site_has_erpnext_and_a_company(company: str) -> None:
	assert {"frappe", "erpnext"} <= set(frappe.get_installed_apps())
	assert frappe.db.get_value("Company", company, "default_currency") == "USD"
	years = frappe.get_all("Fiscal Year", pluck="year_start_date")
	assert {1997, 2030} <= {day.year for day in years}


def test_what_a_test_writes_is_visible_to_it() -> None:
	frappe.get_doc({"doctype": "Customer Group", "customer_group_name": "Harness Group"}).insert()
	assert frappe.db.exists("Customer Group", "Harness Group")


def test_and_is_gone_in_the_next_one() -> None:
	assert not frappe.db.exists("Customer Group", "Harness Group")


def test_queued_mail_arrives(smtp_sink) -> None:
	frappe.sendmail(recipients="reader@example.com", subject="Hello", message="<p>It works.</p>")
	assert not smtp_sink.messages
	(message,) = smtp_sink.flush()
	assert message["To"] == "reader@example.com"
	assert "It works." in message.get_body(("plain",)).get_content()


def test_a_worker_runs_queued_jobs(worker: Callable[[], str]) -> None:
	frappe.enqueue("frappe.client.set_value", doctype="User", name="Guest", fieldname="bio", value="ran")
	worker()
	assert frappe.db.get_value("User", "Guest", "bio") == "ran"


def test_bench_commands_reach_the_site(bench_command: Callable) -> None:
	assert "erpnext" in bench_command("list-apps").stdout


def test_server_scripts_can_be_switched(server_scripts: Callable[[bool], None]) -> None:
	from frappe.utils.safe_exec import is_safe_exec_enabled

	server_scripts(False)
	assert not is_safe_exec_enabled()
	server_scripts(True)
	assert is_safe_exec_enabled()
