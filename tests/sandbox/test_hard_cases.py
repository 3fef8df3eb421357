"""What goes wrong on other people's machines: the sandbox recovers, or says what to do."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path

import pytest

from tests.conftest import BENCH
from tests.sandbox import demo, desk, framework, services, sites
from tests.sandbox.common import CHECKOUT, Trouble
from tests.sandbox.services import Services
from tests.sandbox.sites import Sandbox


@pytest.fixture(scope="session")
def new_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
	"""A data folder of MariaDB that no server has used yet, made in a folder with a space in its name."""
	folder = tmp_path_factory.mktemp("a database")
	Services(folder).make_data_folder(folder / "mariadb")
	return folder / "mariadb"


def with_data(folder: Path, new_data: Path) -> Services:
	(folder / "logs").mkdir(parents=True)
	shutil.copytree(new_data, folder / "mariadb")
	return Services(folder)


@pytest.fixture
def servers(tmp_path: Path, new_data: Path) -> Iterator[Services]:
	"""In a folder with a space in its name."""
	servers = with_data(tmp_path / "a b", new_data)
	yield servers
	servers.stop()


@pytest.fixture
def site_folder(site: str) -> Path:
	return BENCH


@pytest.fixture
def build(tmp_path: Path) -> framework.Build:
	"""A build that has its Python and nothing else yet."""
	build = framework.Build(tmp_path, tmp_path / "bench", Path(sys.executable))
	(build.half / "env/bin").mkdir(parents=True)
	(build.half / "env/bin/python").symlink_to(sys.executable)
	return build


@pytest.mark.parametrize("server", ["mariadb", "redis"])
def test_a_port_that_somebody_else_took_first(
	server: str, servers: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
	with socket.create_server(("127.0.0.1", 0)) as other:
		free = services.free_port
		ports = [other.getsockname()[1], *([free()] if server == "redis" else [])]
		monkeypatch.setattr(services, "free_port", lambda: ports.pop() if ports else free())
		servers.start()
		assert servers.answer() and not ports
		assert servers.state[server] != other.getsockname()[1]


def test_servers_that_were_killed(servers: Services) -> None:
	servers.start()
	for pid in servers.processes():
		os.kill(pid, signal.SIGKILL)
	again = Services(servers.folder)
	again.start()
	assert again.answer()
	again.stop()


@pytest.mark.parametrize("left", ["", '{"password": "x", "mar', "null"])
def test_what_a_full_disk_left_of_the_state(servers: Services, left: str) -> None:
	servers.start()
	servers.state_file.write_text(left)
	again = Services(servers.folder)
	again.start()
	assert again.answer()
	again.stop()
	assert not again.processes()


def test_a_folder_that_bench_goes_on_in(site_folder: Path) -> None:
	"""Nothing is set around the command but what every shell has."""
	shell = {name: os.environ[name] for name in ("PATH", "HOME")}
	code = "import frappe, erpnext, customer_tiering; print(customer_tiering.__file__)"
	command = [site_folder / "env/bin/python", "-c", code]
	done = subprocess.run(command, cwd=site_folder / "sites", env=shell, capture_output=True, text=True)
	assert done.stdout.startswith(str(CHECKOUT)), done.stderr
	assert all((site_folder / name).is_dir() for name in ("apps", "sites", "config/pids", "logs"))


def test_the_desk_s_port_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
	with socket.create_server(("127.0.0.1", 0)) as other:
		monkeypatch.setattr(desk, "PORT", other.getsockname()[1])
		assert desk.usual_port() != desk.PORT
	assert desk.usual_port() == desk.PORT


def test_a_second_demo_leaves_the_first_alone(tmp_path: Path) -> None:
	sandbox = Sandbox(tmp_path, "twice", tmp_path / "twice")
	with demo.only_one(sandbox), pytest.raises(Trouble, match="SITE=<name> make demo"):
		with demo.only_one(sandbox):
			pass


def test_two_sandboxes_at_once(servers: Services, tmp_path: Path, new_data: Path) -> None:
	"""The other one's servers are somebody else's."""
	other = with_data(tmp_path / "other", new_data)
	servers.start()
	other.start()
	other.stop()
	assert servers.answer()


def start_build(cache: Path, what: str = "bench", kill_at: int = 0) -> subprocess.Popen:
	"""A process that builds from a made-up registry, and dies when its so-manyth program has half done its work."""
	cache.mkdir(exist_ok=True)
	command = [sys.executable, "-m", "tests.sandbox.killed_build", what, str(kill_at), cache / "calls"]
	pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
	return subprocess.Popen(command, cwd=CHECKOUT, env={**os.environ, "XDG_CACHE_HOME": str(cache)}, **pipes)


def built(build: subprocess.Popen) -> Path:
	printed, errors = build.communicate(timeout=60)
	assert build.returncode == 0, errors
	return Path(printed.strip())


@pytest.mark.parametrize(
	("what", "kill_at"),
	[*(("bench", number) for number in range(1, 7)), *(("environment", n) for n in (1, 2))],
)
def test_a_build_that_was_killed(what: str, kill_at: int, tmp_path: Path) -> None:
	"""At each program that it starts; the next one makes all of it, with nothing that the first has left half."""
	cache, calls = tmp_path / "a b", tmp_path / "a b/calls"
	killed = start_build(cache, what, kill_at)
	assert killed.wait(60) == -signal.SIGKILL
	killed.communicate()
	assert len(calls.read_text().splitlines()) >= kill_at
	calls.unlink()
	folder = built(start_build(cache, what))
	assert (folder / "bin/activate" if what == "environment" else folder / "env/bin/activate").exists()
	assert not list(folder.parent.glob("*.half*"))
	whole = built(start_build(tmp_path / "undisturbed", what))
	assert files_in(folder) == files_in(whole)
	done = calls.read_text()
	assert built(start_build(cache, what)) == folder and calls.read_text() == done


def files_in(folder: Path) -> dict[str, bytes]:
	"""With what they hold, wherever the folder lies."""
	where = str(folder).encode()
	files = (path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
	return {str(path.relative_to(folder)): path.read_bytes().replace(where, b"") for path in files}


def test_two_calls_at_once(tmp_path: Path) -> None:
	"""Build once, and both get it."""
	calls = [start_build(tmp_path / "cache", kill_at=-1) for _ in range(2)]
	first, second = (built(each) for each in calls)
	assert first == second
	assert (tmp_path / "cache/calls").read_text().count(" venv ") == 1


def test_a_half_built_cache(tmp_path: Path) -> None:
	"""Somebody deleted a part, to make room."""
	cache = tmp_path / "cache"
	bench = built(start_build(cache))
	shutil.rmtree(bench / "env")
	assert built(start_build(cache)) == bench
	assert (bench / "env/bin/python").exists()


def test_a_site_that_was_killed_while_it_was_made(servers: Services, monkeypatch: pytest.MonkeyPatch) -> None:
	"""Its servers live on and its app is half installed: it is made anew, from nothing."""
	servers.start()
	(servers.folder / "sites").mkdir()
	found = []
	monkeypatch.setattr(Sandbox, "start", lambda sandbox: found.extend(sandbox.folder.iterdir()))
	with Sandbox(CHECKOUT, "again", servers.folder).running():
		assert {path.suffix for path in found} == {".lock"}
		assert not servers.processes()


def test_a_base_site_that_was_killed_while_it_was_made(
	tmp_path: Path, new_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
	monkeypatch.setattr(sites, "CACHE", tmp_path)
	monkeypatch.setattr(sites, "revision", lambda _folder, name: name)
	base = tmp_path / f"base-{sites.digest(CHECKOUT, 'frappe', 'erpnext', sites.COMPANY.read_text())}"
	killed = with_data(base.with_suffix(".half"), new_data)
	killed.start()
	seen = []

	def serve_data(sandbox: Sandbox) -> None:
		seen.append((killed.processes(), list(sandbox.folder.iterdir())))
		sandbox.services.state = {"password": "x"}

	monkeypatch.setattr(Sandbox, "serve_data", serve_data)
	monkeypatch.setattr(sites, "run", lambda *_command, **_options: None)
	assert sites.base_site(CHECKOUT) == base
	assert seen == [([], [])]
	assert base.exists() and not killed.folder.exists()


def test_no_network_for_pip(build: framework.Build, monkeypatch: pytest.MonkeyPatch) -> None:
	monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
	monkeypatch.setenv("PIP_RETRIES", "0")
	with pytest.raises(Trouble, match="If PyPI can't be reached from here, set up the network"):
		build.wheel()


def test_no_network_for_npm(build: framework.Build, monkeypatch: pytest.MonkeyPatch) -> None:
	"""With the system's npm where there is one, else with one that says what it says."""
	monkeypatch.setenv("npm_config_registry", "http://127.0.0.1:9")
	monkeypatch.setenv("npm_config_fetch_retries", "0")
	if not shutil.which("npm"):
		npm = executable(build.half / "npm", "echo npm error code ECONNREFUSED >&2; exit 1")
		monkeypatch.setattr(build, "node", lambda: npm.parent)
	(build.half / "apps/frappe/frappe/public").mkdir(parents=True)
	with pytest.raises(
		Trouble, match=r"ECONNREFUSED(.|\n)*If npm can't be reached from here, set up the network"
	):
		build.build_desk()


def test_a_package_with_another_hash(build: framework.Build, monkeypatch: pytest.MonkeyPatch) -> None:
	folder = build.half / "registry"
	folder.mkdir()
	with zipfile.ZipFile(folder / "tiny-1.0-py3-none-any.whl", "w") as archive:
		archive.writestr("tiny-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: tiny\nVersion: 1.0\n")
		archive.writestr("tiny-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
		archive.writestr("tiny-1.0.dist-info/RECORD", "")
	pinned = build.half / "pinned.txt"
	pinned.write_text(f"tiny==1.0 --hash=sha256:{'0' * 64}\n")
	monkeypatch.setenv("PIP_NO_INDEX", "1")
	monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
	with pytest.raises(
		Trouble, match="PyPI sent a file with another hash than the pinned one, so it is refused"
	):
		build.pip("install", "--require-hashes", "--target", build.half / "here", "-r", pinned)
	assert not (build.half / "here").exists()


def test_a_wheel_with_another_hash(build: framework.Build, monkeypatch: pytest.MonkeyPatch) -> None:
	def download(*arguments: str | Path) -> None:
		folder = Path(arguments[arguments.index("--dest") + 1])
		folder.mkdir(parents=True)
		(folder / "criscostack-1.0.0-py3-none-any.whl").write_text("another one")

	monkeypatch.setattr(build, "pip", download)
	with pytest.raises(Trouble, match=r"not the audited .* refused: use a real bench"):
		build.wheel()


def test_python_3_12_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
	"""It knows nothing else, under whatever name."""
	for name in ("python3", "python3.11"):
		python = executable(tmp_path / name, "echo 3.12")
	monkeypatch.setattr(sys, "executable", str(python))
	monkeypatch.setenv("PATH", str(tmp_path))
	monkeypatch.setenv("PYENV_ROOT", str(tmp_path))
	with pytest.raises(Trouble, match=r"needs Python 3\.10 or 3\.11 .* or name a real bench"):
		framework.find_python()


def executable(path: Path, script: str) -> Path:
	path.write_text(f"#!/bin/sh\n{script}\n")
	path.chmod(0o755)
	return path


@pytest.mark.parametrize("because", ["not root", "forbidden"])
def test_nothing_may_be_installed(because: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
	monkeypatch.setattr(services, "program", lambda name: "/usr/bin/apt-get" if name == "apt-get" else None)
	monkeypatch.setattr(os, "geteuid", lambda: 1000 if because == "not root" else 0)
	if because == "forbidden":
		monkeypatch.setenv("NO_INSTALL", "1")
	with pytest.raises(Trouble, match="apt-get install mariadb-server redis-server"):
		services.install_missing(services.PACKAGES, tmp_path / "log")


def test_clean_leaves_nothing(tmp_path: Path, new_data: Path) -> None:
	"""In a copy of the checkout: a site and a base site whose servers run, half builds, caches of all kinds."""
	home, checkout = tmp_path / "a b", tmp_path / "checkout"
	cache = home / "customer-tiering"
	ignored = shutil.ignore_patterns("__pycache__")
	shutil.copytree(CHECKOUT / "tests/sandbox", checkout / "tests/sandbox", ignore=ignored)
	(checkout / "tests/__init__.py").touch()
	before = files_in(tmp_path)
	running = [with_data(cache / part, new_data) for part in ("sites/mine/kept", "base-0123.half")]
	for servers in running:
		servers.start()
	for left in ("bench-0123.1.half/env", "env-0123", "downloads/pip", "pycache", "logs"):
		(cache / left).mkdir(parents=True)
		(cache / left / "left").touch()
	for left in ("tests/.screenshots", ".pytest_cache", ".hypothesis", ".ruff_cache", "tests/__pycache__"):
		(checkout / left).mkdir()
		(checkout / left / "left").touch()
	command = [sys.executable, "-m", "tests.sandbox", "clean"]
	variables = {**os.environ, "XDG_CACHE_HOME": str(home), "PYTHONDONTWRITEBYTECODE": "1"}
	try:
		done = subprocess.run(command, cwd=checkout, env=variables, capture_output=True, text=True)
		assert done.returncode == 0, done.stderr
		assert not any(servers.processes() for servers in running)
		assert not cache.exists() and files_in(tmp_path) == before
	finally:
		for servers in running:
			servers.stop()


def test_the_demo_is_loaded_once_and_for_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
	"""Again only where it broke off, and then on a new site."""
	sandbox, made = Sandbox(tmp_path, "demo", tmp_path / "demo"), []
	monkeypatch.setattr(Sandbox, "running", lambda _sandbox, fresh: nullcontext(made.append(fresh)))
	monkeypatch.setattr(Sandbox, "is_current", lambda _sandbox: True)
	monkeypatch.setattr(Sandbox, "set_address", lambda *_arguments: None)
	monkeypatch.setattr(demo, "mailbox", nullcontext)
	results = iter((1, 0, 0, 0, 0))  # the first one can't load; then load and summary, then summaries
	monkeypatch.setattr(Sandbox, "bench_run", lambda *_arguments: None)
	monkeypatch.setattr(
		demo.subprocess, "run", lambda *_command, **_options: subprocess.CompletedProcess([], next(results))
	)
	with pytest.raises(Trouble, match="could not be loaded"):
		demo.show(sandbox, headless=True)
	for _ in range(3):
		assert demo.show(sandbox, headless=True) == 0
	assert made == [True, True, False, False]
