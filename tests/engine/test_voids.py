"""A signal is void when, by what is known today, it would not have fired on its day."""

from datetime import date, datetime, timedelta
from decimal import Decimal

import pytest

from customer_tiering.engine import signals
from customer_tiering.engine.signals import SIGNALS
from customer_tiering.engine.voids import Fired, Known, is_void
from tests.engine.populations import policy

DAY = date(2026, 6, 30)
LAST = date(2026, 1, 1)
READ_AT = datetime(2026, 6, 30, 12)
LATER = READ_AT + timedelta(hours=1)


def known(
	day: date, money: float = 100, name: str = "INV-1", is_order: bool = True, **when: datetime
) -> Known:
	return Known(name, day, Decimal(str(money)), is_order, **when)


@pytest.mark.parametrize("signal", ["Became Dormant", "Became Lost", "Sleep Warning", "Silent Potential"])
@pytest.mark.parametrize(
	("order", "void"),
	[(LAST, False), (LAST + timedelta(days=1), True), (DAY - timedelta(days=1), True), (DAY, False)],
)
def test_a_quiet_time_is_broken_by_an_order_dated_into_it(signal: str, order: date, void: bool) -> None:
	fired = Fired(signal, "", DAY, LAST)
	assert is_void(fired, [known(LAST), known(order)], policy(), DAY) is void
	assert is_void(fired, [known(DAY)], policy(), DAY)  # the order that it was counted from is gone


def test_a_first_order_while_there_is_any() -> None:
	fired = Fired("First Order", str(LAST), DAY, LAST)
	assert not is_void(fired, [known(LAST, is_order=False), known(DAY)], policy(), DAY)
	assert is_void(fired, [known(LAST, is_order=False)], policy(), DAY)
	assert is_void(fired, [], policy(), DAY)


@pytest.mark.parametrize(("days_before", "void"), [(179, False), (180, True)])
def test_a_first_order_with_an_older_one_typed_in(days_before: int, void: bool) -> None:
	fired = Fired("First Order", str(DAY), DAY, DAY)
	older = known(DAY - timedelta(days=days_before))
	assert is_void(fired, [known(DAY), older], policy(), DAY) is void


@pytest.mark.parametrize(("days_before", "void"), [(0, False), (179, False), (180, True)])
def test_won_back_while_any_order_keeps_awake(days_before: int, void: bool) -> None:
	fired = Fired("Won Back", str(DAY), DAY, DAY)
	slept, standing = known(DAY - timedelta(days=300)), known(DAY - timedelta(days=days_before))
	assert is_void(fired, [slept, known(DAY, is_order=False), standing], policy(), DAY) is void
	assert is_void(fired, [known(DAY)], policy(), DAY)  # who never slept
	assert is_void(fired, [], policy(), DAY)


def test_a_whale_that_was_cancelled() -> None:
	fired = Fired("Whale Order", "INV-7", DAY, LAST)
	assert is_void(fired, [known(LAST)], policy(), DAY)
	assert not is_void(fired, [known(LAST, name="INV-7")], policy(), DAY)


def tier_up() -> Fired:
	return Fired("Tier Up", f"B|{DAY}", DAY, DAY, "C", "B", READ_AT)


def tier_down() -> Fired:
	return Fired("Tier Down", f"C|{DAY}", DAY, DAY, "B", "C", READ_AT)


@pytest.mark.parametrize(("money", "void"), [("99999.99", True), ("100000", False)])
def test_a_tier_up_to_the_cent(money: str, void: bool) -> None:
	cancelled = known(DAY, 100_000, is_order=False, gone_at=LATER)
	documents = [known(DAY, money), known(DAY + timedelta(days=1), 50), known(DAY.replace(year=2025), 70)]
	assert is_void(tier_up(), [*documents, cancelled], policy(), DAY) is void


@pytest.mark.parametrize(("money", "void"), [("99999.99", False), ("100000", True)])
def test_a_tier_down_that_was_not_due(money: str, void: bool) -> None:
	assert is_void(tier_down(), [known(DAY, money, entered=LATER)], policy(), DAY) is void


def test_a_tier_that_no_document_since_explains() -> None:
	cancelled_before = known(DAY, 100_000, is_order=False, gone_at=READ_AT)
	assert not is_void(tier_up(), [known(DAY, 100), cancelled_before], policy(), DAY)
	assert not is_void(tier_down(), [known(DAY, 100_000), known(DAY, 100, entered=LATER)], policy(), DAY)


def test_an_order_that_was_replaced_on_a_later_day() -> None:
	tomorrow = DAY + timedelta(days=1)
	documents = [
		known(DAY, 100_000, is_order=False, gone_at=LATER),
		known(tomorrow, 100_000, entered=LATER),
	]
	assert not is_void(tier_up(), documents, policy(), tomorrow)
	assert is_void(tier_up(), documents, policy(), DAY)


@pytest.mark.parametrize(("money", "void"), [("9999.999", True), ("10000", False)])
def test_an_upsell_by_the_money_of_its_months(money: str, void: bool) -> None:
	rules = policy(upsell_value=10_000, upsell_months=3)
	too_old = known(date(2026, 3, 30), 1000)
	fired = Fired("Upsell Ready", "2026-06", DAY, DAY)
	assert is_void(fired, [known(DAY, money), too_old], rules, DAY) is void


@pytest.mark.parametrize(("dated_back", "void"), [(100, False), (101, True)])
def test_a_decline_by_the_money_of_its_months(dated_back: float, void: bool) -> None:
	rules = policy(decline_percent=20, decline_months=3)
	documents = [
		known(date(2026, month, 28), money) for month, money in ((2, 1000), (3, 700), (4, 500), (5, 300))
	]
	documents += [known(DAY, 5000), known(date(2026, 5, 1), dated_back)]
	assert is_void(Fired("Declining", "2026-06", DAY, DAY), documents, rules, DAY) is void


def test_a_tier_that_is_gone_and_what_documents_say_nothing_about() -> None:
	assert not is_void(Fired("Tier Up", "X", DAY, DAY, "C", "X"), [], policy(), DAY)
	assert not is_void(Fired("Key Date", "founded 2026", DAY, None), [], policy(), DAY)


@pytest.mark.parametrize(
	("own", "friends", "void"), [(100, 100, False), (100, "99.99", True), (-5, "0.01", False), (0, 0, True)]
)
def test_a_promoter_by_what_the_friends_still_bring(own: float, friends: float | str, void: bool) -> None:
	fired = Fired("Super Promoter", "2026-06", DAY, LAST)
	rules = policy(promoter_percent=100)
	too_old = known(DAY.replace(year=2025), 1000)
	assert is_void(fired, [known(DAY, own)], rules, DAY, [known(LAST, friends), too_old]) is void


def test_the_table_has_all_signals() -> None:
	names = {
		value
		for name, value in vars(signals).items()
		if isinstance(value, str) and value.istitle() and name.isupper()
	}
	assert names == set(SIGNALS)


@pytest.mark.parametrize("signal", SIGNALS)
def test_every_signal_can_be_judged(signal: str) -> None:
	fired = Fired(signal, "", DAY, LAST, old_tier="D", new_tier="C")
	judged = [
		is_void(fired, documents, policy(), DAY) for documents in ([], [known(DAY - timedelta(days=1))])
	]
	assert set(judged) <= ({True, False} if SIGNALS[signal].void else {False})
