"""Customers that are tiered as one: the group's money decides, the root's standing counts, every member carries the tier."""

from datetime import date, timedelta

import pytest

from tests.engine.populations import engine_answers, oracle_answers, order, policy
from tests.oracle import Document, Person

TODAY = date(2024, 6, 30)
RULES = policy()


def ago(days: int) -> date:
	return TODAY - timedelta(days=days)


def decide(people: list[Person], documents: list[Document], rules: object = RULES) -> dict[str, dict]:
	found = engine_answers(people, documents, rules, TODAY)
	assert found == oracle_answers(people, documents, rules, TODAY)
	return found


def group(root: dict | None = None, member: dict | None = None) -> list[Person]:
	return [Person("Root", **root or {}), Person("Member", **{"rolls_up_to": "Root"} | (member or {}))]


def tiers(found: dict[str, dict]) -> list[str | None]:
	return [answer["customer_tier"] for answer in found.values()]


def test_the_money_of_the_group_decides_to_the_cent() -> None:
	parts = [order("Root", ago(1), "166666.66"), order("Member", ago(1), "333333.34")]
	assert tiers(decide(group(), parts)) == ["A", "A"]
	parts = [order("Root", ago(1), "166666.66"), order("Member", ago(1), "333333.33")]
	assert tiers(decide(group(), parts)) == ["B", "B"]


def test_all_but_the_tier_is_the_customer_s_own() -> None:
	found = decide(group(), [order("Root", ago(1), "600000.00"), order("Member", ago(200), "5.00")])
	assert [a["lifecycle_stage"] for a in found.values()] == ["High Value", "Dormant"]
	assert [a["rfm_score"] for a in found.values()] == ["313", "111"]
	assert [a["abc_class"] for a in found.values()] == ["A", "C"]


def test_a_member_that_never_ordered_carries_the_tier_too() -> None:
	found = decide(group(), [order("Root", ago(1), "600000.00")])
	assert tiers(found) == ["A", "A"]
	assert [a["lifecycle_stage"] for a in found.values()] == ["High Value", "Lead"]


def test_a_group_without_an_order_has_no_tier() -> None:
	assert tiers(decide(group(), [])) == [None, None]


def test_a_member_has_the_tier_since_it_came_to_it_itself() -> None:
	people = group(
		{"current_tier": "B", "current_tier_since": ago(50)},
		{"current_tier": "B", "current_tier_since": ago(9)},
	)
	found = decide(people, [order("Root", ago(1), "100000.00")])
	assert [a["tier_since"] for a in found.values()] == [ago(50), ago(9)]
	people[1] = Person("Member", rolls_up_to="Root", current_tier="C", current_tier_since=ago(9))
	found = decide(people, [order("Root", ago(1), "100000.00")])
	assert [a["tier_since"] for a in found.values()] == [ago(50), TODAY]


def test_the_grace_of_the_root_is_the_grace_of_the_group() -> None:
	graceful = policy(
		tiers=tuple(t if t.name != "A" else type(t)("A", 500, True, grace_days=30) for t in RULES.tiers)
	)
	standing = {"current_tier": "A", "current_tier_since": ago(99), "current_below_keep_since": ago(29)}
	found = decide(group(standing, {"current_tier": "A"}), [order("Member", ago(1), "5.00")], graceful)
	assert tiers(found) == ["A", "A"]
	assert [a["below_keep_since"] for a in found.values()] == [ago(29), ago(29)]


@pytest.mark.parametrize(
	("until", "carried"), [(None, ["C", "C"]), (TODAY, ["C", "C"]), (ago(1), ["A", "A"])]
)
def test_the_override_of_the_root_is_that_of_the_group(until: date | None, carried: list[str]) -> None:
	people = group({"tier_override": "C", "tier_override_until": until})
	found = decide(people, [order("Member", ago(1), "600000.00")])
	assert tiers(found) == carried
	assert [a["by_hand"] for a in found.values()] == [carried == ["C", "C"]] * 2


def test_a_member_s_own_override_is_its_own_only() -> None:
	found = decide(
		group({}, {"tier_override": "C", "tier_override_until": TODAY}),
		[order("Member", ago(1), "600000.00")],
	)
	assert tiers(found) == ["A", "C"]
	assert [a["by_hand"] for a in found.values()] == [False, True]


def test_when_an_override_ends_it_is_told_of_everybody_who_carried_it() -> None:
	about = {"current_tier": "C", "current_tier_by_hand": True, "current_tier_since": ago(20)}
	over = {"tier_override": "C", "tier_override_until": ago(1)}
	found = decide(group(about | over, about), [order("Member", ago(1), "40000.00")])
	assert tiers(found) == ["C", "C"]
	assert [a["by_hand_ended"] for a in found.values()] == [True, True]
	assert [a["tier_since"] for a in found.values()] == [TODAY, TODAY]


def test_a_tier_that_stays_by_hand_has_not_ended() -> None:
	"""The member's override is over, the root's begins."""
	about = {"current_tier": "C", "current_tier_by_hand": True, "current_tier_since": ago(20)}
	over = {"tier_override": "C", "tier_override_until": ago(1)}
	found = decide(group({"tier_override": "C"}, about | over), [order("Member", ago(1))])
	assert found["Member"]["by_hand"]
	assert not found["Member"]["by_hand_ended"]
	assert found["Member"]["tier_since"] == ago(20)


def test_a_group_of_groups_is_one_and_a_circle_is_none() -> None:
	chain = [Person("Root"), Person("Branch", rolls_up_to="Root"), Person("Shop", rolls_up_to="Branch")]
	assert tiers(decide(chain, [order("Shop", ago(1), "600000.00")])) == ["A", "A", "A"]
	circle = [Person("Hen", rolls_up_to="Egg"), Person("Egg", rolls_up_to="Hen")]
	assert tiers(decide(circle, [order("Hen", ago(1), "600000.00")])) == ["A", None]
