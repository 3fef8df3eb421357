"""Keep value, grace, dwell and the end of an override; and the replay of a customer's way through the tiers."""

from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from customer_tiering.engine.policy import Policy, Tier
from customer_tiering.engine.replay import Entry, Standing, replay
from tests.engine.populations import decide_one, order, policy
from tests.oracle import Document, Person, history, standing_of

TODAY = date(2024, 6, 30)
KEEPING = policy(
	tiers=(
		Tier("A", 500, True, keep_value=400, grace_days=30, minimum_dwell_days=90),
		Tier("B", 100, keep_value=80),
		Tier("C", 0),
	)
)


def ago(days: int) -> date:
	return TODAY - timedelta(days=days)


def decide(money: str, **about: object) -> tuple[str, date, date | None]:
	decided = decide_one([order("X", ago(1), money)], TODAY, KEEPING, **about)
	return decided["customer_tier"], decided["tier_since"], decided["below_keep_since"]


@pytest.mark.parametrize(("money", "tier"), [("100.00", "B"), ("80.00", "B"), ("79.99", "C")])
def test_the_keep_value_itself_keeps(money: str, tier: str) -> None:
	assert decide(money, current_tier="B", current_tier_since=ago(400))[0] == tier


def test_going_up_is_immediate_and_starts_anew() -> None:
	about = {"current_tier": "B", "current_tier_since": ago(10), "current_below_keep_since": ago(3)}
	assert decide("500.00", **about) == ("A", TODAY, None)


@pytest.mark.parametrize(("below_for", "tier"), [(29, "A"), (30, "B")])
def test_grace_is_counted_in_whole_days(below_for: int, tier: str) -> None:
	about = {"current_tier": "A", "current_tier_since": ago(400), "current_below_keep_since": ago(below_for)}
	assert decide("399.99", **about)[0] == tier


def test_the_first_day_below_starts_the_grace() -> None:
	about = {"current_tier": "A", "current_tier_since": ago(400)}
	assert decide("399.99", **about) == ("A", ago(400), TODAY)


def test_enough_money_ends_the_grace() -> None:
	about = {"current_tier": "A", "current_tier_since": ago(400), "current_below_keep_since": ago(29)}
	assert decide("400.00", **about) == ("A", ago(400), None)


@pytest.mark.parametrize(("in_tier_for", "tier"), [(89, "A"), (90, "B")])
def test_the_dwell_holds_a_customer_whose_grace_is_over(in_tier_for: int, tier: str) -> None:
	about = {"current_tier": "A", "current_tier_since": ago(in_tier_for), "current_below_keep_since": ago(31)}
	assert decide("399.99", **about)[0] == tier


def test_a_replay_goes_on_from_what_a_run_had_decided() -> None:
	tiers = policy(tiers=(Tier("A", 100, minimum_dwell_days=30), Tier("B", 0)))
	first, today = date(2025, 1, 1), date(2025, 12, 20)
	entries = [Entry(first, Decimal(100), True)]
	leaves = date(2026, 1, 1)
	assert [(s.day, s.tier) for s in replay(entries, tiers, date(2026, 3, 1))] == [
		(first, "A"),
		(leaves, "B"),
	]
	known = Standing(today, Decimal(0), "A", today, None)
	way = replay(entries, tiers, date(2026, 3, 1), known)
	assert [(s.day, s.tier, s.tier_since) for s in way] == [
		(first, "A", first),
		(today, "A", today),
		(leaves, "A", today),
		(today + timedelta(days=30), "B", today + timedelta(days=30)),
	]


def test_an_override_ends_by_itself_without_grace() -> None:
	about = {
		"current_tier": "A",
		"current_tier_by_hand": True,
		"current_tier_since": ago(20),
		"tier_override": "A",
	}
	assert decide("1.00", tier_override_until=TODAY, **about) == ("A", ago(20), None)
	assert decide("1.00", tier_override_until=ago(1), **about) == ("C", TODAY, None)


def test_an_override_taken_back_early_leaves_no_grace() -> None:
	about = {"current_tier": "A", "current_tier_by_hand": True, "current_tier_since": ago(20)}
	assert decide("1.00", **about) == ("C", TODAY, None)


def test_a_tier_by_hand_that_the_money_also_gives_starts_anew_when_the_override_ends() -> None:
	about = {
		"current_tier": "A",
		"current_tier_by_hand": True,
		"current_tier_since": ago(20),
		"tier_override": "A",
	}
	assert decide("500.00", tier_override_until=ago(1), **about) == ("A", TODAY, None)


def test_an_override_that_never_took_effect_leaves_the_earned_tier() -> None:
	about = {"current_tier": "B", "current_tier_since": ago(20), "tier_override": "A"}
	assert decide("85.00", tier_override_until=ago(1), **about) == ("B", ago(20), None)


@pytest.mark.parametrize(("left", "tier"), [("0.01", None), ("0.02", "C")])
def test_each_return_but_the_last_may_be_a_cent_off(left: str, tier: str | None) -> None:
	invoice = order("X", ago(9), "30.00", name="I")
	halves = [Decimal("-15.00"), Decimal("-15.00") + Decimal(left)]
	returns = [
		Document(f"R{n}", "X", ago(5), half, is_return=True, return_against="I")
		for n, half in enumerate(halves)
	]
	assert decide_one([invoice, *returns], TODAY, KEEPING)["customer_tier"] == tier


@st.composite
def ways(draw: st.DrawFn) -> tuple[list[Document], Policy]:
	"""A few invoices and returns of one customer, and tiers that they move through."""
	documents = []
	for number in range(draw(st.integers(1, 5))):
		day, amount = ago(draw(st.integers(-30, 500))), draw(st.sampled_from((50, 100, 250, 420, 600)))
		invoice = Document(f"I{number}", "X", day, Decimal(amount))
		documents.append(invoice)
		if draw(st.booleans()):
			back = Decimal(-draw(st.sampled_from((amount, amount // 2))))
			later = day + timedelta(days=draw(st.integers(0, 60)))
			documents.append(
				Document(f"R{number}", "X", later, back, is_return=True, return_against=invoice.name)
			)
	days = st.sampled_from((0, 1, 20, 60))
	tiers = (
		Tier("A", 500, True, draw(st.sampled_from((None, 300.0, 450.0))), draw(days), draw(days)),
		Tier("B", 200, False, draw(st.sampled_from((None, 150.0))), draw(days), draw(days)),
		Tier("C", 0),
	)
	return documents, policy(tiers=tiers, window_months=draw(st.sampled_from((1, 3, 12))))


@settings(max_examples=40, deadline=None)
@given(ways())
def test_the_replay_equals_the_oracle_asked_day_by_day(given_: tuple[list[Document], Policy]) -> None:
	documents, rules = given_
	way = {standing.day: standing for standing in replay(entries_of(documents), rules, ago(-500))}
	replayed = (None, None, None)
	person, day = Person("X"), min(document.posting_date for document in documents)
	while day <= ago(-500):
		if day in way:
			replayed = (way[day].tier, way[day].tier_since, way[day].below_keep_since)
		expected = standing_of(person, history(documents, day, rules.window_months), rules, day)
		assert replayed == expected, day
		tier, since, below_since = expected
		person = Person(
			"X", current_tier=tier, current_tier_since=since, current_below_keep_since=below_since
		)
		day += timedelta(days=1)


def entries_of(documents: list[Document]) -> list[Entry]:
	return [
		Entry(d.posting_date, d.base_net_total, not d.is_return, undone_on(d, documents)) for d in documents
	]


def undone_on(invoice: Document, documents: list[Document]) -> date | None:
	"""The first day on which the returns so far come to the whole invoice, but for a cent each."""
	returns = [d for d in documents if d.return_against == invoice.name]
	for last in sorted(returns, key=lambda d: d.posting_date):
		so_far = [d.base_net_total for d in returns if d.posting_date <= last.posting_date]
		if invoice.base_net_total + sum(so_far) <= Decimal("0.01") * len(so_far):
			return last.posting_date
	return None
