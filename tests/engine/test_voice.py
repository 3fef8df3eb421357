"""Points, issues and answers: what they decide, at every boundary, and when to look again."""

from datetime import date, timedelta

import pytest

from customer_tiering.engine.policy import Policy, Stage
from tests.engine.populations import STAGES, Customers, decide_one, engine_answers, order, policy
from tests.engine.test_review import Frozen, review_of, reviews
from tests.oracle import Issue, Person, Points, Survey

TODAY = date(2024, 6, 30)
LOUD = {"feedback_days": 90, "voice_raises_risk": True}


def ago(days: int) -> date:
	return TODAY - timedelta(days=days)


def orders(silent: int = 0) -> list:
	"""A rhythm of 30 days: medium risk from 45, high from 90."""
	return [order("X", ago(silent + 30 * n)) for n in range(3)]


@pytest.mark.parametrize(("silent", "risk"), [(0, "Medium"), (44, "Medium"), (45, "High"), (90, "High")])
def test_a_bad_answer_or_an_overdue_issue_raises_the_risk_by_one(silent: int, risk: str) -> None:
	for about in ({"answers": (Survey(ago(0), 6),)}, {"issues": (Issue(ago(9), ago(1)),)}):
		assert decide_one(orders(silent), TODAY, policy(**LOUD), **about)["churn_risk"] == risk
	both = {"answers": (Survey(ago(0), 0),), "issues": (Issue(ago(9), ago(1)),)}
	assert decide_one(orders(silent), TODAY, policy(**LOUD), **both)["churn_risk"] == risk


@pytest.mark.parametrize(
	"about",
	[
		{"answers": (Survey(ago(0), 7),)},
		{"answers": (Survey(ago(90), 0),)},
		{"answers": (Survey(ago(-1), 0),)},
		{"answers": (Survey(ago(3), 0), Survey(ago(2), 9))},
		{"issues": (Issue(ago(9), TODAY),)},
		{"issues": (Issue(ago(9)),)},
		{"issues": (Issue(ago(-1), ago(1)),)},
	],
)
def test_what_raises_nothing(about: dict) -> None:
	assert decide_one(orders(), TODAY, policy(**LOUD), **about)["churn_risk"] == "Low"


def test_without_the_switch_or_an_order_nothing_is_raised() -> None:
	about = {"answers": (Survey(ago(0), 0),), "issues": (Issue(ago(9), ago(1)),)}
	assert decide_one(orders(), TODAY, policy(feedback_days=90), **about)["churn_risk"] == "Low"
	assert decide_one(orders(), TODAY, **about)["churn_risk"] == "Low"
	assert decide_one([], TODAY, policy(**LOUD), **about)["churn_risk"] is None


@pytest.mark.parametrize(
	("score", "category"),
	[(0, "Detractor"), (6, "Detractor"), (7, "Passive"), (8, "Passive"), (9, "Promoter"), (10, "Promoter")],
)
def test_the_categories(score: int, category: str) -> None:
	about = {"answers": (Survey(ago(89), score),)}
	assert decide_one([], TODAY, policy(**LOUD), **about)["feedback_category"] == category
	assert decide_one([], TODAY, **about)["feedback_category"] is None


def test_the_limit_of_detractors_is_the_policy_s() -> None:
	for limit, category in ((4, "Passive"), (5, "Detractor")):
		rules = policy(feedback_days=9, detractor_score=limit)
		answer = (Survey(ago(0), 5),)
		assert decide_one([], TODAY, rules, answers=answer)["feedback_category"] == category


def with_stage(**conditions: object) -> Policy:
	return policy(stages=(*STAGES, Stage("Heard", 5, "Repeat", **conditions)), feedback_days=90)


@pytest.mark.parametrize(
	("conditions", "about", "held"),
	[
		({"min_open_issues": 2}, {"issues": (Issue(ago(0)), Issue(ago(9), ago(1)))}, True),
		({"min_open_issues": 2}, {"issues": (Issue(ago(0)), Issue(ago(-1)))}, False),
		({"min_points": 100}, {"points": (Points(ago(9), TODAY, 120), Points(ago(1), TODAY, -20))}, True),
		({"min_points": 100}, {"points": (Points(ago(9), TODAY, 120), Points(ago(1), TODAY, -21))}, False),
		({"min_points": 100}, {"points": (Points(ago(9), ago(1), 120),)}, False),
		({"min_points": 100}, {"points": (Points(ago(-1), ago(-9), 120),)}, False),
		({"feedback": "Promoter"}, {"answers": (Survey(ago(1), 9),)}, True),
		({"feedback": "Promoter"}, {"answers": (Survey(ago(1), 8),)}, False),
		({"feedback": "Promoter"}, {}, False),
	],
)
def test_stages_ask_for_points_issues_and_answers(conditions: dict, about: dict, held: bool) -> None:
	stage = decide_one([order("X", ago(1))], TODAY, with_stage(**conditions), **about)["lifecycle_stage"]
	assert stage == ("Heard" if held else "First Purchase")


@pytest.mark.parametrize(
	("about", "review"),
	[
		({"answers": (Survey(ago(10), 3),)}, ago(-80)),
		({"answers": (Survey(ago(-2), 3),)}, ago(-2)),
		({"issues": (Issue(ago(1), ago(-3)),)}, ago(-4)),
		({"issues": (Issue(ago(1), TODAY),)}, ago(-1)),
		({"issues": (Issue(ago(1), ago(1)),)}, None),
		({"points": (Points(ago(1), ago(-7), 5),)}, ago(-8)),
		({"points": (Points(ago(-2), ago(-7), 5),)}, ago(-2)),
	],
)
def test_the_day_on_which_time_alone_changes_what_is_heard(about: dict, review: date | None) -> None:
	assert review_of([], policy(**LOUD), **about) == review


def test_points_that_end_take_the_stage_away_on_the_day_of_the_review() -> None:
	given = Customers((Person("X", points=(Points(ago(9), ago(-7), 100),)),), (order("X", ago(1)),), TODAY)
	rules = with_stage(min_points=100)
	review = reviews(given, rules)["X"]
	assert review == ago(-8)
	assert Frozen(given, rules).first_change("X", review) == review


def test_nothing_is_decided_otherwise_where_nobody_switched_it_on() -> None:
	"""Whoever upgrades keeps every decision: only the points' figure and the day of the review are new."""
	about = {
		"points": (Points(ago(9), ago(-7), 100),),
		"issues": (Issue(ago(9), ago(1)),),
		"answers": (Survey(ago(1), 0),),
	}
	silent, loud = Person("X"), Person("X", **about)
	documents = orders(50)
	assert engine_answers([loud], documents, policy(), TODAY) == engine_answers(
		[silent], documents, policy(), TODAY
	)
	assert not policy().asks_for_issues
	assert policy(voice_raises_risk=True).asks_for_issues and with_stage(min_open_issues=1).asks_for_issues
