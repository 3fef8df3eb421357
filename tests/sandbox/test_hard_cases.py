"""What goes wrong on other people's machines: the sandbox recovers, or says what to do."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import BENCH
from tests.sandbox import demo, desk, framework, services
from tests.sandbox.common import CHECKOUT, Trouble
from tests.sandbox.services import Services
from tests.sandbox.sites import Sandbox


@pytest.fixture
def servers(tmp_path: Path) -> Iterator[Services]:
	"""In a folder with a space in its name."""
	folder = tmp_path / "a b"
	(folder / "logs").mkdir(parents=True)
	servers = Services(folder)
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


def test_a_port_that_somebody_else_took_first(servers: Services, monkeypatch: pytest.MonkeyPatch) -> None:
	with socket.create_server(("127.0.0.1", 0)) as other:
		ports = [other.getsockname()[1]]
		free = services.free_port
		monkeypatch.setattr(services, "free_port", lambda: ports.pop() if ports else free())
		servers.start()
		assert servers.answer()
		assert servers.state["mariadb"] != other.getsockname()[1]


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


def test_two_sandboxes_at_once(servers: Services, tmp_path: Path) -> None:
	"""The other one's servers are somebody else's."""
	(tmp_path / "other/logs").mkdir(parents=True)
	other = Services(tmp_path / "other")
	servers.start()
	other.start()
	other.stop()
	assert servers.answer()


def test_two_calls_at_once(tmp_path: Path) -> None:
	code = "from tests.sandbox import framework; print(framework.build_standin())"
	options = {"cwd": CHECKOUT, "env": {**os.environ, "XDG_CACHE_HOME": str(tmp_path)}, "text": True}
	calls = [
		subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, **options) for _ in range(2)
	]
	printed = {call.communicate()[0].strip() for call in calls}
	assert len(printed) == 1
	assert (Path(printed.pop()) / "erpnext/hooks.py").exists()


def test_a_build_that_was_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
	monkeypatch.setattr(framework.Build, "build", lambda build: (build.half / "env").mkdir(parents=True))
	framework.build_bench(tmp_path)
	(half,) = tmp_path.glob("*.half")
	(half / "left").touch()
	framework.build_bench(tmp_path)
	assert not (half / "left").exists()


def test_no_network(build: framework.Build, monkeypatch: pytest.MonkeyPatch) -> None:
	monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
	monkeypatch.setenv("PIP_RETRIES", "0")
	with pytest.raises(Trouble, match="If PyPI can't be reached from here, set up the network"):
		build.wheel()


def test_a_wheel_with_another_hash(build: framework.Build, monkeypatch: pytest.MonkeyPatch) -> None:
	def download(*arguments: str | Path) -> None:
		folder = Path(arguments[arguments.index("--dest") + 1])
		folder.mkdir(parents=True)
		(folder / "criscostack-1.0.0-py3-none-any.whl").write_text("another one")

	monkeypatch.setattr(build, "pip", download)
	with pytest.raises(Trouble, match=r"not the audited .* refused: use a real bench"):
		build.wheel()


def test_no_python_that_it_runs_on(monkeypatch: pytest.MonkeyPatch) -> None:
	monkeypatch.setattr(framework, "works", lambda python: False)
	with pytest.raises(Trouble, match=r"needs Python 3\.10 or 3\.11 .* or name a real bench"):
		framework.find_python()


@pytest.mark.parametrize("because", ["not root", "forbidden"])
def test_nothing_may_be_installed(because: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
	monkeypatch.setattr(services, "program", lambda name: "/usr/bin/apt-get" if name == "apt-get" else None)
	monkeypatch.setattr(os, "geteuid", lambda: 1000 if because == "not root" else 0)
	if because == "forbidden":
		monkeypatch.setenv("NO_INSTALL", "1")
	with pytest.raises(Trouble, match="apt-get install mariadb-server redis-server"):
		services.install_missing(services.PACKAGES, tmp_path / "log")
