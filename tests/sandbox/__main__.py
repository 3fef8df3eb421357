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

from tests.sandbox.common import CACHE, CHECKOUT, Trouble, lock, say
from tests.sandbox.environment import environment, find_bench, real_bench
from tests.sandbox.services import install_missing
from tests.sandbox.sites import ADMIN_PASSWORD, THROWAWAY, Sandbox, all_sandboxes, delete_leftovers, site_name

DEFAULT_SITE = "tiering.localhost"


def test(arguments: list[str]) -> int:
	"""run the tests; arguments go to pytest, SITE=<name> keeps the site and reuses it"""
	if engine_only(arguments):
		return pytest(environment(real_bench()), arguments, dict(os.environ))
	bench = find_bench()
	install_missing({"chromium": "chromium"}, CACHE / "logs/apt.log")
	with site_for_tests(bench) as sandbox:
		variables = {**sandbox.variables(), "TIERING_SITE": sandbox.site}
		return pytest(sandbox.folder / "env", arguments, variables)


@contextlib.contextmanager
def site_for_tests(bench: Path) -> Iterator[Sandbox]:
	"""The site named by SITE, which stays; else one for this run only."""
	delete_leftovers(bench)
	named = os.environ.get("SITE")
	sandbox = Sandbox(bench, site_name(named or f"{THROWAWAY}{os.getpid()}"))
	try:
		with lock(sandbox.folder / "tests.lock"), sandbox.running(fresh=not sandbox.is_current()):
			yield sandbox
	finally:
		if not named:
			sandbox.stop(delete=True)


def engine_only(arguments: list[str]) -> bool:
	paths = [path for path in (Path(each.split("::")[0]) for each in arguments) if path.exists()]
	return bool(paths) and all(path.absolute().is_relative_to(CHECKOUT / "tests/engine") for path in paths)


def pytest(env: Path, arguments: list[str], variables: dict[str, str]) -> int:
	return subprocess.run(
		[env / "bin/python", "-m", "pytest", *arguments], cwd=CHECKOUT, env=variables
	).returncode


def named_sandbox(arguments: list[str]) -> Sandbox:
	"""Of the site that is the first argument, else SITE, else the usual one."""
	return Sandbox(find_bench(), site_name((arguments or [os.environ.get("SITE") or DEFAULT_SITE])[0]))


def where(arguments: list[str]) -> int:
	"""[NAME]: print a site's folder, laid out like a bench, and the site's name"""
	sandbox = named_sandbox(arguments)
	print(sandbox.folder, sandbox.site)
	return 0


def site(arguments: list[str]) -> int:
	"""[NAME]: make a fresh site of that name and leave it running"""
	sandbox = named_sandbox(arguments)
	with sandbox.running(fresh=True):
		sandbox.kept.touch()
	say(f"{sandbox.site} is ready. To see it: python3 -m tests.sandbox serve {sandbox.site}")
	return 0


def bench(arguments: list[str]) -> int:
	"""[--site] NAME COMMAND...: what `bench --site NAME COMMAND...` does, on a site made here"""
	arguments = arguments[1:] if arguments[:1] == ["--site"] else arguments
	sandbox = named_sandbox(arguments)
	command = sandbox.command("--site", sandbox.site, *arguments[1:])
	with sandbox.running():
		return subprocess.run(command, cwd=sandbox.sites, env=sandbox.variables()).returncode


def serve(arguments: list[str]) -> int:
	"""[NAME [PORT]]: serve a site on loopback until Ctrl-C; made first if it is new"""
	sandbox = named_sandbox(arguments)
	port = (arguments[1:] or ["8080"])[0]
	with sandbox.running():
		say(f"http://127.0.0.1:{port}/app  (user Administrator, password {ADMIN_PASSWORD}); Ctrl-C ends it")
		web = [sandbox.folder / "env/bin/python", Path(__file__).with_name("web.py"), sandbox.site, port]
		return subprocess.run(web, cwd=sandbox.sites, env=sandbox.variables()).returncode


def stop(arguments: list[str]) -> int:
	"""[NAME]: stop the site that `site` left running, or all of them"""
	sandboxes = [named_sandbox(arguments)] if arguments else all_sandboxes(needed_bench())
	for sandbox in sandboxes:
		if sandbox.folder.exists() and not sandbox.stop():
			say(f"{sandbox.site} is still in use and stops when that ends")
	return 0


def clean(arguments: list[str]) -> int:
	"""stop and delete all sites of this checkout, with their logs, and the tests' pictures"""
	bench = find_bench()
	busy = [each.site for each in (all_sandboxes(bench) if bench else []) if not each.stop(delete=True)]
	if busy:
		raise Trouble(f"Still in use, so not deleted: {', '.join(busy)}. Clean again when that has ended.")
	for leftover in ("tests/.screenshots", ".pytest_cache", ".hypothesis"):
		shutil.rmtree(CHECKOUT / leftover, ignore_errors=True)
	say(f"what all checkouts share is still in {CACHE}")
	return 0


COMMANDS = {command.__name__: command for command in (test, where, site, bench, serve, stop, clean)}


def main() -> int:
	parser = argparse.ArgumentParser(
		prog="python3 -m tests.sandbox", formatter_class=argparse.RawTextHelpFormatter
	)
	parser.add_argument(
		"command", choices=COMMANDS, help="\n".join(f"{k}: {v.__doc__}" for k, v in COMMANDS.items())
	)
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
