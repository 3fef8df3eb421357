"""Interest scores against a plain loop, and the three things that a decaying sum must be: additive, monotonic, halved."""

from datetime import date, timedelta

import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from customer_tiering.engine.interest_rules import KINDS, OPEN, PURCHASE, InterestRules, fades_after
from customer_tiering.engine.interests import points, scores, strongest

AS_OF = date(2026, 6, 30)
WEIGHTS = {"Purchase": 10.0, "Enquiry": 8.0, "Event": 5.0, "Click": 5.0, "Open": 4.0, "Page View": 1.0}
COLUMNS = ["customer", "topic", "kind", "day"]

rules_of = st.builds(
	InterestRules,
	weights=st.fixed_dictionaries({kind: st.integers(0, 400).map(lambda n: n / 4) for kind in KINDS}),
	half_life=st.integers(1, 400),
	free_opens=st.integers(0, 4),
	topics=st.integers(0, 4),
	min_score=st.integers(0, 80).map(lambda n: n / 4),
)
event = st.tuples(
	st.sampled_from(["Ann", "Bob", "Cy"]),
	st.sampled_from(["Coffee", "Tea", "Water", "Cups"]),
	st.sampled_from(KINDS),
	st.integers(-5, 1500).map(lambda age: AS_OF - timedelta(days=age)),
)
events_of = st.lists(event, max_size=30)


def rules(**values: object) -> InterestRules:
	given = {"weights": WEIGHTS, "half_life": 90, "free_opens": 3, "topics": 3, "min_score": 3.0}
	return InterestRules(**{**given, **values})


def frame(rows: list[tuple]) -> pd.DataFrame:
	made = pd.DataFrame(rows, columns=COLUMNS)
	return made.assign(day=pd.to_datetime(made["day"]))


def happened(*kinds: str, days_ago: int = 0) -> pd.DataFrame:
	return frame([("Ann", "Coffee", kind, AS_OF - timedelta(days=days_ago)) for kind in kinds])


def oracle(rows: list[tuple], rules: InterestRules) -> dict[tuple[str, str], float]:
	"""One event after the other, the oldest first; equal days in the order given."""
	opened: dict[tuple[str, str], int] = {}
	total: dict[tuple[str, str], float] = {}
	for customer, topic, kind, day in sorted(rows, key=lambda row: row[3]):
		key = (customer, topic)
		total.setdefault(key, 0.0)
		if day > AS_OF:
			continue
		if kind == OPEN:
			opened[key] = opened.get(key, 0) + 1
			if opened[key] <= rules.free_opens:
				continue
		worth = rules.weights[kind] * 2 ** (-(AS_OF - day).days / rules.half_life)
		total[key] = round(total[key] + round(worth, 2), 2)
	return total


def scored(rows: list[tuple], given: InterestRules) -> dict[tuple[str, str], float]:
	found = scores(frame(rows), given, AS_OF)
	return {(row.customer, row.topic): row.score for row in found.itertuples()}


@given(events_of, rules_of)
def test_scores_are_those_of_a_plain_loop(rows: list[tuple], given: InterestRules) -> None:
	assert scored(rows, given) == pytest.approx(oracle(rows, given), abs=1e-9)


@given(events_of, rules_of)
def test_the_points_add_up_to_the_score(rows: list[tuple], given: InterestRules) -> None:
	found = frame(rows)
	worth = points(found, given, AS_OF)
	assert ((worth * 100).round(6) % 1 == 0).all() and (worth >= 0).all()
	for key, score in scored(rows, given).items():
		mine = [value for row, value in zip(rows, worth, strict=True) if row[:2] == key]
		assert round(sum(mine), 2) == score


@given(events_of, events_of, rules_of)
def test_what_two_lists_are_worth_adds_up(one: list[tuple], other: list[tuple], given: InterestRules) -> None:
	given = InterestRules(given.weights, given.half_life, 0, given.topics, given.min_score)
	apart = [scored(rows, given) for rows in (one, other)]
	keys = apart[0].keys() | apart[1].keys()
	expected = {key: apart[0].get(key, 0) + apart[1].get(key, 0) for key in keys}
	assert scored(one + other, given) == pytest.approx(expected, abs=1e-9)


@given(events_of, event, rules_of)
def test_one_more_event_never_lowers_a_score(rows: list[tuple], more: tuple, given: InterestRules) -> None:
	"""Unless it is an older mail: then another one is among the first."""
	assume(more[2] != OPEN or all(row[3] <= more[3] for row in rows))
	before, after = scored(rows, given), scored([*rows, more], given)
	assert all(after[key] >= score for key, score in before.items())


@given(events_of, rules_of)
def test_who_gets_what(rows: list[tuple], given: InterestRules) -> None:
	best = strongest(scores(frame(rows), given, AS_OF), given)
	for customer in ("Ann", "Bob", "Cy"):
		wanted = [
			(-score, topic)
			for (who, topic), score in oracle(rows, given).items()
			if who == customer and score >= given.min_score and score > 0
		]
		mine = best[best["customer"] == customer]
		assert list(mine["topic"]) == [topic for _score, topic in sorted(wanted)][: given.topics]
		assert list(mine["place"]) == list(range(1, len(mine) + 1))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("half_life", [1, 30, 90, 365])
def test_after_the_half_life_an_event_is_worth_exactly_half(kind: str, half_life: int) -> None:
	given = rules(half_life=half_life, free_opens=0)
	worth = [points(happened(kind, days_ago=n * half_life), given, AS_OF)[0] for n in range(3)]
	assert worth == [WEIGHTS[kind], WEIGHTS[kind] / 2, WEIGHTS[kind] / 4]


@given(rules_of, st.sampled_from(KINDS))
@settings(max_examples=50)
def test_nothing_older_than_its_reach_is_worth_anything(given: InterestRules, kind: str) -> None:
	given = InterestRules(given.weights, given.half_life, 0, given.topics, given.min_score)
	reach = given.reach(kind)
	assert points(happened(kind, days_ago=max(reach + 1, 0)), given, AS_OF)[0] == 0
	if reach > 3:
		assert points(happened(kind, days_ago=reach - 3 - given.half_life // 20), given, AS_OF)[0] > 0


def test_three_opened_mails_are_nothing_and_the_fourth_is_one() -> None:
	assert scored([(*"AC", OPEN, AS_OF)] * 3, rules()) == {("A", "C"): 0.0}
	assert scored([(*"AC", OPEN, AS_OF)] * 4, rules()) == {("A", "C"): 4.0}
	assert scored([(*"AC", OPEN, AS_OF)] * 6, rules()) == {("A", "C"): 12.0}
	elsewhere = [("A", topic, OPEN, AS_OF) for topic in ("C", "D")] * 3
	assert set(scored(elsewhere, rules()).values()) == {0.0}


def test_the_oldest_mails_are_the_free_ones() -> None:
	rows = [("A", "C", OPEN, AS_OF - timedelta(days=age)) for age in (0, 90, 180, 360)]
	assert scored(rows, rules()) == {("A", "C"): 4.0}


def test_a_score_at_the_minimum_counts_and_none_below() -> None:
	ninety = happened(PURCHASE, days_ago=90)
	assert len(strongest(scores(ninety, rules(), AS_OF), rules(min_score=5.0))) == 1
	assert len(strongest(scores(ninety, rules(), AS_OF), rules(min_score=5.01))) == 0


def test_nobody_did_anything() -> None:
	nothing = frame([])
	assert len(points(nothing, rules(), AS_OF)) == 0
	assert strongest(scores(nothing, rules(), AS_OF), rules()).empty


@given(st.integers(301, 100_000).map(lambda n: n / 100), st.integers(2, 400))
def test_the_day_on_which_a_score_is_gone(score: float, half_life: int) -> None:
	given = rules(half_life=half_life)
	after = fades_after(score, given)
	assert score * 2 ** (-after / half_life) <= 3.0 <= score * 2 ** (-(after - 1) / half_life) + 1e-9
	assert fades_after(2.99, given) is None and fades_after(9, rules(min_score=0)) is None
