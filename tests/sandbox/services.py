"""MariaDB and Redis of our own, on loopback and on free ports, for one sandbox folder."""

import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

from tests.sandbox.common import Trouble, run, say, write_json

FOLDERS = {"mariadbd": "mariadb", "redis-server": "redis"}
ADMIN = "tiering"  # the database administrator: root is known at localhost only, by a socket
SYSTEM_FOLDERS = "/usr/sbin:/usr/local/sbin:/usr/local/bin:/opt/homebrew/bin"
ATTEMPTS = 3
# Faster, but a server that is killed may forget what it has committed.
FORGETFUL = ("--innodb-flush-log-at-trx-commit=0", "--innodb-doublewrite=0")
PACKAGES = {"mariadbd": "mariadb-server", "redis-server": "redis-server"}


def program(name: str) -> str | None:
	return shutil.which(name) or shutil.which(name, path=SYSTEM_FOLDERS)


def install_missing(packages: dict[str, str], log: Path) -> None:
	"""Install the system packages whose programs are missing, where that is possible and allowed."""
	missing = [package for name, package in packages.items() if not program(name)]
	if not missing:
		return
	names = " ".join(missing)
	if os.environ.get("NO_INSTALL") or os.geteuid() or not program("apt-get"):
		raise Trouble(f"Not installed: {names}. Install it (Debian, Ubuntu: apt-get install {names}).")
	say(f"installing {names} with apt-get (NO_INSTALL=1 forbids this)")
	quiet = {"env": {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}}
	run(["apt-get", "update"], log, **quiet)
	run(["apt-get", "install", "-y", "--no-install-recommends", *missing], log, **quiet)


class Services:
	"""The two servers of one folder. Ports and passwords are in its services.json."""

	def __init__(self, folder: Path) -> None:
		self.folder = folder
		self.children: list[subprocess.Popen] = []
		self.state_file = folder / "services.json"
		self.state: dict = read_state(self.state_file)

	def start(self) -> None:
		"""Use the servers if they run, else start them; whatever half-runs is ended first."""
		if self.answer():
			return
		install_missing(PACKAGES, self.folder / "logs/apt.log")
		say("starting MariaDB and Redis")
		try:
			if not any(self.try_to_start() for _ in range(ATTEMPTS)):
				raise Trouble(
					f"MariaDB or Redis didn't start; see {self.folder}/logs, or start afresh: make clean"
				)
		except BaseException:
			self.stop()
			raise
		write_json(self.state_file, self.state)

	def try_to_start(self) -> bool:
		"""On ports that are free now: somebody else may be faster, and then others are tried."""
		self.stop()
		self.state = {"password": secrets.token_hex(8), "mariadb": free_port(), "redis": free_port()}
		self.children = []
		self.start_mariadb()
		self.start_redis()
		end = time.monotonic() + 90
		while time.monotonic() < end and all(child.poll() is None for child in self.children):
			if self.answer():
				return True
			time.sleep(0.2)
		return False

	def start_mariadb(self, options: Sequence[str] = FORGETFUL) -> None:
		data = self.folder / "mariadb"
		if not data.exists():
			self.make_data_folder(data)
		scratch = (
			self.folder / "mariadb-tmp"
		)  # a server that starts deletes the scratch tables of others in its tmpdir
		scratch.mkdir(exist_ok=True)
		init = self.folder / "mariadb-init.sql"
		init.touch(mode=0o600)
		init.write_text(
			f"create or replace user {ADMIN}@'%' identified by '{self.state['password']}';\n"
			f"grant all on *.* to {ADMIN}@'%' with grant option;\n"
		)
		self.spawn(
			"mariadbd",
			"--no-defaults",
			*as_root(),
			f"--datadir={data}",
			f"--tmpdir={scratch}",
			"--socket=mariadb.sock",  # relative to the data folder: a long path wouldn't fit a socket's name
			"--pid-file=mariadb.pid",
			f"--port={self.state['mariadb']}",
			"--bind-address=127.0.0.1",
			f"--init-file={init}",
			"--character-set-server=utf8mb4",
			"--collation-server=utf8mb4_unicode_ci",
			"--innodb-buffer-pool-size=256M",
			"--innodb-log-file-size=48M",
			"--innodb-flush-method=nosync",  # these sites need not outlive a power cut
			"--debug-no-sync",  # the same for table definitions
			*options,
			"--max-allowed-packet=256M",
			"--skip-log-bin",
		)

	def make_data_folder(self, data: Path) -> None:
		half = data.with_suffix(".half")
		shutil.rmtree(half, ignore_errors=True)
		command = [
			program("mariadb-install-db"),
			"--no-defaults",
			*as_root(),
			f"--datadir=./{half.name}",  # as it stands in the folder: it can't take a path with a space
			"--skip-test-db",
			"--auth-root-authentication-method=normal",
		]
		run(command, self.folder / "logs/mariadb.log", cwd=self.folder)
		half.rename(data)

	def start_redis(self) -> None:
		secret = ["--requirepass", self.state["password"], "--bind", "127.0.0.1"]
		nothing_on_disk = ["--save", "", "--appendonly", "no"]
		(self.folder / "redis").mkdir(exist_ok=True)
		self.spawn("redis-server", "--port", str(self.state["redis"]), *secret, *nothing_on_disk)

	def spawn(self, name: str, *arguments: str) -> None:
		with (self.folder / f"logs/{name}.log").open("ab") as log:
			server = subprocess.Popen(
				[program(name), *arguments],
				stdin=subprocess.DEVNULL,
				stdout=log,
				stderr=log,
				start_new_session=True,
				cwd=self.folder / FOLDERS[name],
			)
		self.state[f"{name} pid"] = server.pid
		self.children.append(server)

	def answer(self) -> bool:
		return bool(self.state) and self.redis_answers() and self.sql("select 1", check=False)

	def redis_answers(self) -> bool:
		try:
			with socket.create_connection(("127.0.0.1", self.state["redis"]), timeout=2) as connection:
				connection.sendall(f"AUTH {self.state['password']}\r\n".encode())
				return connection.recv(16).startswith(b"+OK")
		except OSError:
			return False

	def client(self, name: str, *arguments: str) -> tuple[list[str], dict]:
		"""Command line and environment of a MariaDB client program, logged in as administrator."""
		where = ["--no-defaults", "--protocol=tcp", "--host=127.0.0.1", f"--port={self.state['mariadb']}"]
		login = {"env": {**os.environ, "MYSQL_PWD": self.state["password"]}}
		return [
			program(name),
			*where,
			f"--user={ADMIN}",
			"--default-character-set=utf8mb4",
			*arguments,
		], login

	def sql(self, statement: str, check: bool = True) -> bool:
		command, login = self.client("mariadb", "--connect-timeout=5", "-e", statement)
		done = subprocess.run(command, capture_output=True, text=True, **login)
		if check and done.returncode:
			raise Trouble(f"{done.stderr.strip()}\nTo start afresh: make clean")
		return done.returncode == 0

	def stop(self) -> None:
		"""End our servers, also those that an interrupted run left behind."""
		for number in (signal.SIGTERM, signal.SIGKILL):
			end = time.monotonic() + 30
			for pid in self.processes():
				os.kill(pid, number)
			while self.processes() and time.monotonic() < end:
				time.sleep(0.1)
		for child in self.children:
			child.wait()
		self.state_file.unlink(missing_ok=True)

	def processes(self) -> list[int]:
		"""Our servers that live: each stands in its own folder under ours."""
		if not Path("/proc/self").exists():
			return [self.state[f"{name} pid"] for name in FOLDERS] if self.answer() else []
		return [int(entry.name) for entry in Path("/proc").glob("[0-9]*") if self.is_ours(entry)]

	def is_ours(self, process: Path) -> bool:
		try:
			folder = FOLDERS.get((process / "comm").read_text().strip())
			stands_in = os.readlink(process / "cwd").removesuffix(" (deleted)")
			return folder is not None and stands_in == str((self.folder / folder).resolve())
		except OSError:
			return False


def as_root() -> list[str]:
	return ["--user=root"] if os.geteuid() == 0 else []


def read_state(path: Path) -> dict:
	"""Nothing where a full disk or a kill left half a file: then the servers are started afresh."""
	try:
		return json.loads(path.read_text()) or {}
	except (FileNotFoundError, ValueError):
		return {}


def free_port() -> int:
	with socket.socket() as probe:
		probe.bind(("127.0.0.1", 0))
		return probe.getsockname()[1]
