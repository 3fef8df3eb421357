"""Where tests that need a site get it from. Where there is none they are counted as skipped, not imported."""

import ast
import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from email.message import EmailMessage
from pathlib import Path
from typing import TYPE_CHECKING

import hypothesis.configuration
import pytest

if TYPE_CHECKING:
	from tests.sandbox.mail import SmtpSink

CHECKOUT = Path(__file__).resolve().parents[1]
SITE = os.environ.get("TIERING_SITE")
BENCH = Path(os.environ.get("FRAPPE_BENCH_ROOT", "."))
NO_SITE = "no site was set up: `make test` makes one"
REAL_BENCH_ONLY = "real bench only:"  # how the reason begins for which a test is skipped in the sandbox

sys.path.insert(0, str(CHECKOUT / "apps"))
hypothesis.configuration.set_hypothesis_home_dir(CHECKOUT / ".hypothesis")
# Machines are noisy: how long an example takes says nothing.
hypothesis.settings.register_profile("noisy machines", deadline=None)
hypothesis.settings.load_profile("noisy machines")


def pytest_configure(config: pytest.Config) -> None:
	config.addinivalue_line(
		"filterwarnings", "ignore:::(google|passlib|pypdf|whoosh)"
	)  # Frappe's, none of ours


class NotRun(pytest.File):
	"""A module that can't be imported without Frappe: its tests are read from the source and skipped."""

	def collect(self) -> Iterator[pytest.Item]:
		for node in ast.walk(ast.parse(self.path.read_text())):
			if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
				yield NotRunTest.from_parent(self, name=node.name)


class NotRunTest(pytest.Item):
	def runtest(self) -> None:
		pytest.skip(NO_SITE)


def pytest_pycollect_makemodule(module_path: Path, parent: pytest.Collector) -> NotRun | None:
	needs_site = any(
		module_path.is_relative_to(CHECKOUT / "tests" / part) for part in ("site", "browser", "benchmarks")
	)
	return NotRun.from_parent(parent, path=module_path) if needs_site and not SITE else None


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
	reasons = [str(report.longrepr) for report in terminalreporter.stats.get("skipped", [])]
	not_run = sum(REAL_BENCH_ONLY in reason for reason in reasons)
	if not_run:
		terminalreporter.write_line(f"real bench: {not_run} tests not run (the sandbox has no real ERPNext)")


@pytest.fixture(scope="session")
def site() -> Iterator[str]:
	"""The site's name; Frappe is connected to it as Administrator, as in a bench console (not `in_test`)."""
	import frappe

	os.chdir(BENCH / "sites")
	frappe.init(site=SITE)
	frappe.connect()
	frappe.set_user("Administrator")
	yield SITE
	frappe.destroy()


@pytest.fixture
def rollback(site: str) -> Iterator[None]:
	"""Undo what the test didn't commit. A test that commits removes its records itself."""
	import frappe

	yield
	frappe.set_user("Administrator")
	frappe.db.rollback()
	frappe.clear_messages()


@pytest.fixture
def company(site: str) -> str:
	import frappe

	return frappe.get_all("Company", order_by="creation", limit=1, pluck="name")[0]


@contextlib.contextmanager
def committed() -> Iterator[None]:
	"""What happens inside is done by another process: show it our records before, and see its own after."""
	import frappe

	frappe.db.commit()
	yield
	frappe.db.commit()
	frappe.clear_cache()


@pytest.fixture
def bench_command(site: str) -> Callable[..., subprocess.CompletedProcess]:
	"""bench_command("tiering", "recompute") runs `bench --site <site> tiering recompute`. It commits first."""

	def run(*arguments: str) -> subprocess.CompletedProcess:
		command = [sys.executable, "-m", "frappe.utils.bench_helper", "frappe", "--site", site, *arguments]
		with committed():
			return subprocess.run(command, cwd=BENCH / "sites", capture_output=True, text=True, timeout=600)

	return run


@pytest.fixture
def worker(bench_command: Callable) -> Callable[[], str]:
	"""worker() runs a real worker until all queues are empty; gives its log. It commits first."""

	def run_to_empty() -> str:
		done = bench_command("worker", "--burst")
		assert done.returncode == 0, done.stderr
		return done.stdout + done.stderr

	return run_to_empty


@pytest.fixture
def server_scripts(site: str) -> Iterator[Callable[[bool], None]]:
	"""server_scripts(False) switches server scripts off on the bench until the test ends."""
	import frappe

	path = BENCH / "sites/common_site_config.json"
	before = path.read_text()

	def switch(on: bool) -> None:
		path.write_text(json.dumps({**json.loads(before), "server_script_enabled": int(on)}))
		frappe.conf.server_script_enabled = int(on)
		if hasattr(frappe.config, "clear_site_config_cache"):  # 16 reads it once a minute
			frappe.config.clear_site_config_cache()

	yield switch
	switch(bool(json.loads(before)["server_script_enabled"]))


@pytest.fixture
def smtp_sink(site: str, rollback: None) -> Iterator["SmtpSink"]:
	"""The default outgoing account delivers here during the test; `flush` sends what is queued."""
	import frappe
	from frappe.email.queue import flush

	from tests.sandbox.mail import SmtpSink, make_account

	def send() -> list[EmailMessage]:
		with committed():
			flush()
		return sink.messages

	sink = SmtpSink()
	sink.flush = send
	sink.server.start()
	frappe.db.delete("Email Queue")
	frappe.db.delete("Email Queue Recipient")
	account = make_account(sink.port)
	frappe.db.commit()
	frappe.local.outgoing_email_account = {}
	yield sink
	sink.server.stop()
	frappe.db.rollback()
	account.delete(force=True)
	frappe.db.commit()
