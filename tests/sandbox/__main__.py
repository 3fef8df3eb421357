"""python3 -m tests.sandbox test|where|site|bench|serve|stop|clean: see COMMANDS or -h."""

import argparse
import contextlib
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from tests.sandbox.common import CACHE, CHECKOUT, Trouble, say
from tests.sandbox.environment import environment, find_bench
from tests.sandbox.services import install_missing
from tests.sandbox.sites import ADMIN_PASSWORD, THROWAWAY, Sandbox, site_name

DEFAULT_SITE = "tiering.localhost"


def test(arguments: list[str]) -> int:
	"""run the tests; arguments go to pytest, SITE=<name> keeps the site and reuses it"""
	bench = find_bench()
	if bench is None or engine_only(arguments):
		return pytest(environment(bench), arguments, {**os.environ, "TIERING_NO_SITE": reason(bench)})
	install_missing({"chromium": "chromium"}, CACHE / "logs/apt.log")
	sandbox = Sandbox(bench)
	with sandbox.running(), site_for_tests(sandbox) as name:
		return pytest(sandbox.folder / "env", arguments, {**sandbox.variables(), "TIERING_SITE": name})


@contextlib.contextmanager
def site_for_tests(sandbox: Sandbox) -> Iterator[str]:
	"""The site named by SITE, which stays; else one for this run only."""
	named = os.environ.get("SITE")
	name = site_name(named or f"{THROWAWAY}{os.getpid()}")
	if not sandbox.is_current(name):
		sandbox.create_site(name)
	try:
		yield name
	finally:
		if not named:
			sandbox.drop_site(name)


def engine_only(arguments: list[str]) -> bool:
	paths = [path for path in (Path(each.split("::")[0]) for each in arguments) if path.exists()]
	return bool(paths) and all(path.absolute().is_relative_to(CHECKOUT / "tests/engine") for path in paths)


def reason(bench: Path | None) -> str:
	return "engine tests were asked for" if bench else "no bench was found: name one with BENCH=<folder>"


def pytest(env: Path, arguments: list[str], variables: dict[str, str]) -> int:
	return subprocess.run([env / "bin/python", "-m", "pytest", *arguments], cwd=CHECKOUT, env=variables).returncode


def sandbox_of_bench() -> Sandbox:
	bench = find_bench()
	if bench is None:
		raise Trouble("There is no bench in ~/frappe-bench: name one with BENCH=<folder>.")
	return Sandbox(bench)


def where(arguments: list[str]) -> int:
	"""print the folder, laid out like a bench, and the site that tests use"""
	sandbox = sandbox_of_bench()
	print(sandbox.folder, os.environ.get("SITE") or DEFAULT_SITE)
	return 0


def site(arguments: list[str]) -> int:
	"""NAME: make a fresh site of that name and leave the services running"""
	sandbox = sandbox_of_bench()
	name = site_name(arguments[0] if arguments else "")
	with sandbox.running():
		sandbox.create_site(name)
		sandbox.kept.touch()
	say(f"{name} is ready. Desk: python3 -m tests.sandbox serve {name}  Tests: make test SITE={name}")
	return 0


def bench(arguments: list[str]) -> int:
	"""run a bench command, like: bench --site NAME migrate"""
	sandbox = sandbox_of_bench()
	with sandbox.running():
		return subprocess.run(
			sandbox.command(*arguments), cwd=sandbox.sites, env=sandbox.variables()
		).returncode


def serve(arguments: list[str]) -> int:
	"""NAME [PORT]: serve a site on loopback until Ctrl-C; made first if it is new"""
	sandbox = sandbox_of_bench()
	name, port = site_name(arguments[0] if arguments else DEFAULT_SITE), (arguments[1:] or ["8080"])[0]
	with sandbox.running():
		if not sandbox.ready(name).exists():
			sandbox.create_site(name)
		say(f"http://127.0.0.1:{port}/app  (user Administrator, password {ADMIN_PASSWORD}); Ctrl-C ends it")
		web = [sandbox.folder / "env/bin/python", Path(__file__).with_name("web.py"), name, port]
		return subprocess.run(web, cwd=sandbox.sites, env=sandbox.variables()).returncode


def stop(arguments: list[str]) -> int:
	"""stop the services that `site` left running"""
	if not sandbox_of_bench().stop():
		say("a run still uses the services: they stop at its end")
	return 0


def clean(arguments: list[str]) -> int:
	"""stop the services; delete this checkout's sites, databases, logs and pictures"""
	bench = find_bench()
	if bench:
		sandbox = Sandbox(bench)
		if not sandbox.stop():
			raise Trouble("A run still uses the services: wait for its end, then clean again.")
		shutil.rmtree(sandbox.folder, ignore_errors=True)
	for leftover in ("tests/.screenshots", ".pytest_cache", ".hypothesis"):
		shutil.rmtree(CHECKOUT / leftover, ignore_errors=True)
	say(f"what all checkouts share is still in {CACHE}")
	return 0


COMMANDS = {command.__name__: command for command in (test, where, site, bench, serve, stop, clean)}


def main() -> int:
	parser = argparse.ArgumentParser(prog="python3 -m tests.sandbox", formatter_class=argparse.RawTextHelpFormatter)
	parser.add_argument("command", choices=COMMANDS, help="\n".join(f"{k}: {v.__doc__}" for k, v in COMMANDS.items()))
	parser.add_argument("arguments", nargs=argparse.REMAINDER)
	options = parser.parse_args()
	signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
	try:
		return COMMANDS[options.command](options.arguments)
	except Trouble as trouble:
		print(trouble, file=sys.stderr)
		return 1
	except KeyboardInterrupt:
		return 130


sys.exit(main())
