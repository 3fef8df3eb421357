"""ABC classes by share of the money, and churn risk by the customer's own rhythm."""

from datetime import date, timedelta

import pytest

from tests.engine.populations import STAGES, decide_one, engine_answers, oracle_answers, order, policy
from tests.oracle import Person

TODAY = date(2024, 6, 30)


def ago(days: int) -> date:
	return TODAY - timedelta(days=days)


def abc(*money: str, **rules: int) -> str:
	people = [Person(f"C{n}") for n in range(len(money))]
	documents = [order(f"C{n}", ago(1), amount) for n, amount in enumerate(money)]
	found = engine_answers(people, documents, policy(**rules), TODAY)
	assert found == oracle_answers(people, documents, policy(**rules), TODAY)
	return "".join(answer["abc_class"] for answer in found.values())


@pytest.mark.parametrize(
	("money", "classes"),
	[
		(("80.00", "15.00", "5.00"), "ABC"),
		(("79.99", "15.01", "5.00"), "AAC"),
		(("80.01", "14.99", "5.00"), "ABC"),
		(("80.00", "14.99", "5.01"), "ABB"),
		(("10.00", "10.00", "10.00"), "AAA"),
		(("1.00",), "A"),
		(("0.00", "-5.00"), "CC"),
		(("50.00", "0.00", "-50.00"), "ACC"),
		(("0.10", "0.20", "0.30", "0.40"), "BAAA"),
	],
)
def test_a_class_takes_customers_until_its_share_is_full(money: tuple[str, ...], classes: str) -> None:
	assert abc(*money) == classes


def test_the_shares_are_the_policy_s() -> None:
	assert abc("60.00", "30.00", "10.00", abc_a_percent=60, abc_b_percent=90) == "ABC"
	assert abc("60.00", "30.00", "10.00", abc_a_percent=61, abc_b_percent=91) == "AAB"


def test_who_never_ordered_has_no_class() -> None:
	assert decide_one([], TODAY)["abc_class"] is None
	assert decide_one([order("X", ago(1), is_debit_note=True)], TODAY)["abc_class"] is None


@pytest.mark.parametrize(
	("silent", "risk"), [(0, "Low"), (44, "Low"), (45, "Medium"), (89, "Medium"), (90, "High"), (900, "High")]
)
def test_the_risk_grows_with_the_silence(silent: int, risk: str) -> None:
	"""A rhythm of 30 days, 1.5 and 3 times."""
	orders = [order("X", ago(silent + 30 * n)) for n in range(3)]
	assert decide_one(orders, TODAY)["churn_risk"] == risk


@pytest.mark.parametrize(("silent", "risk"), [(54, "Low"), (55, "Medium"), (109, "Medium"), (110, "High")])
def test_a_factor_is_exact(silent: int, risk: str) -> None:
	"""In floats 1.1 × 50 is more than 55."""
	rules = policy(churn_medium_factor=1.1, churn_high_factor=2.2)
	orders = [order("X", ago(silent + 50 * n)) for n in range(3)]
	assert decide_one(orders, TODAY, rules)["churn_risk"] == risk


def test_without_a_rhythm_of_its_own_the_usual_one_counts() -> None:
	people = [Person("Regular"), Person("New")]
	documents = [order("Regular", ago(10 * n)) for n in range(3)] + [order("New", ago(15))]
	found = engine_answers(people, documents, policy(), TODAY)
	assert found == oracle_answers(people, documents, policy(), TODAY)
	assert [answer["churn_risk"] for answer in found.values()] == ["Low", "Medium"]
	assert decide_one([order("X", ago(15))], TODAY)["churn_risk"] is None
	assert decide_one([], TODAY)["churn_risk"] is None


@pytest.mark.parametrize(
	("open_follow_ups", "before", "stage"),
	[(0, "Repeat", "Dormant"), (1, "Repeat", "First Purchase"), (1, "Dormant", "Dormant")],
)
def test_an_open_follow_up_keeps_a_customer_from_becoming_dormant(
	open_follow_ups: int, before: str, stage: str
) -> None:
	stages = tuple(
		type(s)(**{**vars(s), "quiet_days": 0, "no_open_follow_up": True}) if s.name == "Dormant" else s
		for s in STAGES
	)
	about = {"current_stage": before, "open_follow_ups": open_follow_ups}
	found = decide_one([order("X", ago(200))], TODAY, policy(stages=stages), **about)
	assert found["lifecycle_stage"] == stage
