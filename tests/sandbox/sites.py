"""A folder laid out like a bench: links to the real one's code, and one site with servers of its own.

Sites are copies of a base site (Frappe, ERPNext, a company) that is built once; then the checkout's app is installed.
"""

import contextlib
import fcntl
import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from tests.sandbox.common import CACHE, CHECKOUT, Trouble, digest, lock, run, say, write_json
from tests.sandbox.environment import app, environment
from tests.sandbox.services import ADMIN, Services

ADMIN_PASSWORD = "admin"
SITES = CACHE / "sites"
COMPANY = Path(__file__).with_name("company.py")
THROWAWAY = "test-run-"
OWN = f"{CHECKOUT.name}-{digest(CHECKOUT)}"


class Sandbox:
	"""One site in its own folder, on one bench's code."""

	def __init__(self, bench: Path, site: str, folder: Path | None = None) -> None:
		self.bench = bench
		self.site = site
		self.folder = folder or SITES / f"{OWN}-{digest(bench)}" / site
		self.sites = self.folder / "sites"
		self.log = self.folder / "logs/setup.log"
		self.ready = self.folder / "ready"  # holds the fingerprint of the app that was installed
		self.kept = self.folder / "keep"
		self.services = Services(self.folder)

	@contextlib.contextmanager
	def running(self, fresh: bool = False) -> Iterator[None]:
		"""Keep the site up meanwhile, made first if it is new. Its last user stops it, unless `kept` exists."""
		self.folder.mkdir(parents=True, exist_ok=True)
		with (self.folder / "users.lock").open("w") as users:
			with lock(self.folder / "start.lock"):
				if fresh or not self.ready.exists():
					self.wipe(users)
				fcntl.flock(users, fcntl.LOCK_SH)
				self.start()
			try:
				yield
			finally:
				with lock(self.folder / "start.lock"):
					if try_lock(users) and not self.kept.exists():
						self.services.stop()

	def wipe(self, users) -> None:
		if not try_lock(users):
			raise Trouble(f"Something still uses {self.site}: end it, or choose another name.")
		self.services.stop()
		for entry in self.folder.iterdir():
			if entry.is_dir() and not entry.is_symlink():
				shutil.rmtree(entry)
			elif entry.suffix != ".lock":
				entry.unlink()

	def stop(self, delete: bool = False) -> bool:
		"""Stop the site's servers unless something uses them; whether that was so."""
		with (self.folder / "users.lock").open("w") as users, lock(self.folder / "start.lock"):
			self.kept.unlink(missing_ok=True)
			free = try_lock(users)
			if free:
				self.services.stop()
			if free and delete:
				shutil.rmtree(self.folder)
			return free

	def start(self) -> None:
		if not (self.folder / "mariadb").exists():
			self.copy_base()
		self.serve_data()
		if not self.ready.exists():
			if app_exists():
				self.bench_run("--site", self.site, "install-app", "customer_tiering")
			self.ready.write_text(fingerprint())

	def copy_base(self) -> None:
		base = base_site(self.bench)
		say(f"making the site {self.site}")
		shutil.copytree(base / "sites/base", self.sites / self.site, dirs_exist_ok=True)
		half = self.folder / "mariadb.half"
		shutil.rmtree(half, ignore_errors=True)
		shutil.copytree(base / "mariadb", half)
		half.rename(self.folder / "mariadb")

	def serve_data(self) -> None:
		self.lay_out()
		self.services = Services(self.folder)
		self.services.start()
		self.write_config()

	def is_current(self) -> bool:
		"""Whether the site is there and what was installed on it is what the checkout holds now."""
		return self.ready.exists() and self.ready.read_text() == fingerprint()

	def lay_out(self) -> None:
		for name in ("apps", "sites", "logs", "config/pids"):
			(self.folder / name).mkdir(parents=True, exist_ok=True)
		self.make_environment()
		for name in ("frappe", "erpnext"):
			link(self.folder / "apps" / name, app(self.bench, name))
		link(self.folder / "apps/customer_tiering", CHECKOUT)
		apps = ["frappe", "erpnext", *(["customer_tiering"] if app_exists() else [])]
		(self.sites / "apps.txt").write_text("\n".join(apps) + "\n")
		self.copy_assets()

	def make_environment(self) -> None:
		"""The bench's packages and the apps, so that commands work here without anything set around them."""
		shared, ours = environment(self.bench), self.folder / "env"
		if not (ours / "bin/python").exists() or ours.is_symlink():
			ours.unlink(missing_ok=True)
			run([shared / "bin/python", "-m", "venv", "--without-pip", ours], self.log)
		packages = next(ours.glob("lib/python3*/site-packages"))
		theirs = next(shared.glob("lib/python3*/site-packages"))
		lines = [
			CHECKOUT / "apps",
			app(self.bench, "erpnext"),
			f"import site; site.addsitedir({str(theirs)!r})",
		]
		(packages / "sandbox.pth").write_text("".join(f"{line}\n" for line in lines))

	def set_address(self, port: int) -> None:
		"""Where links in mails lead."""
		path = self.sites / self.site / "site_config.json"
		write_json(path, {**json.loads(path.read_text()), "host_name": f"http://127.0.0.1:{port}"})

	def copy_assets(self) -> None:
		"""What a build writes is copied, so that a build here leaves the real bench alone; apps are links anyway."""
		built, ours = self.bench / "sites/assets", self.sites / "assets"
		if built.exists() and not ours.exists():
			half = ours.with_suffix(".half")
			shutil.rmtree(half, ignore_errors=True)
			shutil.copytree(built, half, symlinks=True)
			half.rename(ours)
		ours.mkdir(exist_ok=True)
		link(ours / "customer_tiering", CHECKOUT / "apps/customer_tiering/public")

	def write_config(self) -> None:
		"""Ports change with each start; what a user set by hand stays."""
		path = self.sites / "common_site_config.json"
		state = self.services.state
		redis = f"redis://:{state['password']}@127.0.0.1:{state['redis']}"
		config = {"server_script_enabled": 1, "allow_tests": 1, "mute_emails": 0, "disable_async": 1}
		if os.geteuid() == 0:
			config["frappe_user"] = "root"  # else the bench command refuses to run as root
		if path.exists():
			config |= json.loads(path.read_text())
		config |= {
			"db_host": "127.0.0.1",
			"db_port": state["mariadb"],
			"root_login": ADMIN,
			"root_password": state["password"],
			"redis_cache": f"{redis}/0",
			"redis_queue": f"{redis}/1",
			"redis_socketio": f"{redis}/0",
		}
		write_json(path, config)

	def variables(self) -> dict[str, str]:
		"""Environment for anything that imports Frappe: the checkout's app first, and nothing written elsewhere."""
		return {
			**os.environ,
			"PYTHONPATH": os.pathsep.join(map(str, (CHECKOUT / "apps", app(self.bench, "erpnext")))),
			"PYTHONPYCACHEPREFIX": str(CACHE / "pycache"),
			"PYTHONDONTWRITEBYTECODE": "",
			"FRAPPE_BENCH_ROOT": str(self.folder),
			"IPYTHONDIR": str(CACHE / "ipython"),
			"NO_PROXY": "127.0.0.1,localhost",
			"no_proxy": "127.0.0.1,localhost",
		}

	def command(self, *arguments: str) -> list[str]:
		return [str(self.folder / "env/bin/python"), "-m", "frappe.utils.bench_helper", "frappe", *arguments]

	def python(self, script: Path, *arguments: str | Path) -> list[str | Path]:
		return [self.folder / "env/bin/python", script, *arguments]

	def inside(self) -> dict:
		"""How a process that imports Frappe is started: options of subprocess."""
		return {"cwd": self.sites, "env": self.variables()}

	def bench_run(self, *arguments: str) -> None:
		"""A bench command with its output in a log."""
		run(self.command(*arguments), self.log, **self.inside())

	def build_base(self) -> None:
		say("building the base site (Frappe, ERPNext, a company), 2 to 4 minutes, once")
		self.services.stop()
		shutil.rmtree(self.folder, ignore_errors=True)
		self.folder.mkdir(parents=True)
		try:
			self.serve_data()
			root = ["--db-root-username", ADMIN, "--db-root-password", self.services.state["password"]]
			self.bench_run("new-site", self.site, *root, "--admin-password", ADMIN_PASSWORD)
			self.bench_run("--site", self.site, "install-app", "erpnext")
			run(self.python(COMPANY, self.site), self.log, **self.inside())
		finally:
			self.services.stop()


def base_site(bench: Path) -> Path:
	"""The folder that sites are copied from, built when the code of Frappe or ERPNext is a new one."""
	revisions = [revision(app(bench, name), name) for name in ("frappe", "erpnext")]
	folder = CACHE / f"base-{digest(bench, *revisions, COMPANY.read_text())}"
	half = folder.with_suffix(".half")
	with lock(folder.with_suffix(".lock")):
		if not folder.exists():
			Sandbox(bench, "base", half).build_base()
			half.rename(folder)
	return folder


def revision(folder: Path, name: str) -> str:
	"""Version and commit of an app's code."""
	commit = subprocess.run(["git", "-C", folder, "rev-parse", "HEAD"], capture_output=True, text=True).stdout
	return (folder / name / "__init__.py").read_text() + commit


def all_sandboxes(pattern: str = "*") -> list[Sandbox]:
	"""The sites that there are, to be stopped or deleted: of all checkouts, or of those whose folders match."""
	folders = [folder for folder in sorted(SITES.glob(f"{pattern}/*")) if folder.is_dir()]
	return [Sandbox(folder / "apps", folder.name, folder) for folder in folders]


def delete_leftovers() -> None:
	"""Sites of this checkout's runs that were killed."""
	for sandbox in all_sandboxes(f"{OWN}-*"):
		if sandbox.site.startswith(THROWAWAY) and not lives(int(sandbox.site.removeprefix(THROWAWAY))):
			sandbox.stop(delete=True)


def lives(pid: int) -> bool:
	try:
		os.kill(pid, 0)
	except ProcessLookupError:
		return False
	except PermissionError:
		pass
	return True


def app_exists() -> bool:
	return (CHECKOUT / "apps/customer_tiering/hooks.py").exists()


def fingerprint() -> str:
	"""Of the files that installing the app puts into a site."""
	app = CHECKOUT / "apps/customer_tiering"
	files = [
		path
		for path in sorted(app.rglob("*"))
		if path.suffix in {".json", ".txt"} or path.parent == app / "setup"
	]
	fixtures = sorted((CHECKOUT / "fixtures").glob("*.json"))
	return digest(*(path.read_bytes() for path in [*files, *fixtures] if path.is_file()))


def link(path: Path, target: Path) -> None:
	if not path.is_symlink() or Path(os.readlink(path)) != target:
		path.unlink(missing_ok=True)
		path.symlink_to(target)


def try_lock(file) -> bool:
	try:
		fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
	except BlockingIOError:
		return False
	return True


def site_name(name: str) -> str:
	if not re.fullmatch(r"[a-z0-9][a-z0-9.-]*", name) or name in {"assets", "apps.txt"}:
		raise Trouble(
			f"{name!r} can't be a site's name: take small letters, digits, '-' and '.', like review.localhost"
		)
	return name
