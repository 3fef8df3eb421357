"""What the engine tests share."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def engine_process() -> Callable[..., subprocess.CompletedProcess]:
	"""Run a script in a fresh interpreter that finds the app and the tests of this checkout."""

	def run(script: str, **environment: str) -> subprocess.CompletedProcess:
		path = os.pathsep.join((str(ROOT / "apps"), str(ROOT)))
		return subprocess.run(
			[sys.executable, "-c", script],
			env=os.environ | {"PYTHONPATH": path} | environment,
			cwd=ROOT,
			capture_output=True,
			text=True,
			timeout=120,
			check=True,
		)

	return run
