"""The Desk of a site, on loopback, with a worker and the scheduler."""

import contextlib
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from tests.sandbox.common import Trouble, end_with_parent, say
from tests.sandbox.services import free_port
from tests.sandbox.sites import ADMIN_PASSWORD, Sandbox

PORT = 8080


def serve(sandbox: Sandbox, port: int | None = None, looks_at: str = "") -> int:
	"""Serve a running site until interrupted."""
	port = port or usual_port()
	sandbox.set_address(port)
	web = sandbox.python(Path(__file__).with_name("web.py"), sandbox.site, str(port))
	worker, scheduler = sandbox.command("worker", "--quiet"), sandbox.command("schedule")
	with (
		background(sandbox, "web", web) as server,
		background(sandbox, "worker", worker),
		background(sandbox, "schedule", scheduler),
	):
		wait_until_it_answers(port, server, sandbox.folder / "logs/web.log")
		say(f"http://127.0.0.1:{port}/app/{looks_at}  (Administrator / {ADMIN_PASSWORD}); Ctrl-C ends it")
		return server.wait()


def wait_until_it_answers(port: int, server: subprocess.Popen, log: Path) -> None:
	while server.poll() is None:
		with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
			return
		time.sleep(0.1)
	raise Trouble(f"The Desk didn't start; see {log}")


def usual_port() -> int:
	"""PORT, or any other that is free."""
	with socket.socket() as probe:
		probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
		try:
			probe.bind(("127.0.0.1", PORT))
			return PORT
		except OSError:
			return free_port()


@contextlib.contextmanager
def background(sandbox: Sandbox, name: str, command: list) -> Iterator[subprocess.Popen]:
	"""With its output in a log, and in a session of its own: Ctrl-C is for us, and we end it."""
	options = {**sandbox.inside(), "preexec_fn": end_with_parent, "start_new_session": True}
	with (sandbox.folder / f"logs/{name}.log").open("ab") as log:
		process = subprocess.Popen(command, stdout=log, stderr=log, **options)
	try:
		yield process
	finally:
		process.terminate()
		process.wait()
