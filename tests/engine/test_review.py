"""The day of the next review: until then time alone changes nothing, and then it does."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from customer_tiering.engine.classify import classify
from customer_tiering.engine.policy import Policy, Tier
from customer_tiering.engine.population import fit
from tests import oracle
from tests.engine.populations import (
	STAGES,
	Customers,
	amounts,
	facts_of,
	order,
	policies,
	policy,
	populations,
)
from tests.oracle import Document, Person

TODAY = date(2024, 6, 30)
FAR = 800


def ago(days: int) -> date:
	return TODAY - timedelta(days=days)


def reviews(given_: Customers, rules: Policy) -> dict[str, date | None]:
	facts = facts_of(given_.people, given_.documents, given_.as_of, rules)
	population = fit(facts, rules, given_.as_of, median_order=None)
	return classify(facts, rules, given_.as_of, population)["tiering_review_on"].to_dict()


def review_of(
	documents: list[Document], rules: Policy | None = None, as_of: date = TODAY, **about: object
) -> date | None:
	return reviews(Customers((Person("X", **about),), tuple(documents), as_of), rules or policy())["X"]


class Frozen:
	"""Customers as they stand after a run, on later days on which nothing happens."""

	def __init__(self, given_: Customers, rules: Policy) -> None:
		self.given, self.rules = given_, rules
		histories = oracle.histories_of(given_.people, given_.documents, rules, given_.as_of)
		self.population = oracle.fit(histories)
		answers = oracle.decide(given_.people, given_.documents, rules, given_.as_of, self.population)
		self.people = [standing(person, answers[person.name]) for person in given_.people]
		self.now = self.on(given_.as_of)

	def on(self, day: date) -> dict[str, tuple]:
		"""Decisions, figures and signals by customer."""
		about = (self.people, self.given.documents, self.rules, day, self.population)
		answers, signals = oracle.decide(*about), oracle.signals(*about)
		return {
			name: (
				replace(answer, first_order_date=None),
				sorted(signal for signal in signals if signal[0] == name),
			)
			for name, answer in answers.items()
		}

	def changes_on(self, name: str, day: date) -> bool:
		return self.on(day)[name] != self.now[name]

	def first_change(self, name: str, until: date) -> date | None:
		return next((day for day in days_after(self.given.as_of, until) if self.changes_on(name, day)), None)


def standing(person: Person, answer: oracle.Answer) -> Person:
	return replace(
		person,
		current_tier=answer.customer_tier,
		current_tier_by_hand=answer.by_hand,
		current_tier_since=answer.tier_since,
		current_below_keep_since=answer.below_keep_since,
		current_stage=answer.lifecycle_stage,
	)


def days_after(day: date, until: date) -> Iterator[date]:
	while (day := day + timedelta(days=1)) <= until:
		yield day


@settings(max_examples=40, deadline=None)
@given(populations(max_size=3), policies())
def test_before_the_review_time_alone_changes_nothing(given_: Customers, rules: Policy) -> None:
	"""Of the customer and those that it referred, whose documents it is looked at with."""
	found, frozen = reviews(given_, rules), Frozen(given_, rules)
	far = given_.as_of + timedelta(days=FAR)
	referred = {
		person.name: [other.name for other in given_.people if other.referred_by == person.name]
		for person in given_.people
	}
	until = {
		name: min([far, *(found[each] for each in (name, *names) if found[each])])
		for name, names in referred.items()
	}
	for day in days_after(given_.as_of, max(until.values(), default=given_.as_of) - timedelta(days=1)):
		then = frozen.on(day)
		for name, review in until.items():
			assert day >= review or then[name] == frozen.now[name], (name, day, review)


@st.composite
def ordinary_customers(draw: st.DrawFn) -> Customers:
	"""One customer with a few invoices, and what else makes time turn something."""
	ages = draw(st.lists(st.integers(0, 500), max_size=5, unique=True))
	documents = tuple(order("X", ago(age), str(draw(amounts().filter(bool)))) for age in ages)
	maybe = st.none() | st.integers(0, 400).map(ago)
	until = st.sampled_from((ago(1), TODAY, ago(-1), ago(-90)))
	person = Person(
		"X",
		follow_ups=tuple(ago(n) for n in draw(st.lists(st.integers(0, 200), max_size=1))),
		enquiries=tuple(ago(n) for n in draw(st.lists(st.integers(0, 300), max_size=1))),
		current_tier=draw(st.sampled_from((None, "A", "B"))),
		current_tier_since=draw(maybe),
		tier_override=draw(st.sampled_from((None, None, "A"))),
		tier_override_until=draw(until),
		key_date_birthday=draw(st.none() | maybe),
	)
	return Customers((person,), documents, TODAY)


@settings(max_examples=40, deadline=None)
@given(ordinary_customers())
def test_on_the_day_of_the_review_something_changes(given_: Customers) -> None:
	"""It isn't too early either, where there is nothing but invoices: the day is the first one that changes anything."""
	tiers = (Tier("A", 500_000, True, 300_000, 30, 60), Tier("B", 100_000, grace_days=20), Tier("C", 0))
	rules = policy(tiers=tiers)
	review = reviews(given_, rules)["X"]
	assert Frozen(given_, rules).first_change("X", review or TODAY + timedelta(days=FAR)) == review


@pytest.mark.parametrize(
	("about", "documents", "review"),
	[
		({}, [], None),
		# The sleep warning of someone without a rhythm.
		({}, [order("X", ago(10))], ago(-50)),
		# Dormant, then lost, then out of the window.
		({}, [order("X", ago(70))], ago(-110)),
		({"follow_ups": (ago(0),)}, [order("X", ago(170))], ago(-90)),
		({}, [order("X", ago(180))], ago(-185)),
		({}, [order("X", ago(365))], ago(-1)),
		({}, [order("X", ago(400))], None),
		# Lost comes first: that nobody follows up any more makes nobody dormant.
		({"follow_ups": (ago(0),)}, [order("X", ago(400))], None),
		# A rhythm of 40 days: at risk, and warned of, after 60, at high risk after 120.
		({}, [order("X", ago(n)) for n in (10, 50, 90)], ago(-50)),
		({}, [order("X", ago(n)) for n in (60, 100, 140)], ago(-60)),
		({}, [order("X", ago(10)), order("X", ago(-5))], ago(-5)),
		({"tier_override": "A", "tier_override_until": TODAY}, [], ago(-1)),
		({"tier_override": "A", "tier_override_until": ago(1)}, [], None),
		({"key_date_birthday": date(1980, 7, 10)}, [], date(2024, 7, 3)),
		({"key_date_birthday": date(1980, 7, 7)}, [], date(2024, 7, 8)),
		({"key_date_birthday": date(1980, 2, 29)}, [], date(2025, 2, 21)),
		({"enquiries": (ago(170),)}, [order("X", ago(200))], date(2024, 7, 1)),
	],
)
def test_the_day(about: dict, documents: list[Document], review: date | None) -> None:
	assert review_of(documents, **about) == review


@pytest.mark.parametrize(
	("asked", "as_of", "review"),
	[
		(date(2024, 3, 20), date(2024, 5, 2), date(2024, 6, 9)),
		(date(2024, 2, 29), date(2024, 5, 2), None),
		(date(2024, 3, 20), date(2024, 6, 9), date(2024, 6, 28)),
		(date(2024, 4, 20), date(2024, 6, 9), date(2024, 7, 1)),
		(date(2024, 3, 20), date(2024, 6, 28), None),
	],
)
def test_potential_is_silent_between_two_days(asked: date, as_of: date, review: date | None) -> None:
	"""A hundred days after the order, and no more a hundred days after the enquiry."""
	rules = policy(silent_days=100, sleep_factor=0, stages=STAGES[-1:], window_months=36)
	documents = [order("X", date(2024, 3, 1))]
	assert review_of(documents, rules, as_of, enquiries=(asked,)) == (review or date(2027, 3, 1))


@pytest.mark.parametrize(
	("as_of", "review"),
	[
		(date(2024, 2, 16), date(2024, 2, 17)),
		(date(2024, 2, 17), date(2024, 3, 3)),
		(date(2024, 3, 2), date(2024, 3, 3)),
		(date(2024, 3, 3), date(2025, 3, 1)),
	],
)
def test_a_season_comes_near_and_passes(as_of: date, review: date) -> None:
	rules = policy(sleep_factor=0, stages=STAGES[-1:], window_months=36)
	documents = [order("X", date(2022, 3, 1)), order("X", date(2023, 3, 2))]
	assert review_of(documents, rules, as_of) == review


def test_a_return_that_leaves_the_months_of_the_upsell_adds_to_them() -> None:
	rules = policy(upsell_value=500.0, sleep_factor=0)
	back = order("X", date(2024, 4, 5), "-100.00", is_return=True, return_against="elsewhere")
	documents = [back, order("X", date(2024, 5, 1), "550.00")]
	assert review_of(documents, rules) == date(2024, 7, 5)


def test_the_end_of_an_override_is_looked_at_by_all_that_carry_it() -> None:
	over = {"tier_override": "A", "tier_override_until": ago(-20)}
	root, member = Person("Root"), Person("Member", rolls_up_to="Root")
	of_root = Customers((replace(root, **over), member), (), TODAY)
	assert reviews(of_root, policy()) == {"Root": ago(-21), "Member": ago(-21)}
	of_member = Customers((root, replace(member, **over)), (), TODAY)
	assert reviews(of_member, policy()) == {"Root": None, "Member": ago(-21)}


def test_the_dwell_of_a_group_is_its_root_s() -> None:
	rules = policy(tiers=(Tier("A", 500, True, minimum_dwell_days=9), Tier("B", 0)))
	about = {"current_tier": "A", "current_below_keep_since": ago(1)}
	root = Person("Root", current_tier_since=ago(5), **about)
	member = Person("Member", rolls_up_to="Root", current_tier_since=ago(2), **about)
	found = reviews(Customers((root, member), (order("Root", ago(1)),), TODAY), rules)
	assert found == {"Root": ago(-4), "Member": ago(-4)}


def test_grace_and_dwell_are_waited_for_together() -> None:
	rules = policy(tiers=(Tier("A", 500, True, 400, grace_days=5, minimum_dwell_days=9), Tier("B", 0)))
	about = {"current_tier": "A", "current_below_keep_since": ago(1)}
	documents = [order("X", ago(1))]
	assert review_of(documents, rules, current_tier_since=ago(9), **about) == ago(-4)
	assert review_of(documents, rules, current_tier_since=ago(2), **about) == ago(-7)


def test_fixed_breakpoints_of_recency_are_days_to_look_at() -> None:
	rules = policy(scoring="Fixed Breakpoints", recency_breakpoints=(30, 45, 180, 365))
	assert review_of([order("X", ago(10))], rules) == ago(-20)
	assert review_of([order("X", ago(30))], rules) == ago(-15)


def test_a_decline_shows_when_the_month_is_over() -> None:
	rules = policy(decline_months=2, sleep_factor=0)
	days = [date(2024, 4, 3), date(2024, 5, 6), date(2024, 6, 29)]
	falling = [
		order("X", day, amount) for day, amount in zip(days, ("100.00", "80.00", "64.00"), strict=True)
	]
	assert review_of(falling, rules) == date(2024, 7, 1)
	level = [order("X", day, amount) for day, amount in zip(days, ("100.00", "99.00", "64.00"), strict=True)]
	assert review_of(level, rules) == date(2024, 8, 1)


def test_a_group_is_looked_at_when_any_member_s_document_leaves() -> None:
	people = (Person("Root"), Person("Member", rolls_up_to="Root"))
	found = reviews(Customers(people, (order("Member", ago(360)),), TODAY), policy())
	assert found == {"Root": date(2024, 7, 6), "Member": date(2024, 7, 5)}


def test_lengths_that_no_calendar_has_room_for_are_never() -> None:
	rules = policy(
		stages=tuple(replace(s, min_days_since_order=s.min_days_since_order * 10**5) for s in STAGES),
		sleep_default_days=10**9,
		churn_high_factor=1e9,
		churn_medium_factor=1e8,
	)
	orders = [order("X", ago(n)) for n in (10, 50, 90)]
	assert review_of(orders, rules) == ago(10) + timedelta(days=60)
	assert review_of(orders, replace(rules, sleep_factor=0)) == date(2025, 4, 1)
