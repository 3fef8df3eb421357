"""The engine decides what the oracle decides, and what DESIGN.md says at every boundary."""

from datetime import date, timedelta

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from customer_tiering.engine.classify import DECISIONS, classify
from customer_tiering.engine.policy import Policy, Tier
from tests.engine.populations import (
	DECIDED,
	SEGMENTS,
	STAGES,
	TIERS,
	Customers,
	decide_one,
	engine_answers,
	facts_of,
	oracle_answers,
	order,
	policies,
	policy,
	populations,
)
from tests.oracle import Document, Person, decide

TODAY = date(2024, 6, 30)


def ago(days: int) -> date:
	return TODAY - timedelta(days=days)


def refund(of: Document, day: date, amount: str, **changes: object) -> Document:
	return order(of.customer, day, amount, is_return=True, return_against=of.name, **changes)


@settings(max_examples=30, deadline=None)
@given(populations())
def test_the_engine_equals_the_oracle(given_: Customers) -> None:
	rules = policy()
	assert engine_answers(given_.people, given_.documents, rules, given_.as_of) == oracle_answers(
		given_.people, given_.documents, rules, given_.as_of
	)


@settings(max_examples=30, deadline=None)
@given(populations(max_size=6), policies())
def test_the_engine_equals_the_oracle_under_any_policy(given_: Customers, rules: Policy) -> None:
	assert engine_answers(given_.people, given_.documents, rules, given_.as_of) == oracle_answers(
		given_.people, given_.documents, rules, given_.as_of
	)


@settings(max_examples=25, deadline=None)
@given(populations(), policies())
def test_the_facts_equal_the_oracle_s(given_: Customers, rules: Policy) -> None:
	facts = facts_of(given_.people, given_.documents, given_.as_of, rules)
	answers = decide(given_.people, given_.documents, rules, given_.as_of)
	assert list(facts.index) == list(answers)
	for name, answer in answers.items():
		row = facts.loc[name]
		assert row["orders_ever"] == answer.orders_ever
		assert row["annual_orders"] == answer.annual_orders
		assert row["annual_value"] == float(answer.annual_value)
		last = row["last_order_date"]
		assert (None if pd.isna(last) else last.date()) == answer.last_order_date


@settings(max_examples=15, deadline=None)
@given(populations(), st.randoms(use_true_random=False))
def test_the_order_of_the_rows_changes_nothing(given_: Customers, random) -> None:
	facts = facts_of(given_.people, given_.documents, given_.as_of, policy())
	names = list(facts.index)
	random.shuffle(names)
	shuffled = classify(facts.loc[names], policy(), given_.as_of)
	assert list(shuffled.index) == names
	assert shuffled.to_dict("index") == classify(facts, policy(), given_.as_of).to_dict("index")


@settings(max_examples=20, deadline=None)
@given(populations())
def test_every_customer_gets_an_answer_and_the_facts_stay(given_: Customers) -> None:
	facts = facts_of(given_.people, given_.documents, given_.as_of, policy())
	before = facts.copy(deep=True)
	decisions = classify(facts, policy(), given_.as_of)
	pd.testing.assert_frame_equal(facts, before)
	assert list(decisions.index) == [person.name for person in given_.people]
	for name, decision in decisions.to_dict("index").items():
		ordered = facts.loc[name, "orders_ever"] > 0
		assert decision["lifecycle_stage"] in {stage.name for stage in STAGES}
		assert (decision["lifecycle_stage"] == "Lead") == (not ordered)
		assert (decision["rfm_segment"] in {s.name for s in SEGMENTS}) == ordered
		assert (decision["rfm_score"] is not None) == ordered
		assert all(value is None or isinstance(value, bool | str | date) for value in decision.values())


@pytest.mark.parametrize(
	("money", "tier"),
	[
		("500000.01", "A"),
		("500000.00", "A"),
		("499999.99", "B"),
		("100000.00", "B"),
		("99999.99", "C"),
		("30000.00", "C"),
		("29999.99", "D"),
		("0.01", "D"),
		("0.00", "D"),
		("-0.01", "D"),
		("-1000000.00", "D"),
	],
)
def test_a_boundary_belongs_to_the_upper_tier(money: str, tier: str) -> None:
	assert decide_one([order("X", ago(1), money)], TODAY)["customer_tier"] == tier


@pytest.mark.parametrize("thirds", [("166666.66", "166666.67", "166666.67"), ("0.10",) * 3 + ("499999.70",)])
def test_cents_that_add_up_to_a_boundary_reach_it(thirds: tuple[str, ...]) -> None:
	parts = [order("X", ago(1), amount, name=f"{n}") for n, amount in enumerate(thirds)]
	assert decide_one(parts, TODAY)["customer_tier"] == "A"


def test_the_lowest_tier_takes_who_reaches_no_entry_value() -> None:
	rules = policy(tiers=(Tier("Silver", 200), Tier("Gold", 500, True)))
	assert decide_one([order("X", ago(1), "199.99")], TODAY, rules)["customer_tier"] == "Silver"
	assert decide_one([order("X", ago(800), "900.00")], TODAY, rules)["customer_tier"] == "Silver"
	assert decide_one([], TODAY, rules)["customer_tier"] is None


def test_a_tier_without_any_order_in_the_window_is_the_lowest() -> None:
	decided = decide_one([order("X", ago(400), "900000.00")], TODAY)
	assert decided["customer_tier"] == "D"
	assert decided["purchase_frequency"] is None


@pytest.mark.parametrize(
	("recency", "stage"),
	[(0, "First Purchase"), (179, "First Purchase"), (180, "Dormant"), (364, "Dormant"), (365, "Lost")],
)
def test_the_days_of_dormant_and_lost(recency: int, stage: str) -> None:
	assert decide_one([order("X", ago(recency))], TODAY)["lifecycle_stage"] == stage


@pytest.mark.parametrize(
	("follow_up", "stage"), [(0, "Repeat"), (89, "Repeat"), (90, "Dormant"), (91, "Dormant")]
)
def test_a_follow_up_keeps_a_customer_from_becoming_dormant(follow_up: int, stage: str) -> None:
	orders = [order("X", ago(200)), order("X", ago(300))]
	about = {"follow_ups": (ago(follow_up), ago(200))}
	assert decide_one(orders, TODAY, **about)["lifecycle_stage"] == stage
	assert decide_one(orders, TODAY, current_stage="Repeat", **about)["lifecycle_stage"] == stage


def test_a_follow_up_does_not_end_dormancy_but_an_order_does() -> None:
	old = order("X", ago(200))
	about = {"follow_ups": (ago(1),), "current_stage": "Dormant"}
	assert decide_one([old], TODAY, **about)["lifecycle_stage"] == "Dormant"
	assert decide_one([old, order("X", ago(1))], TODAY, **about)["lifecycle_stage"] == "Repeat"
	assert decide_one([order("X", ago(365))], TODAY, **about)["lifecycle_stage"] == "Lost"


def test_who_was_lost_and_is_followed_up_is_not_let_into_dormant() -> None:
	about = {"follow_ups": (ago(1),), "current_stage": "Lost"}
	assert decide_one([order("X", ago(200))], TODAY, **about)["lifecycle_stage"] == "First Purchase"


@pytest.mark.parametrize(
	("order_days", "left", "stage"),
	[
		(200, 20, "Dormant"),  # was asleep by the rules of now when other rules took it out
		(200, 21, "First Purchase"),  # was not yet
		(10, 20, "First Purchase"),  # has ordered since
		(365, 20, "Lost"),
	],
)
def test_rules_that_come_back_bring_back_the_dormant(order_days: int, left: int, stage: str) -> None:
	about = {"follow_ups": (ago(1),), "current_stage": "Lost", "left_by_rules": {"Dormant": ago(left)}}
	assert decide_one([order("X", ago(order_days))], TODAY, **about)["lifecycle_stage"] == stage


def test_a_follow_up_that_is_still_to_come_does_not_exist_yet() -> None:
	about = {"follow_ups": (TODAY + timedelta(days=1),)}
	assert decide_one([order("X", ago(200))], TODAY, **about)["lifecycle_stage"] == "Dormant"


def test_the_stages_match_in_their_order() -> None:
	large = order("X", ago(1), "500000.00")
	assert decide_one([large], TODAY)["lifecycle_stage"] == "High Value"
	assert decide_one([large, order("X", ago(2))], TODAY)["lifecycle_stage"] == "High Value"
	assert decide_one([order("X", ago(180), "500000.00")], TODAY)["lifecycle_stage"] == "Dormant"
	assert decide_one([order("X", ago(1)), order("X", ago(900))], TODAY)["lifecycle_stage"] == "Repeat"
	assert decide_one([order("X", ago(1))], TODAY)["lifecycle_stage"] == "First Purchase"
	assert decide_one([], TODAY)["lifecycle_stage"] == "Lead"


@pytest.mark.parametrize(
	("ordered", "as_of", "counts"),
	[
		(date(2024, 2, 29), date(2025, 2, 27), True),
		(date(2024, 2, 29), date(2025, 2, 28), False),
		(date(2023, 2, 28), date(2024, 2, 27), True),
		(date(2023, 2, 28), date(2024, 2, 28), False),
		(date(2023, 3, 1), date(2024, 2, 29), True),
		(date(2023, 3, 1), date(2024, 3, 1), False),
		(date(2024, 2, 28), date(2025, 2, 27), True),
		(date(2024, 2, 28), date(2025, 2, 28), False),
		(date(2024, 3, 1), date(2025, 2, 28), True),
	],
)
def test_the_window_around_29_february(ordered: date, as_of: date, counts: bool) -> None:
	decided = decide_one([order("X", ordered, "500000.00")], as_of)
	assert decided["purchase_frequency"] == ("Normal" if counts else None)
	assert decided["customer_tier"] == ("A" if counts else "D")


def test_recency_counts_29_february_as_a_day() -> None:
	assert (
		decide_one([order("X", date(2023, 9, 3))], date(2024, 2, 29))["lifecycle_stage"] == "First Purchase"
	)
	assert decide_one([order("X", date(2023, 9, 2))], date(2024, 2, 29))["lifecycle_stage"] == "Dormant"
	assert decide_one([order("X", date(2024, 2, 29))], date(2025, 2, 27))["lifecycle_stage"] == "Dormant"
	assert decide_one([order("X", date(2024, 2, 29))], date(2025, 2, 28))["lifecycle_stage"] == "Lost"


@pytest.mark.parametrize(
	("orders", "frequency"), [(0, None), (1, "Normal"), (2, "Normal"), (3, "High"), (4, "High")]
)
def test_purchase_frequency(orders: int, frequency: str | None) -> None:
	documents = [order("X", ago(400))] + [order("X", ago(day)) for day in range(orders)]
	assert decide_one(documents, TODAY)["purchase_frequency"] == frequency


NOTHING = dict.fromkeys(DECIDED) | {"lifecycle_stage": "Lead", "by_hand": False, "by_hand_ended": False}


def test_only_a_return_is_no_order() -> None:
	lone = order("X", ago(3), "-50.00", is_return=True, return_against="elsewhere")
	assert decide_one([lone], TODAY) == NOTHING


def test_an_order_that_is_undone_never_was() -> None:
	first = order("X", ago(20), "100.00")
	assert decide_one([first, refund(first, ago(3), "-100.00")], TODAY) == NOTHING
	assert (
		decide_one([first, refund(first, ago(5), "-40.00"), refund(first, ago(3), "-60.00")], TODAY)
		== NOTHING
	)
	kept = decide_one([first, refund(first, ago(3), "-99.98")], TODAY)
	assert kept["lifecycle_stage"] == "First Purchase"
	cancelled = refund(first, ago(3), "-100.00", docstatus=2)
	assert decide_one([first, cancelled], TODAY)["lifecycle_stage"] == "First Purchase"


def test_a_return_that_is_still_to_come_undoes_nothing_yet() -> None:
	first = order("X", ago(20), "500000.00")
	back = refund(first, TODAY + timedelta(days=1), "-500000.00")
	assert decide_one([first, back], TODAY)["customer_tier"] == "A"
	assert decide_one([first, back], TODAY + timedelta(days=1)) == NOTHING


def test_a_gift_is_an_order() -> None:
	decided = decide_one([order("X", ago(1), "0.00")], TODAY)
	assert (decided["customer_tier"], decided["purchase_frequency"]) == ("D", "Normal")


def test_a_return_subtracts_on_its_own_day() -> None:
	old = order("X", ago(400), "600000.00")
	new = order("X", ago(10), "500000.00")
	assert decide_one([old, new], TODAY)["customer_tier"] == "A"
	assert decide_one([old, new, refund(old, ago(380), "-1.00")], TODAY)["customer_tier"] == "A"
	assert decide_one([old, new, refund(old, ago(5), "-1.00")], TODAY)["customer_tier"] == "B"


def test_a_debit_note_adds_money_and_no_order() -> None:
	first = order("X", ago(10), "499000.00")
	note = order("X", ago(5), "1000.00", is_debit_note=True, return_against=first.name)
	decided = decide_one([first, note], TODAY)
	assert (decided["customer_tier"], decided["purchase_frequency"]) == ("A", "Normal")
	assert decide_one([note], TODAY) == NOTHING


@pytest.mark.parametrize("odd", [{"docstatus": 0}, {"docstatus": 2}, {"is_opening": "Yes"}])
def test_drafts_cancelled_documents_and_opening_entries_count_for_nothing(odd: dict) -> None:
	assert decide_one([order("X", ago(1), "500000.00", **odd)], TODAY) == NOTHING


def test_an_order_of_tomorrow_does_not_exist_yet() -> None:
	assert decide_one([order("X", TODAY + timedelta(days=1))], TODAY) == NOTHING


@pytest.mark.parametrize(("until", "tier"), [(None, "A"), (TODAY, "A"), (ago(1), "D"), (ago(-1), "A")])
def test_an_override_wins_while_it_lasts(until: date | None, tier: str) -> None:
	decided = decide_one([order("X", ago(1))], TODAY, tier_override="A", tier_override_until=until)
	assert decided["customer_tier"] == tier
	assert decided["lifecycle_stage"] == ("High Value" if tier == "A" else "First Purchase")


def test_an_override_can_also_hold_down() -> None:
	decided = decide_one([order("X", ago(1), "900000.00")], TODAY, tier_override="C")
	assert (decided["customer_tier"], decided["lifecycle_stage"]) == ("C", "First Purchase")


def test_nobody() -> None:
	decisions = classify(facts_of([], [], TODAY, policy()), policy(), TODAY)
	assert list(decisions.columns) == list(DECISIONS)
	assert decisions.empty


def test_nobody_has_ordered() -> None:
	people = [Person("X"), Person("Y"), Person("Z", current_stage="Dormant")]
	assert engine_answers(people, [], policy(), TODAY) == dict.fromkeys("XYZ", NOTHING)


def test_one_customer() -> None:
	assert decide_one([order("X", ago(1))], TODAY) == {
		"customer_tier": "D",
		"tier_since": TODAY,
		"below_keep_since": None,
		"lifecycle_stage": "First Purchase",
		"rfm_score": "111",
		"rfm_segment": "Far seldom little",
		"purchase_frequency": "Normal",
		"churn_risk": None,
		"abc_class": "A",
		"feedback_category": None,
		"by_hand": False,
		"by_hand_ended": False,
	}


def test_a_segment_that_nobody_named_is_left_empty() -> None:
	people, documents = [Person("X"), Person("Y")], [order("X", ago(1))]
	named = tuple(segment for segment in SEGMENTS if segment.near)
	for segments in ((), named):
		decided = engine_answers(people, documents, policy(segments=segments), TODAY)
		assert decided["X"]["rfm_segment"] is None
		assert decided["X"]["rfm_score"] == "111"


def test_a_stage_that_is_not_for_leads_needs_an_order() -> None:
	rules = policy(stages=tuple(stage for stage in STAGES if not stage.never_ordered))
	assert decide_one([], TODAY, rules)["lifecycle_stage"] is None
	assert decide_one([order("X", ago(1))], TODAY, rules)["lifecycle_stage"] == "First Purchase"


def test_any_name_will_do() -> None:
	names = [
		"Müller & Söhne",
		"株式会社",
		"' OR 1=1 --",
		"{{ 7*7 }}",
		"=cmd()",
		"🦊",
		"nan",
		"None",
		" ",
		"123",
	]
	people = [Person(name) for name in names]
	documents = [order(name, ago(n)) for n, name in enumerate(names)]
	decided = engine_answers(people, documents, policy(), TODAY)
	assert list(decided) == names
	assert decided == oracle_answers(people, documents, policy(), TODAY)


def test_names_of_tiers_and_stages_are_free() -> None:
	rules = policy(tiers=tuple(Tier(f"{t.name} ⭐ 金", t.entry_value, t.is_top) for t in TIERS))
	decided = decide_one([order("X", ago(1), "500000.00")], TODAY, rules)
	assert (decided["customer_tier"], decided["lifecycle_stage"]) == ("A ⭐ 金", "High Value")


def test_the_largest_amounts_keep_their_cents() -> None:
	rules = policy(tiers=(Tier("A", 9_999_999_999.99, True), Tier("B", 0)))
	assert decide_one([order("X", ago(1), "9999999999.99")], TODAY, rules)["customer_tier"] == "A"
	assert decide_one([order("X", ago(1), "9999999999.98")], TODAY, rules)["customer_tier"] == "B"
