"""Policies, random customers with their documents, and the facts that the engine is given about them."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from itertools import product

import pandas as pd
from hypothesis import strategies as st

from customer_tiering.engine.classify import DECISIONS, classify
from customer_tiering.engine.key_dates import KEY_DATES
from customer_tiering.engine.policy import Policy, Segment, Stage, Tier
from customer_tiering.engine.population import Population
from tests import oracle
from tests.engine.facts import facts_of
from tests.oracle import Document, Person

TIERS = (Tier("A", 500_000, True), Tier("B", 100_000), Tier("C", 30_000), Tier("D", 0))
SMALL_TIERS = (Tier("A", 500, True), Tier("B", 200), Tier("C", 50), Tier("D", 0))
STAGES = (
	Stage("Lead", 10, "Lead", never_ordered=True),
	Stage("Lost", 20, "Lost", min_days_since_order=365),
	Stage("Dormant", 30, "Dormant", min_days_since_order=180, quiet_days=90),
	Stage("High Value", 40, "High Value", top_tier_only=True),
	Stage("Repeat", 50, "Repeat", min_orders=2),
	Stage("First Purchase", 60, "First Purchase"),
)
WORDS = (("Near", "Far"), ("often", "seldom"), ("much", "little"))
SEGMENTS = tuple(
	Segment(" ".join(words[not yes] for words, yes in zip(WORDS, cell, strict=True)), *cell)
	for cell in product((True, False), repeat=3)
)

AMOUNTS = tuple(
	Decimal(cents) / 100
	for cents in (0, 1, 30000_00, 29999_99, 100000_00, 99999_99, 400000_00, 500000_00, -75_50)
)
AGES = (0, 1, 89, 90, 91, 179, 180, 181, 364, 365, 366, 367, 730, 731, -1, -30)
DAYS = (
	date(2023, 2, 28),
	date(2024, 2, 28),
	date(2024, 2, 29),
	date(2024, 3, 1),
	date(2025, 2, 27),
	date(2025, 2, 28),
	date(2025, 3, 1),
	date(2024, 12, 31),
)

# When to look again is no decision about the customer: it has tests of its own.
DECIDED = tuple(column for column in DECISIONS if column != "tiering_review_on")


def policy(**changes: object) -> Policy:
	"""The default policy, or one that differs from it as said."""
	return Policy(**{"tiers": TIERS, "stages": STAGES, "segments": SEGMENTS} | changes)


def order(customer: str, day: date, amount: str = "100.00", **changes: object) -> Document:
	"""A submitted invoice."""
	name = changes.pop("name", f"{customer} {day} {amount}")
	return Document(name, customer, day, Decimal(amount), **changes)


def engine_answers(
	people: Iterable[Person], documents: Iterable[Document], rules: Policy, as_of: date
) -> dict[str, dict]:
	"""What the engine decides, by customer."""
	return decided_by_engine(facts_of(people, documents, as_of, rules), rules, as_of)


def decided_by_engine(
	facts: pd.DataFrame, rules: Policy, as_of: date, population: Population | None = None
) -> dict[str, dict]:
	decisions = classify(facts, rules, as_of, population)
	assert list(decisions.columns) == list(DECISIONS)
	return decisions[list(DECIDED)].to_dict("index")


def oracle_answers(
	people: Iterable[Person],
	documents: Iterable[Document],
	rules: Policy,
	as_of: date,
	population: oracle.Population | None = None,
) -> dict[str, dict]:
	"""What the oracle decides, in the same shape."""
	answers = oracle.decide(people, documents, rules, as_of, population)
	return {name: {column: getattr(a, column) for column in DECIDED} for name, a in answers.items()}


def decide_one(
	documents: Iterable[Document], as_of: date, rules: Policy | None = None, **about: object
) -> dict:
	"""What the engine decides about customer "X"; it is checked against the oracle on the way."""
	people, documents, rules = [Person("X", **about)], list(documents), rules or policy()
	decided = engine_answers(people, documents, rules, as_of)
	assert decided == oracle_answers(people, documents, rules, as_of)
	return decided["X"]


@dataclass(frozen=True)
class Customers:
	"""People, their documents and the day they are looked at."""

	people: tuple[Person, ...]
	documents: tuple[Document, ...]
	as_of: date


def days_before(as_of: date) -> st.SearchStrategy[date]:
	"""Days around the boundaries, leap days, any day of three years, and some that are still to come."""
	return st.one_of(
		st.sampled_from(AGES).map(lambda age: as_of - timedelta(days=age)),
		st.sampled_from(DAYS),
		st.integers(-40, 1100).map(lambda age: as_of - timedelta(days=age)),
	)


def amounts() -> st.SearchStrategy[Decimal]:
	"""Boundary amounts often, so that customers also tie; else anything in cents."""
	cents = st.integers(-200_000_00, 700_000_00)
	return st.one_of(st.sampled_from(AMOUNTS), cents.map(lambda drawn: Decimal(drawn) / 100))


def signal_rules() -> st.SearchStrategy[dict]:
	"""When condition signals come; each may be off."""
	return st.fixed_dictionaries(
		{
			"sleep_factor": st.sampled_from((0, 0.5, 1.1, 1.5)),
			"sleep_min_days": st.sampled_from((0, 1, 30)),
			"sleep_default_days": st.sampled_from((1, 60)),
			"whale_factor": st.sampled_from((0, 1, 2, 100)),
			"decline_percent": st.sampled_from((0, 1, 20, 100)),
			"decline_months": st.sampled_from((0, 1, 1, 2, 3)),
			"upsell_value": st.sampled_from((0.0, 0.01, 30000.0)),
			"upsell_months": st.sampled_from((1, 3)),
			"silent_days": st.sampled_from((0, 1, 90)),
			"promoter_percent": st.sampled_from((0, 1, 100, 150)),
			"pattern_years": st.integers(0, 3),
			"pattern_lead_days": st.sampled_from((0, 14, 60)),
			"key_date_lead_days": st.sampled_from((0, 7, 60)),
		}
	)


@st.composite
def policies(draw: st.DrawFn) -> Policy:
	"""Rules that nobody would set: odd windows, entry values, thresholds and orders of the stages."""
	values = draw(st.lists(amounts(), min_size=1, max_size=5, unique=True))
	tiers = tuple(
		Tier(
			"ABCDE"[n],
			float(value),
			draw(st.booleans()),
			draw(st.one_of(st.none(), amounts().map(float))),
			draw(st.sampled_from((0, 0, 1, 90))),
			draw(st.sampled_from((0, 0, 30))),
		)
		for n, value in enumerate(values)
	)
	positions = draw(st.permutations(range(len(STAGES))))
	stages = tuple(
		replace(
			stage,
			position=position,
			min_days_since_order=draw(st.sampled_from((0, 1, 90, 180, 365))),
			min_days_since_first_order=draw(st.sampled_from((0, 0, 1, 180))),
			quiet_days=draw(st.sampled_from((0, 0, 1, 90))),
			min_orders=draw(st.integers(0, 3)),
			no_open_follow_up=draw(st.booleans()),
			min_open_issues=draw(st.sampled_from((0, 0, 0, 1))),
			min_points=draw(st.sampled_from((0, 0, 0, 50))),
			feedback=draw(st.sampled_from(("", "", "", "Promoter", "Passive", "Detractor"))),
		)
		for stage, position in zip(STAGES, positions, strict=True)
	)
	breakpoints = st.lists(st.integers(0, 400), min_size=4, max_size=4, unique=True).map(sorted)
	return Policy(
		scoring=draw(st.sampled_from(("Percentile", "Fixed Breakpoints"))),
		recency_breakpoints=tuple(draw(breakpoints)),
		frequency_breakpoints=draw(st.sampled_from(((1, 2, 3, 4), (2, 3, 5, 10)))),
		monetary_breakpoints=tuple(
			float(v) for v in sorted(draw(st.lists(amounts(), min_size=4, max_size=4)))
		),
		tiers=tiers,
		stages=stages[: draw(st.integers(1, len(stages)))],
		segments=tuple(draw(st.lists(st.sampled_from(SEGMENTS), unique=True))),
		window_months=draw(st.integers(1, 36)),
		high_frequency_orders=draw(st.integers(1, 5)),
		abc_a_percent=draw(st.sampled_from((0, 1, 50, 80, 100))),
		abc_b_percent=draw(st.sampled_from((50, 95, 100))),
		churn_medium_factor=draw(st.sampled_from((0.5, 1.0, 1.1, 1.5))),
		churn_high_factor=draw(st.sampled_from((1.5, 2.3, 3.0))),
		near_score=draw(st.integers(1, 6)),
		**draw(signal_rules()),
		feedback_days=draw(st.sampled_from((0, 1, 90, 365))),
		detractor_score=draw(st.sampled_from((0, 6, 8))),
		voice_raises_risk=draw(st.booleans()),
		high_score=draw(st.integers(1, 6)),
	)


@st.composite
def populations(draw: st.DrawFn, max_size: int = 12) -> Customers:
	"""Random customers with orders, returns, debit notes, opening entries, drafts and cancelled documents."""
	as_of = draw(st.one_of(st.sampled_from(DAYS), st.dates(date(2022, 1, 1), date(2026, 12, 31))))
	names = draw(st.lists(st.text(min_size=1, max_size=8), unique=True, max_size=max_size))
	people = tuple(draw(_person(name, names, as_of)) for name in names)
	documents = tuple(d for number, name in enumerate(names) for d in draw(_documents(name, number, as_of)))
	return Customers(people, documents, as_of)


@st.composite
def _person(draw: st.DrawFn, name: str, names: list[str], as_of: date) -> Person:
	return Person(
		name,
		follow_ups=tuple(draw(st.lists(days_before(as_of), max_size=2))),
		current_tier=draw(st.sampled_from((None, "A", "B", "C", "D", "gone"))),
		current_tier_by_hand=draw(st.booleans()),
		current_tier_since=draw(st.one_of(st.none(), days_before(as_of))),
		current_below_keep_since=draw(st.one_of(st.none(), days_before(as_of))),
		current_stage=draw(st.sampled_from((None, "Dormant", "Lost", "Repeat", "Lead"))),
		left_by_rules=draw(
			st.none() | st.dictionaries(st.sampled_from(("Dormant", "Lost")), days_before(as_of), max_size=2)
		),
		tier_override=draw(st.sampled_from((None, None, "A", "C"))),
		tier_override_until=draw(st.one_of(st.none(), days_before(as_of))),
		rolls_up_to=draw(st.sampled_from((None, None, "nobody", *names))),
		referred_by=draw(st.sampled_from((None, "nobody", *names))),
		open_follow_ups=draw(st.sampled_from((0, 0, 1))),
		enquiries=tuple(draw(st.lists(days_before(as_of), max_size=1))),
		**{key_date: draw(st.one_of(st.none(), st.none(), days_before(as_of))) for key_date in KEY_DATES},
		**draw(voices(as_of)),
	)


def voices(as_of: date) -> st.SearchStrategy[dict]:
	"""Points, open issues and answers, most people having none."""
	day = days_before(as_of)
	points = st.builds(oracle.Points, day, day, st.sampled_from((-50, 1, 50, 100)))
	issues = st.builds(oracle.Issue, day, st.none() | day)
	answers = st.builds(oracle.Survey, day, st.sampled_from((0, 6, 7, 8, 9, 10)))
	return st.fixed_dictionaries(
		{
			"points": st.lists(points, max_size=2).map(tuple),
			"issues": st.lists(issues, max_size=1).map(tuple),
			"answers": st.lists(answers, max_size=2).map(tuple),
		}
	)


@st.composite
def _documents(draw: st.DrawFn, customer: str, number: int, as_of: date) -> list[Document]:
	documents = []
	for count in range(draw(st.integers(0, 4))):
		name, amount, day = f"INV-{number}-{count}", draw(amounts()), draw(days_before(as_of))
		odd = draw(st.sampled_from(({}, {}, {}, {"is_opening": "Yes"}, {"docstatus": 0}, {"docstatus": 2})))
		if draw(st.sampled_from((False, False, False, True))):
			odd = odd | {"is_debit_note": True}
		documents.append(Document(name, customer, day, amount, **odd))
		for share in draw(st.sampled_from(((), (), (1,), ("0.5", "0.5"), ("0.25",), ("1.5",)))):
			back = -(amount * Decimal(share)).quantize(Decimal("0.01"))
			status = draw(st.sampled_from((1, 1, 1, 2)))
			documents.append(
				Document(
					f"{name}-R{len(documents)}",
					customer,
					draw(days_before(as_of)),
					back,
					is_return=True,
					return_against=name,
					docstatus=status,
				)
			)
	return documents


def whales_of(histories: dict[str, oracle.History], least: float | None) -> pd.DataFrame:
	"""The orders in the window of at least so much money, and without a least sum all of them."""
	rows = [
		(customer, order.name, order.posting_date, float(order.base_net_total))
		for customer, own in histories.items()
		for order in own.recent_orders
		if least is None or order.base_net_total >= Decimal(str(least))
	]
	return pd.DataFrame(rows, columns=["customer", "order", "day", "money"])
