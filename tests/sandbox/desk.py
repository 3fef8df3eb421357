"""The Desk of a site, on loopback, with a worker and the scheduler."""

import contextlib
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

from tests.sandbox.common import end_with_parent, say
from tests.sandbox.services import free_port
from tests.sandbox.sites import ADMIN_PASSWORD, Sandbox

PORT = 8080


def serve(sandbox: Sandbox, port: int | None = None, looks_at: str = "") -> int:
	"""Serve a running site until interrupted."""
	port = port or usual_port()
	web = sandbox.python(Path(__file__).with_name("web.py"), sandbox.site, str(port))
	with background(sandbox, "worker", "--quiet"), background(sandbox, "schedule"):
		say(f"http://127.0.0.1:{port}/app/{looks_at}  (Administrator / {ADMIN_PASSWORD}); Ctrl-C ends it")
		return subprocess.run(web, preexec_fn=end_with_parent, **sandbox.inside()).returncode


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
def background(sandbox: Sandbox, *command: str) -> Iterator[None]:
	options = {**sandbox.inside(), "preexec_fn": end_with_parent}
	with (sandbox.folder / f"logs/{command[0]}.log").open("ab") as log:
		process = subprocess.Popen(sandbox.command(*command), stdout=log, stderr=log, **options)
	try:
		yield
	finally:
		process.terminate()
		process.wait()
