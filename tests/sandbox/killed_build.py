"""Builds against a made-up registry, to be killed: killed_build.py WHAT KILL_AT CALLS.

All of the build's own code runs, but for the programs that it starts: those are made up here, as their packages take minutes.
WHAT is `bench` or `environment`. With the so-manyth program half done, the process kills itself (0: it lives; -1: it
lives and takes its time). Programs are written down in the file CALLS. Prints the folder.
"""

import hashlib
import os
import signal
import sys
import threading
import time
import zipfile
from pathlib import Path

from tests.sandbox import common, environment, framework

what, kill_at, calls = sys.argv[1], int(sys.argv[2]), Path(sys.argv[3])
WHEEL = calls.with_name("registry.whl")
ONE_BY_ONE = threading.Lock()


def write_wheel() -> None:
	with zipfile.ZipFile(WHEEL, "w") as archive:
		for name in ("criscostack/__init__.py", "criscostack/public/js/desk.js"):
			archive.writestr(zipfile.ZipInfo(name), "import criscostack\n")


def program(command: list, _log: Path, **options: object) -> None:
	"""What the program leaves where it is killed half-way, and where it isn't."""
	words = list(map(str, command))
	with ONE_BY_ONE:
		with calls.open("a") as file:
			file.write(" ".join(words[1:4]) + "\n")
		half_way = len(calls.read_text().splitlines()) == kill_at
	if kill_at < 0:
		time.sleep(0.5)
	if "venv" in words:
		folder = Path(words[-1])
		packages = folder / "lib/python3.11/site-packages"
		packages.mkdir(parents=True)
		write(folder / "bin/activate", f"VIRTUAL_ENV={folder}", half_way)
		(folder / "bin/python").symlink_to(sys.executable)
	elif "download" in words:
		target = Path(words[words.index("--dest") + 1]) / "criscostack-1.0.0-py3-none-any.whl"
		write(target, WHEEL.read_bytes(), half_way)
	else:
		where = options.get("cwd") or Path(words[0]).parents[1]
		write(Path(where) / f"made by {len(words)} words", "", half_way)


def write(path: Path, content: str | bytes, half_way: bool) -> None:
	content = content.encode() if isinstance(content, str) else content
	path.parent.mkdir(parents=True, exist_ok=True)
	path.write_bytes(content[: len(content) // 2] if half_way else content)
	if half_way:
		os.kill(os.getpid(), signal.SIGKILL)


write_wheel()
framework.WHEEL_SHA256 = hashlib.sha256(WHEEL.read_bytes()).hexdigest()
framework.REPAIRS, framework.ADDITIONS = {}, {}
framework.find_python = environment.any_python = lambda: Path(sys.executable)
framework.Build.node = lambda build: Path("/registry")
common.run = framework.run = environment.run = program
print(framework.build_bench() if what == "bench" else environment.environment(None))
