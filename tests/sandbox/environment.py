"""Whose code is tested against, and the Python environment that sees it: the bench's packages plus the tests' own."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from tests.sandbox.common import CACHE, CHECKOUT, Trouble, digest, download_variables, fetch, lock, run, say
from tests.sandbox.framework import build_bench, build_standin
from tests.sandbox.services import PACKAGES, install_missing

REQUIREMENTS = CHECKOUT / "tests" / "requirements.txt"
NEEDED = ("apps/frappe/frappe/__init__.py", "apps/erpnext/erpnext/__init__.py", "env/bin/python")


def find_bench() -> Path:
	"""A real bench, else one built from package registries; what neither can do without is asked for before that."""
	install_missing(PACKAGES, CACHE / "logs/apt.log")
	return real_bench() or build_bench()


def real_bench() -> Path | None:
	"""The bench in BENCH, else ~/frappe-bench, else none (BENCH= asks for none)."""
	named = os.environ.get("BENCH")
	bench = Path(named or Path.home() / "frappe-bench").expanduser().absolute()
	missing = [part for part in NEEDED if not (bench / part).exists()]
	if named and missing:
		raise Trouble(f"BENCH={named} has no {missing[0]}: name the folder of a bench that has ERPNext.")
	return None if named == "" or missing else bench


def app(bench: Path, name: str) -> Path:
	"""Where an app's code lies. The stand-in is apart, as checkouts with different ones share a bench."""
	return build_standin() if name == "erpnext" and bench.parent == CACHE else bench / "apps" / name


def environment(bench: Path | None) -> Path:
	"""Make, if it isn't there yet, the virtual environment for this bench; give its folder."""
	python = bench / "env/bin/python" if bench else any_python()
	version = python_version(python)
	folder = CACHE / f"env-{digest(bench, python.resolve(), version, REQUIREMENTS.read_text())}"
	with lock(folder.with_suffix(".lock")):
		if not (folder / "done").exists():
			build(folder, python, bench)
	return folder


def build(folder: Path, python: Path, bench: Path | None) -> None:
	say("installing the tests' Python packages, about a minute")
	shutil.rmtree(folder, ignore_errors=True)
	log = CACHE / "logs" / "environment.log"
	variables = download_variables(CACHE / "downloads")
	try:
		run([python, "-m", "venv", folder], log, env=variables)
	except Trouble as trouble:
		raise Trouble(f"{trouble}\nOn Debian and Ubuntu, install python3-venv and try again.") from None
	if bench:
		packages = next(folder.glob("lib/python3*/site-packages"))
		theirs = next((bench / "env").glob("lib/python3*/site-packages"))
		(packages / "bench.pth").write_text(f"import site; site.addsitedir({str(theirs)!r})\n")
	command = [folder / "bin/python", "-m", "pip", "install", "--quiet", "-r", REQUIREMENTS]
	fetch("PyPI", command, log, env=variables)
	(folder / "done").touch()


def any_python() -> Path:
	"""This interpreter if it will do, else one on the PATH."""
	names = [sys.executable, *(f"python3.{minor}" for minor in (12, 11, 13, 10))]
	for found in filter(None, map(shutil.which, names)):
		if python_version(Path(found)) in {"3.10", "3.11", "3.12", "3.13"}:
			return Path(found)
	raise Trouble("No Python 3.10 to 3.13 was found: install one and try again.")


def python_version(python: Path) -> str:
	code = "import sys; print('%d.%d' % sys.version_info[:2])"
	return subprocess.run([python, "-c", code], capture_output=True, text=True).stdout.strip()
