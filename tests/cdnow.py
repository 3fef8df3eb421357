"""CDNOW: everything that the 23,570 people bought who first ordered from an online shop in early 1997.

The file travels in a wheel on PyPI. It is fetched into the cache folder when a test first needs it, and never committed.
"""

import os
import subprocess
import sys
import tempfile
import zipfile
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from functools import cache
from hashlib import sha256
from pathlib import Path

from tests.oracle import Document

PACKAGE = "lifetimes==0.11.3"
WHEEL = "Lifetimes-0.11.3-py3-none-any.whl"
SHA256 = "261e3dc89977c2b60767ca6728aaa29d429de0c814635070a749c36555895da8"
MEMBER = "lifetimes/datasets/CDNOW_master.txt"
SAMPLE = "lifetimes/datasets/CDNOW_sample.txt"
SUMMARY = "lifetimes/datasets/cdnow_customers_summary.csv"
SAMPLED = 2_357
ROWS = 69_659
CUSTOMERS = 23_570
TOTAL = Decimal("2500315.63")
LAST_DAY = date(1998, 6, 30)


class CdnowMissingError(Exception):
	"""The file can't be had; the text says why."""


@dataclass(frozen=True)
class Purchase:
	"""A row of the file."""

	customer: str
	day: date
	units: int
	amount: Decimal


@cache
def purchases() -> tuple[Purchase, ...]:
	"""All rows, in the order of the file."""
	with zipfile.ZipFile(wheel()) as archive:
		_, *lines = archive.read(MEMBER).decode("ascii").splitlines()
	rows = tuple(_purchase(*line.split()) for line in lines)
	assert len(rows) == ROWS
	assert len({row.customer for row in rows}) == CUSTOMERS
	assert sum(row.amount for row in rows) == TOTAL
	return rows


@cache
def sampled() -> dict[str, str]:
	"""One customer in ten, whom papers on customer value are about: the file's name of each by the sample's own number."""
	with zipfile.ZipFile(wheel()) as archive:
		rows = [line.split() for line in archive.read(SAMPLE).decode("ascii").splitlines()]
	found = {number: customer for customer, number, *_rest in rows}
	assert len(found) == SAMPLED
	return found


@cache
def summary() -> dict[str, tuple[int, float, float]]:
	"""The sample as it is published: by its number frequency, recency and age of each in the first 39 weeks, the two in weeks."""
	with zipfile.ZipFile(wheel()) as archive:
		_, *lines = archive.read(SUMMARY).decode("ascii").splitlines()
	rows = [line.split(",") for line in lines]
	return {f"{int(row[0]):04d}": (int(row[1]), float(row[2]), float(row[3])) for row in rows}


def documents() -> list[Document]:
	"""Every purchase as a submitted invoice."""
	return [
		Document(f"CDNOW-{number:05d}", f"CDNOW {row.customer}", row.day, row.amount)
		for number, row in enumerate(purchases(), start=1)
	]


def wheel() -> Path:
	"""The wheel in the cache folder, fetched if it isn't there and refused if it is not the one we know."""
	folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "customer-tiering"
	path = folder / WHEEL
	if not path.exists():
		folder.mkdir(parents=True, exist_ok=True)
		with tempfile.TemporaryDirectory(dir=folder) as temporary:
			_fetch(Path(temporary))
			_check(Path(temporary) / WHEEL)
			(Path(temporary) / WHEEL).replace(path)
	_check(path)
	return path


def _purchase(customer: str, day: str, units: str, amount: str) -> Purchase:
	return Purchase(customer, datetime.strptime(day, "%Y%m%d").date(), int(units), Decimal(amount))


def _fetch(folder: Path) -> None:
	command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", PACKAGE, "--dest", folder]
	done = subprocess.run(command, capture_output=True, text=True)
	if not (folder / WHEEL).exists():
		raise CdnowMissingError(
			f"CDNOW's purchases travel in {PACKAGE} on PyPI, and pip could not download it. Is PyPI reachable?\n"
			f"To test without PyPI, put {WHEEL} into {folder.parent}.\n{done.stderr[-1000:]}"
		)


def _check(path: Path) -> None:
	found = sha256(path.read_bytes()).hexdigest()
	if found != SHA256:
		raise CdnowMissingError(
			f"{path} is not the file that we know: its sha256 is {found}. Delete it and try again."
		)
