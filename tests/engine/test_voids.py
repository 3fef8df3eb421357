"""A signal is void when, by what is known today, it would not have fired on its day."""

from datetime import date, timedelta
from decimal import Decimal

import pytest

from customer_tiering.engine.voids import Fired, Known, is_void
from tests.engine.populations import policy

DAY = date(2026, 6, 30)
LAST = date(2026, 1, 1)


def known(day: date, money: float = 100, name: str = "INV-1", is_order: bool = True) -> Known:
	return Known(name, day, Decimal(str(money)), is_order)


@pytest.mark.parametrize("signal", ["Became Dormant", "Became Lost", "Sleep Warning", "Silent Potential"])
@pytest.mark.parametrize(
	("order", "void"),
	[(LAST, False), (LAST + timedelta(days=1), True), (DAY - timedelta(days=1), True), (DAY, False)],
)
def test_a_quiet_time_is_broken_by_an_order_dated_into_it(signal: str, order: date, void: bool) -> None:
	assert is_void(Fired(signal, "", DAY, LAST), [known(LAST), known(order)], policy()) is void


@pytest.mark.parametrize("signal", ["First Order", "Won Back"])
def test_an_order_day_without_its_order(signal: str) -> None:
	fired = Fired(signal, str(LAST), DAY, LAST)
	assert not is_void(fired, [known(LAST)], policy())
	assert is_void(fired, [known(LAST, is_order=False)], policy())
	assert is_void(fired, [known(DAY)], policy())
	assert is_void(fired, [], policy())


def test_a_whale_that_was_cancelled() -> None:
	fired = Fired("Whale Order", "INV-7", DAY, LAST)
	assert is_void(fired, [known(LAST)], policy())
	assert not is_void(fired, [known(LAST, name="INV-7")], policy())


@pytest.mark.parametrize(("money", "void"), [("99999.99", True), ("100000", False)])
def test_a_tier_up_to_the_cent(money: str, void: bool) -> None:
	fired = Fired("Tier Up", f"B|{DAY}", DAY, DAY, "C", "B")
	documents = [known(DAY, money), known(DAY + timedelta(days=1), 50), known(DAY.replace(year=2025), 70)]
	assert is_void(fired, documents, policy()) is void


@pytest.mark.parametrize(("money", "void"), [("99999.99", False), ("100000", True)])
def test_a_tier_down_that_was_not_due(money: str, void: bool) -> None:
	assert is_void(Fired("Tier Down", f"C|{DAY}", DAY, DAY, "B", "C"), [known(DAY, money)], policy()) is void


def test_a_tier_that_is_gone_and_what_documents_say_nothing_about() -> None:
	assert not is_void(Fired("Tier Up", "X", DAY, DAY, "C", "X"), [], policy())
	assert not is_void(Fired("Key Date", "founded 2026", DAY, None), [], policy())


@pytest.mark.parametrize(
	("own", "friends", "void"), [(100, 100, False), (100, "99.99", True), (-5, "0.01", False), (0, 0, True)]
)
def test_a_promoter_by_what_the_friends_still_bring(own: float, friends: float | str, void: bool) -> None:
	fired = Fired("Super Promoter", "2026-06", DAY, LAST)
	rules = policy(promoter_percent=100)
	too_old = known(DAY.replace(year=2025), 1000)
	assert is_void(fired, [known(DAY, own)], rules, [known(LAST, friends), too_old]) is void
