"""The demo company: loaded once into a site of its own, kept for the next time, shown on the Desk."""

import contextlib
import subprocess
from collections.abc import Iterator
from pathlib import Path

from tests.sandbox.common import CHECKOUT, Trouble, digest, end_with_parent, say
from tests.sandbox.desk import serve
from tests.sandbox.sites import Sandbox

HERE = Path(__file__).parent
DEMO = CHECKOUT / "apps/customer_tiering/demo"


def show(sandbox: Sandbox, headless: bool) -> int:
	"""Load the company unless it is there, print what there is and serve the Desk until interrupted."""
	loaded = sandbox.folder / "demo"
	wanted = digest(*(path.read_text() for path in sorted(DEMO.glob("*.py"))))
	stands = loaded.exists() and loaded.read_text() == wanted and sandbox.is_current()
	with sandbox.running(fresh=not stands), mailbox(sandbox):
		if not stands:
			load(sandbox)
			loaded.write_text(wanted)
		done = subprocess.run(sandbox.python(HERE / "summary.py", sandbox.site), **sandbox.inside())
		if done.returncode:
			raise Trouble("The demo company could not be counted: see above.")
		print(f"{'Kept in':<10} {sandbox.folder}", flush=True)
		return 0 if headless else serve(sandbox, looks_at="customer-tiering")


def load(sandbox: Sandbox) -> None:
	say("loading the demo company: 3,000 customers, three years of orders; then its last weeks are played")
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
