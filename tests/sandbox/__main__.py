"""python3 -m tests.sandbox demo|test|faults|where|site|bench|serve|stop|clean: see COMMANDS or -h."""

import argparse
import contextlib
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from tests.sandbox import demo, desk
from tests.sandbox.common import CACHE, CHECKOUT, Trouble, lock, say
from tests.sandbox.environment import environment, find_bench, real_bench
from tests.sandbox.services import PACKAGES, Services, install_missing
from tests.sandbox.sites import OWN, THROWAWAY, Sandbox, all_sandboxes, delete_leftovers, site_name

DEFAULT_SITE = "tiering.localhost"


def test(arguments: list[str]) -> int:
	"""run the tests; arguments go to pytest, SITE=<name> keeps the site and reuses it"""
	if engine_only(arguments):
		return pytest(environment(real_bench()), arguments, dict(os.environ))
	install_missing({**PACKAGES, "chromium": "chromium"}, CACHE / "logs/apt.log")
	bench = find_bench()
	with site_for_tests(bench) as sandbox:
		variables = {**sandbox.variables(), "TIERING_SITE": sandbox.site}
		return pytest(sandbox.folder / "env", arguments, variables)


@contextlib.contextmanager
def site_for_tests(bench: Path) -> Iterator[Sandbox]:
	"""The site named by SITE, which stays; else one for this run only."""
	delete_leftovers()
	named = os.environ.get("SITE")
	sandbox = Sandbox(bench, site_name(named or f"{THROWAWAY}{os.getpid()}"))
	try:
		with lock(sandbox.folder / "tests.lock"), sandbox.running(fresh=not sandbox.is_current()):
			yield sandbox
	finally:
		if not named:
			sandbox.stop(delete=True)


def faults(arguments: list[str]) -> int:
	"""kill workers, dispatchers, MariaDB and Redis at random while mails go out, and count them; SEED= repeats, ROUNDS= CUSTOMERS="""
	with site_for_tests(find_bench()) as sandbox:
		variables = sandbox.variables()
		variables |= {
			"PYTHONPATH": f"{variables['PYTHONPATH']}{os.pathsep}{CHECKOUT}",
			"PYTHONWARNINGS": "ignore",
		}
		program = sandbox.python(CHECKOUT / "tests/faults/outreach.py", sandbox.site, sandbox.folder)
		return subprocess.run(program, cwd=sandbox.sites, env=variables).returncode


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
	"""[NAME]: print a site's folder, laid out like a bench, and its name; made and started first if need be"""
	sandbox = named_sandbox(arguments)
	with sandbox.running():
		sandbox.kept.touch()
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
		return subprocess.run(command, **sandbox.inside()).returncode


def show(arguments: list[str]) -> int:
	"""[NAME]: a site with a demo company, made first if it is new, and its Desk; HEADLESS=1 ends after the summary"""
	return demo.show(named_sandbox(arguments), headless=bool(os.environ.get("HEADLESS")))


def serve(arguments: list[str]) -> int:
	"""[NAME [PORT]]: serve a site on loopback until Ctrl-C; made first if it is new"""
	sandbox = named_sandbox(arguments)
	with sandbox.running():
		return desk.serve(sandbox, *map(int, arguments[1:]))


def stop(arguments: list[str]) -> int:
	"""[NAME]: stop the site that `site` left running, or all of them"""
	sandboxes = [named_sandbox(arguments)] if arguments else all_sandboxes(f"{OWN}-*")
	for sandbox in sandboxes:
		if sandbox.folder.exists() and not sandbox.stop():
			say(f"{sandbox.site} is still in use and stops when that ends")
	return 0


def clean(arguments: list[str]) -> int:
	"""stop and delete everything that was made: all sites, the sandbox's bench, downloads, logs and pictures"""
	say("stopping and deleting all sites, builds and downloads")
	busy = [f"{each.site} ({each.folder})" for each in all_sandboxes() if not each.stop(delete=True)]
	if busy:
		raise Trouble(f"Still in use, so not deleted: {', '.join(busy)}. Clean again when that has ended.")
	with contextlib.ExitStack() as builds:
		for each in CACHE.glob("*.lock"):
			builds.enter_context(lock(each))
		for half in CACHE.glob("base-*.half"):
			Services(half).stop()
		shutil.rmtree(CACHE, ignore_errors=True)
	for leftover in ("tests/.screenshots", ".pytest_cache", ".hypothesis", ".ruff_cache"):
		shutil.rmtree(CHECKOUT / leftover, ignore_errors=True)
	for folder in CHECKOUT.rglob("__pycache__"):
		shutil.rmtree(folder, ignore_errors=True)
	return 0


COMMANDS = {"demo": show} | {
	each.__name__: each for each in (test, faults, where, site, bench, serve, stop, clean)
}


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
