"""Condition signals: the engine finds what the oracle finds, and what the rules say at every boundary."""

from datetime import date, timedelta

import pytest
from hypothesis import given, settings

from customer_tiering.engine.classify import classify
from customer_tiering.engine.conditions import COLUMNS, conditions, whale_from
from customer_tiering.engine.policy import Policy
from customer_tiering.engine.population import Population, fit
from tests import oracle
from tests.engine.populations import Customers, facts_of, order, policies, policy, populations, whales_of
from tests.oracle import Document, Person

TODAY = date(2024, 6, 30)


def ago(days: int) -> date:
	return TODAY - timedelta(days=days)


def found(given_: Customers, rules: Policy) -> list[dict]:
	facts = facts_of(given_.people, given_.documents, given_.as_of, rules)
	histories = oracle.histories_of(given_.people, given_.documents, rules, given_.as_of)
	ordinary = oracle.fit(histories).ordinary_order
	population = fit(facts, rules, given_.as_of, None if ordinary is None else float(ordinary))
	decisions = classify(facts, rules, given_.as_of, population)
	whales = whales_of(histories, whale_from(rules, population))
	rows = conditions(facts, decisions, rules, given_.as_of, population, whales)
	assert list(rows.columns) == COLUMNS
	assert rows.map(lambda value: type(value) is str).all(axis=None)
	keys = [tuple(row) for row in rows[["customer", "signal", "period"]].to_numpy()]
	assert keys == sorted(set(keys))
	return rows.to_dict("records")


def keys_of(given_: Customers, rules: Policy) -> set:
	return {(row["customer"], row["signal"], row["period"]) for row in found(given_, rules)}


def of_one(
	documents: list[Document], as_of: date = TODAY, rules: Policy | None = None, **about: object
) -> dict[str, tuple[str, str]]:
	"""Period and detail of each signal of customer "X", whose oracle agrees."""
	given_, rules = Customers((Person("X", **about),), tuple(documents), as_of), rules or policy()
	assert keys_of(given_, rules) == oracle.signals(given_.people, given_.documents, rules, as_of)
	return {row["signal"]: (row["period"], row["detail"]) for row in found(given_, rules)}


@settings(max_examples=30, deadline=None)
@given(populations(max_size=5), policies())
def test_the_engine_finds_what_the_oracle_finds(given_: Customers, rules: Policy) -> None:
	assert keys_of(given_, rules) == oracle.signals(given_.people, given_.documents, rules, given_.as_of)


def test_nobody() -> None:
	assert found(Customers((), (), TODAY), policy()) == []


@pytest.mark.parametrize(
	("silent", "gap", "warned"),
	[(59, None, False), (60, None, True), (59, 40, False), (60, 40, True), (29, 10, False), (30, 10, True)],
)
def test_the_sleep_warning_follows_the_rhythm(silent: int, gap: int | None, warned: bool) -> None:
	"""1.5 times the own rhythm but no less than 30 days; 60 days without a rhythm."""
	orders = [order("X", ago(silent + (gap or 0) * n)) for n in range(3 if gap else 1)]
	period = str(ago(silent))
	assert of_one(orders).get("Sleep Warning") == ((period, period) if warned else None)


def test_who_sleeps_already_is_not_warned_of() -> None:
	assert "Sleep Warning" in of_one([order("X", ago(179))])
	assert "Sleep Warning" not in of_one([order("X", ago(180))])
	assert "Sleep Warning" in of_one([order("X", ago(180))], follow_ups=(ago(1),))
	assert "Sleep Warning" not in of_one([order("X", ago(179))], rules=policy(sleep_factor=0))


@pytest.mark.parametrize(("amount", "is_whale"), [("110.00", True), ("109.99", False)])
def test_a_whale_is_so_many_ordinary_orders(amount: str, is_whale: bool) -> None:
	orders = [order("X", ago(n), "1.10") for n in range(1, 4)] + [order("X", ago(9), amount, name="BIG")]
	expected = ("BIG", f"BIG · {amount}") if is_whale else None
	assert of_one(orders).get("Whale Order") == expected
	assert "Whale Order" not in of_one(orders, rules=policy(whale_factor=0))


def test_without_an_ordinary_order_there_is_no_whale() -> None:
	ordinary = dict.fromkeys(("abc_a_from", "abc_b_from", "median_rhythm"))
	for median in (None, 0.0, -1.0):
		population = Population(TODAY, (), (), (), **ordinary, median_order=median)
		assert whale_from(policy(), population) is None


@pytest.mark.parametrize(
	("spend", "declines"),
	[
		(("100.00", "80.00", "64.00", "51.20"), True),
		(("100.00", "80.00", "64.00", "51.21"), False),
		(("100.00", "80.01", "64.00", "51.20"), False),
		(("99.99", "80.00", "64.00", "51.20"), False),
		(("100.00", "50.00", "20.00", "0.00"), True),
		(("100.00", "50.00", "20.00", "-5.00"), True),
		(("100.00", "50.00", "0.00", "0.00"), False),
	],
)
def test_a_decline_is_three_falls_running(spend: tuple[str, ...], declines: bool) -> None:
	"""In whole months: what came in June doesn't count before July."""
	days = [date(2024, 2, 29), date(2024, 3, 1), date(2024, 4, 30), date(2024, 5, 31)]
	orders = [order("X", day, amount) for day, amount in zip(days, spend, strict=True)]
	signal = of_one([*orders, order("X", TODAY, "9999.00")]).get("Declining")
	detail = " → ".join(f"{float(amount):,.2f}" for amount in spend)
	assert signal == (("2024-06", detail) if declines else None)
	for off in ({"decline_percent": 0}, {"decline_months": 0}):
		assert "Declining" not in of_one(orders, rules=policy(**off))


@pytest.mark.parametrize(
	("day", "amount", "ready"),
	[
		(date(2024, 3, 31), "500.00", False),
		(date(2024, 4, 1), "500.00", True),
		(date(2024, 4, 1), "499.99", False),
	],
)
def test_enough_in_three_months_is_ready_for_more(day: date, amount: str, ready: bool) -> None:
	rules = policy(upsell_value=500.0)
	signal = of_one([order("X", day, amount)], rules=rules).get("Upsell Ready")
	assert signal == (("2024-06", amount) if ready else None)
	assert "Upsell Ready" not in of_one([order("X", day, amount)])


@pytest.mark.parametrize(
	("ordered", "asked", "silent"), [(180, 179, True), (179, 1, False), (180, 180, False), (180, -1, False)]
)
def test_an_enquiry_of_a_quiet_customer_is_potential(ordered: int, asked: int, silent: bool) -> None:
	signal = of_one([order("X", ago(ordered))], enquiries=(ago(asked),)).get("Silent Potential")
	assert signal == (("2024-06", str(ago(asked))) if silent else None)


@pytest.mark.parametrize(
	("own", "referred", "percent", "promotes"),
	[
		("100.00", "100.00", 100, True),
		("100.00", "99.99", 100, False),
		("100.00", "50.00", 50, True),
		("-5.00", "0.01", 100, True),
		("-5.00", "0.00", 100, False),
		("100.00", "900.00", 0, False),
	],
)
def test_who_brings_others_as_much_is_a_promoter(
	own: str, referred: str, percent: int, promotes: bool
) -> None:
	people = (Person("X"), Person("Y", referred_by="X"))
	given_ = Customers(people, (order("X", ago(1), own), order("Y", ago(1), referred)), TODAY)
	rules = policy(promoter_percent=percent)
	assert keys_of(given_, rules) == oracle.signals(people, given_.documents, rules, TODAY)
	assert (("X", "Super Promoter", "2024-06") in keys_of(given_, rules)) == promotes


@pytest.mark.parametrize(("before", "prompted"), [(15, False), (14, True), (0, True), (-1, False)])
def test_a_yearly_customer_is_prompted_two_weeks_before(before: int, prompted: bool) -> None:
	"""And when the day has passed the next one is a year away."""
	orders = [order("X", date(2022, 3, 1)), order("X", date(2023, 3, 2))]
	as_of = date(2024, 3, 2) - timedelta(days=before)
	signal = of_one(orders, as_of).get("Yearly Pattern")
	assert signal == (("2024-03", "2024-03-02") if prompted else None)
	assert "Yearly Pattern" not in of_one(orders, as_of, policy(pattern_years=0))


@pytest.mark.parametrize(
	("as_of", "period", "day"),
	[
		(date(2024, 2, 21), None, None),
		(date(2024, 2, 22), "birthday 2024", "2024-02-29"),
		(date(2024, 2, 29), "birthday 2024", "2024-02-29"),
		(date(2024, 3, 1), None, None),
		(date(2025, 2, 20), None, None),
		(date(2025, 2, 21), "birthday 2025", "2025-02-28"),
		(date(2025, 2, 28), "birthday 2025", "2025-02-28"),
		(date(2025, 3, 1), None, None),
	],
)
def test_a_birthday_on_29_february(as_of: date, period: str | None, day: str | None) -> None:
	signal = of_one([], as_of, key_date_birthday=date(1980, 2, 29)).get("Key Date")
	assert signal == ((period, day) if period else None)


def test_a_key_date_counts_from_the_first_anniversary() -> None:
	rules = policy(key_date_lead_days=30)
	assert of_one([], TODAY, rules, key_date_founded=TODAY) == {}
	assert of_one([], TODAY, rules, key_date_founded=TODAY + timedelta(days=3)) == {}
	signals = of_one([], TODAY + timedelta(days=363), rules, key_date_partner_since=TODAY)
	assert signals == {"Key Date": ("partner since 2025", "2025-06-30")}


def test_a_turn_of_the_year_lies_between() -> None:
	about = {"key_date_birthday": date(1980, 1, 3), "key_date_founded": date(1999, 12, 31)}
	given_ = Customers((Person("X", **about),), (), date(2024, 12, 30))
	assert [row["period"] for row in found(given_, policy())] == ["birthday 2025", "founded 2024"]
