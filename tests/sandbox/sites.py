"""The sandbox folder: laid out like a bench, with links to the real one's code and with sites of its own."""

import base64
import contextlib
import fcntl
import json
import os
import secrets
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from tests.sandbox.common import CACHE, CHECKOUT, Trouble, digest, lock, run, say
from tests.sandbox.environment import environment
from tests.sandbox.services import ADMIN, Services

ADMIN_PASSWORD = "admin"
ENCRYPTION_KEY = base64.urlsafe_b64encode(b"the key of throw-away test sites").decode()
COMPANY = Path(__file__).with_name("company.py")
THROWAWAY = "test-run-"


class Sandbox:
	"""One checkout on one bench's code."""

	def __init__(self, bench: Path) -> None:
		self.bench = bench
		self.folder = CACHE / "benches" / f"{CHECKOUT.name}-{digest(CHECKOUT, bench)}"
		self.sites = self.folder / "sites"
		self.log = self.folder / "logs/setup.log"
		self.kept = self.folder / "keep"
		self.services = Services(self.folder)

	@contextlib.contextmanager
	def running(self) -> Iterator[None]:
		"""Keep the services up meanwhile. The last user stops them, unless `keep` was called."""
		self.folder.mkdir(parents=True, exist_ok=True)
		with (self.folder / "users.lock").open("w") as users:
			with lock(self.folder / "start.lock"):
				alone = try_lock(users)
				fcntl.flock(users, fcntl.LOCK_SH)
				self.lay_out()
				self.services = Services(self.folder)
				self.services.start()
				self.write_config()
				if alone:
					self.drop_leftovers()
			try:
				yield
			finally:
				with lock(self.folder / "start.lock"):
					if try_lock(users) and not self.kept.exists():
						self.services.stop()

	def stop(self) -> bool:
		"""Stop the services unless a run uses them; then they stop at its end."""
		if not self.folder.exists():
			return True
		self.kept.unlink(missing_ok=True)
		with (self.folder / "users.lock").open("w") as users, lock(self.folder / "start.lock"):
			free = try_lock(users)
			if free:
				self.services.stop()
			return free

	def lay_out(self) -> None:
		for name in ("apps", "sites", "logs", "config"):
			(self.folder / name).mkdir(exist_ok=True)
		link(self.folder / "env", environment(self.bench))
		link(self.folder / "apps/frappe", self.bench / "apps/frappe")
		link(self.folder / "apps/erpnext", self.bench / "apps/erpnext")
		link(self.folder / "apps/customer_tiering", CHECKOUT)
		apps = ["frappe", "erpnext", *(["customer_tiering"] if app_exists() else [])]
		(self.sites / "apps.txt").write_text("\n".join(apps) + "\n")
		self.copy_assets()

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
		config = {"server_script_enabled": 1, "allow_tests": 1, "mute_emails": 0}
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
			"PYTHONPATH": str(CHECKOUT / "apps"),
			"PYTHONPYCACHEPREFIX": str(CACHE / "pycache"),
			"PYTHONDONTWRITEBYTECODE": "",
			"FRAPPE_BENCH_ROOT": str(self.folder),
			"NO_PROXY": "127.0.0.1,localhost",
			"no_proxy": "127.0.0.1,localhost",
		}

	def command(self, *arguments: str) -> list[str]:
		return [str(self.folder / "env/bin/python"), "-m", "frappe.utils.bench_helper", "frappe", *arguments]

	def bench_run(self, *arguments: str) -> None:
		"""A bench command with its output in a log."""
		run(self.command(*arguments), self.log, cwd=self.sites, env=self.variables())

	def create_site(self, name: str) -> None:
		"""A fresh site: Frappe, ERPNext and a company from the stored dump, then the checkout's app."""
		dump = self.base_dump()
		say(f"making the site {name}")
		self.drop_site(name)
		command, login = self.services.client("mariadb", self.empty_site(name))
		with dump.open("rb") as file:
			run(command, self.log, stdin=file, **login)
		if app_exists():
			self.bench_run("--site", name, "install-app", "customer_tiering")
		self.ready(name).write_text(fingerprint())

	def ready(self, name: str) -> Path:
		return self.sites / name / "ready"

	def is_current(self, name: str) -> bool:
		"""Whether the site is there and what was installed on it is what the checkout holds now."""
		return self.ready(name).exists() and self.ready(name).read_text() == fingerprint()

	def empty_site(self, name: str) -> str:
		"""A site's folder and its empty database, whose name is new so that nothing cached fits it."""
		database = f"site_{secrets.token_hex(6)}"
		for part in ("private/files", "private/backups", "public/files", "locks", "logs"):
			(self.sites / name / part).mkdir(parents=True, exist_ok=True)
		config = {"db_name": database, "db_password": database, "db_type": "mariadb"}
		write_json(self.sites / name / "site_config.json", {**config, "encryption_key": ENCRYPTION_KEY})
		self.services.sql(
			f"create database `{database}`; create user `{database}`@'%' identified by '{database}';"
			f"grant all on `{database}`.* to `{database}`@'%'"
		)
		return database

	def drop_site(self, name: str) -> None:
		config = self.sites / name / "site_config.json"
		if config.exists():
			database = json.loads(config.read_text())["db_name"]
			self.services.sql(f"drop database if exists `{database}`; drop user if exists `{database}`@'%'")
		shutil.rmtree(self.sites / name, ignore_errors=True)

	def drop_leftovers(self) -> None:
		for site in self.sites.glob(f"{THROWAWAY}*"):
			self.drop_site(site.name)

	def base_dump(self) -> Path:
		"""The dump that sites are made from, built when the code of Frappe or ERPNext is a new one."""
		dump = CACHE / f"base-{digest(self.bench, *map(self.revision, ('frappe', 'erpnext')), COMPANY.read_text())}.sql"
		with lock(CACHE / "base.lock"):
			if not dump.exists():
				self.build_base(dump)
		return dump

	def build_base(self, dump: Path) -> None:
		say("building the base site (Frappe, ERPNext, a company), about 2 minutes, once")
		name = f"{THROWAWAY}base-{os.getpid()}"
		database = self.empty_site(name)
		login = ["--db-name", database, "--db-password", database, "--no-setup-db"]
		self.bench_run("new-site", name, "--force", *login, "--admin-password", ADMIN_PASSWORD)
		self.bench_run("--site", name, "install-app", "erpnext")
		python = self.folder / "env/bin/python"
		run([python, COMPANY, name], self.log, cwd=self.sites, env=self.variables())
		half = dump.with_suffix(".half")
		command, root = self.services.client("mariadb-dump", "--single-transaction", "--quick", database)
		run([*command, f"--result-file={half}"], self.log, **root)
		half.rename(dump)
		self.drop_site(name)

	def revision(self, app: str) -> str:
		"""Version and commit of an app's code."""
		source = self.bench / "apps" / app
		commit = subprocess.run(["git", "-C", source, "rev-parse", "HEAD"], capture_output=True, text=True).stdout
		return (source / app / "__init__.py").read_text() + commit


def app_exists() -> bool:
	return (CHECKOUT / "apps/customer_tiering/hooks.py").exists()


def fingerprint() -> str:
	"""Of the files that installing the app puts into a site."""
	app = CHECKOUT / "apps/customer_tiering"
	files = [path for path in sorted(app.rglob("*")) if path.suffix in {".json", ".txt"} or path.parent == app / "setup"]
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


def write_json(path: Path, value: dict) -> None:
	half = path.with_suffix(".half")
	half.touch(mode=0o600)
	half.write_text(json.dumps(value, indent="\t") + "\n")
	half.replace(path)


def site_name(name: str) -> str:
	if not name or name.startswith((".", "-")) or not name.replace("-", "").replace(".", "").isalnum():
		raise Trouble(f"{name!r} can't be a site's name: use letters, digits, '-' and '.', like review.localhost")
	if name in {"assets", "apps.txt", "common_site_config.json"}:
		raise Trouble(f"{name} is a file or folder of the bench: choose another name for the site")
	return name
