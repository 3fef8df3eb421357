"""Places, messages, locks and child processes, shared by the other modules."""

import contextlib
import ctypes
import fcntl
import hashlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache").absolute() / "customer-tiering"


class Trouble(Exception):
	"""Something the user can put right; its text says how."""


def say(text: str) -> None:
	print(f"tiering: {text}", file=sys.stderr, flush=True)


def digest(*parts: object) -> str:
	return hashlib.sha256("\0".join(map(str, parts)).encode()).hexdigest()[:12]


@contextlib.contextmanager
def lock(path: Path) -> Iterator[None]:
	"""Hold `path` alone; the kernel lets go of it however the process ends."""
	path.parent.mkdir(parents=True, exist_ok=True)
	with path.open("w") as file:
		try:
			fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
		except BlockingIOError:
			say(f"waiting for another run that makes or uses the same thing ({path.stem})")
			fcntl.flock(file, fcntl.LOCK_EX)
		yield


def end_with_parent() -> None:
	"""For a new child process: the kernel ends it when its starter ends, however that ends."""
	libc = ctypes.CDLL(None)
	if hasattr(libc, "prctl"):  # Linux
		libc.prctl(1, signal.SIGTERM)


def run(command: Sequence[str | Path], log: Path, **options) -> None:
	"""Run a command with its output in `log`; show the log's end only if it fails."""
	log.parent.mkdir(parents=True, exist_ok=True)
	with log.open("ab") as output:
		start = output.tell()
		done = subprocess.run(command, stdout=output, stderr=subprocess.STDOUT, **options)
	if done.returncode:
		tail = log.read_bytes()[start:].decode(errors="replace").replace("\r", "\n").splitlines()[-30:]
		raise Trouble(
			"\n".join([*tail, f"This failed: {' '.join(map(str, command))}", f"The full log: {log}"])
		)


def write_json(path: Path, value: dict) -> None:
	half = path.with_suffix(".half")
	half.touch(mode=0o600)
	half.write_text(json.dumps(value, indent="\t") + "\n")
	half.replace(path)


def fetch(registry: str, command: Sequence[object], log: Path, **options: object) -> None:
	"""Run what downloads from a registry; raises Trouble that says what to do where that fails."""
	try:
		run(command, log, **options)
	except Trouble as trouble:
		raise Trouble(f"{trouble}\n{advice(registry, str(trouble))}") from None


def advice(registry: str, text: str) -> str:
	if "DO NOT MATCH THE HASHES" in text or "EINTEGRITY" in text:
		return f"{registry} sent a file with another hash than the pinned one, so it is refused: try again."
	return f"If {registry} can't be reached from here, set up the network or its proxy and run this again."


def download_variables(folder: Path) -> dict[str, str]:
	"""Environment for pip and npm: what they download is kept in the folder, and nothing is written elsewhere."""
	scratch = folder / "tmp"
	scratch.mkdir(parents=True, exist_ok=True)
	return {
		**os.environ,
		"TMPDIR": str(scratch),
		"PIP_CACHE_DIR": str(folder / "pip"),
		"PIP_DISABLE_PIP_VERSION_CHECK": "1",
		"PIP_NO_INPUT": "1",
		"PYTHONDONTWRITEBYTECODE": "1",
		"npm_config_cache": str(folder / "npm"),
		"npm_config_update_notifier": "false",
		"RUSTUP_HOME": str(
			folder / "rustup"
		),  # pip asks a compiler for its version, and rustup would settle at home
	}
