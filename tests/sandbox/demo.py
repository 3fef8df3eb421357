"""The demo company: loaded once into a site of its own, kept for the next time, shown on the Desk."""

import contextlib
import subprocess
from collections.abc import Iterator
from pathlib import Path

from tests.sandbox.common import CHECKOUT, Trouble, digest, end_with_parent, say
from tests.sandbox.desk import PORT, serve, usual_port
from tests.sandbox.sites import Sandbox, try_lock

HERE = Path(__file__).parent
DEMO = CHECKOUT / "apps/customer_tiering/demo"


def show(sandbox: Sandbox, headless: bool) -> int:
	"""Load the company unless it is there, print what there is and serve the Desk until interrupted."""
	with only_one(sandbox):
		port = None if headless else usual_port()
		with company(sandbox, port):
			return 0 if headless else serve(sandbox, port, looks_at="customer-tiering")


@contextlib.contextmanager
def only_one(sandbox: Sandbox) -> Iterator[None]:
	"""Two would load the same site, and the mail server of one would take the other's mails."""
	sandbox.folder.mkdir(parents=True, exist_ok=True)
	with (sandbox.folder / "demo.lock").open("w") as file:
		if not try_lock(file):
			raise Trouble(
				"This demo runs already, in another terminal: go on there, or make one of your own with SITE=<name> make demo."
			)
		yield


@contextlib.contextmanager
def company(sandbox: Sandbox, port: int | None) -> Iterator[None]:
	"""The demo company with its mail server, loaded first unless it is there."""
	loaded = sandbox.folder / "demo"
	wanted = digest(*(path.read_text() for path in sorted(DEMO.glob("*.py"))))
	stands = loaded.exists() and loaded.read_text() == wanted and sandbox.is_current()
	with sandbox.running(fresh=not stands), mailbox(sandbox):
		sandbox.set_address(port or PORT)
		if not stands:
			load(sandbox)
			loaded.write_text(wanted)
		summary = sandbox.python(HERE / "summary.py", sandbox.site, sandbox.folder / "mails")
		done = subprocess.run(summary, **sandbox.inside())
		if done.returncode:
			raise Trouble("The demo company could not be counted: see above.")
		print(f"{'Kept in':<10} {sandbox.folder}", flush=True)
		yield


def load(sandbox: Sandbox) -> None:
	say(
		"loading the demo company: 3,000 customers, three years of orders; then its last 30 days are played, 1 to 2 minutes"
	)
	sandbox.bench_run("--site", sandbox.site, "set-config", "customer_tiering_demo", "1")
	command = sandbox.command("--site", sandbox.site, "tiering", "demo")
	if subprocess.run(command, **sandbox.inside()).returncode:
		raise Trouble("The demo company could not be loaded: see above.")


@contextlib.contextmanager
def mailbox(sandbox: Sandbox) -> Iterator[None]:
	"""Mails go into a folder of the site meanwhile."""
	command = sandbox.python(HERE / "mail.py", sandbox.site, sandbox.folder / "mails")
	options = {**sandbox.inside(), "stdout": subprocess.PIPE, "preexec_fn": end_with_parent}
	with (sandbox.folder / "logs/mail.log").open("ab") as log:
		sink = subprocess.Popen(command, stderr=log, **options)
	try:
		if sink.stdout.readline() != b"ready\n":
			raise Trouble(f"The local mail server didn't start; see {sandbox.folder / 'logs/mail.log'}")
		yield
	finally:
		sink.terminate()
		sink.wait()
