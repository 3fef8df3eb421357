"""A logged-in page of the site in headless Chromium."""

import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, sync_playwright

from tests.conftest import BENCH, CHECKOUT
from tests.sandbox.common import end_with_parent
from tests.sandbox.services import free_port, program
from tests.sandbox.sites import ADMIN_PASSWORD

SCREENSHOTS = CHECKOUT / "tests/.screenshots"
QUIET = "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking"
BROWSER = pytest.StashKey[Browser]()
FAILED = pytest.StashKey[bool]()
FOLDERS = {f"XDG_{name}_HOME": str(BENCH / "browser") for name in ("CACHE", "CONFIG", "DATA")}
FOLDERS["PULSE_RUNTIME_PATH"] = str(BENCH / "browser/pulse")
OPTIONS = [*QUIET.split(), "--disable-component-update", "--disable-sync"]


@pytest.fixture(scope="session")
def base_url(site: str) -> Iterator[str]:
	"""Where the site is served, on loopback."""
	port = free_port()
	log = (BENCH / "logs/web.log").open("ab")
	command = [sys.executable, CHECKOUT / "tests/sandbox/web.py", site, str(port)]
	options = {"cwd": BENCH / "sites", "stdout": log, "stderr": log, "preexec_fn": end_with_parent}
	server = subprocess.Popen(command, **options)
	url = f"http://127.0.0.1:{port}"
	wait_for(f"{url}/api/method/ping")
	yield url
	server.terminate()
	server.wait()


def wait_for(url: str) -> None:
	for _ in range(150):
		try:
			urllib.request.urlopen(url, timeout=10).close()
			return
		except OSError:
			time.sleep(0.2)
	pytest.fail(f"{url} doesn't answer; see {BENCH / 'logs/web.log'}")


@pytest.fixture(scope="session")
def chromium(request: pytest.FixtureRequest) -> Browser:
	"""One browser for all, also for modules elsewhere that import this fixture: a second can't be started."""
	stash = request.config.stash
	if BROWSER not in stash:
		playwright = sync_playwright().start()
		request.config.add_cleanup(playwright.stop)
		stash[BROWSER] = playwright.chromium.launch(
			executable_path=program("chromium"), args=OPTIONS, env={**os.environ, **FOLDERS}
		)
	return stash[BROWSER]


@pytest.fixture
def page(chromium: Browser, base_url: str, request: pytest.FixtureRequest) -> Iterator[Page]:
	"""Administrator's page. The test fails on errors in the browser's console; a failed test leaves a picture."""
	context = chromium.new_context(base_url=base_url, viewport={"width": 1400, "height": 900})
	login = context.request.post("/api/method/login", form={"usr": "Administrator", "pwd": ADMIN_PASSWORD})
	assert login.ok, login.text()
	page = context.new_page()
	errors: list[str] = []
	page.on("console", lambda message: errors.append(message.text) if is_error(message) else None)
	page.on("pageerror", lambda error: errors.append(str(error)))
	yield page
	if errors or request.node.stash.get(FAILED, False):
		SCREENSHOTS.mkdir(exist_ok=True)
		page.screenshot(path=SCREENSHOTS / f"{request.node.name}.png", full_page=True)
	context.close()
	assert not errors, "\n".join(errors)


def is_error(message: ConsoleMessage) -> bool:
	"""Errors but one: on a real bench's code the Desk looks for a realtime server, and none runs here."""
	return message.type == "error" and "socket.io" not in message.text + message.location["url"]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
	report = yield
	if report.failed:
		item.stash[FAILED] = True
	return report
