"""What section 3 of DESIGN.md says, written a second time: one customer after the other, in plain Python.

It shares no line with the app and uses neither pandas nor numpy; money is Decimal. It is slow, to be read.
A policy is anything with the attributes of the engine's Policy; tiers and stages may come in any order.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from functools import cache
from itertools import pairwise
from typing import TYPE_CHECKING

from dateutil.relativedelta import relativedelta

if TYPE_CHECKING:
	from customer_tiering.engine.policy import Policy, Stage

SUBMITTED = 1


@dataclass(frozen=True)
class Document:
	"""A Sales Invoice, with the fields that count."""

	name: str
	customer: str
	posting_date: date
	base_net_total: Decimal
	is_return: bool = False
	return_against: str | None = None
	is_opening: str = "No"
	is_debit_note: bool = False
	docstatus: int = SUBMITTED


@dataclass(frozen=True)
class Person:
	"""A customer and what is known about it besides its documents."""

	name: str
	follow_ups: tuple[date, ...] = ()
	current_tier: str | None = None
	current_tier_by_hand: bool = False
	current_tier_since: date | None = None
	current_below_keep_since: date | None = None
	current_stage: str | None = None
	tier_override: str | None = None
	tier_override_until: date | None = None


@dataclass(frozen=True)
class History:
	"""What a customer's documents come to on the day that is asked about."""

	orders_ever: int
	first_order_date: date | None
	last_order_date: date | None
	annual_orders: int
	annual_value: Decimal


@dataclass(frozen=True)
class Answer:
	"""The history of a customer and all that is decided from it."""

	orders_ever: int
	first_order_date: date | None
	last_order_date: date | None
	annual_orders: int
	annual_value: Decimal
	customer_tier: str | None
	tier_since: date | None
	below_keep_since: date | None
	rfm_score: str | None
	rfm_segment: str | None
	lifecycle_stage: str | None
	purchase_frequency: str | None


@dataclass(frozen=True)
class Population:
	"""What everybody who ever ordered had on the day of a full run, each list ascending."""

	last_order_dates: list[date]
	annual_orders: list[int]
	annual_values: list[Decimal]


def decide(
	people: Iterable[Person],
	documents: Iterable[Document],
	policy: Policy,
	as_of: date,
	population: Population | None = None,
) -> dict[str, Answer]:
	"""Answer for every person, compared with the population (None: these people); documents of others are left out."""
	people = list(people)
	histories = histories_of(people, documents, policy, as_of)
	population = population or fit(histories)
	return {p.name: answer(p, histories[p.name], population, policy, as_of) for p in people}


def histories_of(
	people: Iterable[Person], documents: Iterable[Document], policy: Policy, as_of: date
) -> dict[str, History]:
	"""The history of every person."""
	of_customer = defaultdict(list)
	for document in documents:
		of_customer[document.customer].append(document)
	return {p.name: history(of_customer[p.name], as_of, policy.window_months) for p in people}


def fit(histories: dict[str, History]) -> Population:
	"""The population that these histories are."""
	scored = [h for h in histories.values() if h.orders_ever]
	return Population(
		last_order_dates=sorted(h.last_order_date for h in scored),
		annual_orders=sorted(h.annual_orders for h in scored),
		annual_values=sorted(h.annual_value for h in scored),
	)


def history(documents: list[Document], as_of: date, window_months: int) -> History:
	"""Orders and money of one customer."""
	known = [d for d in documents if exists(d, as_of)]
	orders = [d for d in known if is_order(d) and not is_undone(d, known)]
	still_counting = {d.name for d in known if as_of < add_months(d.posting_date, window_months)}
	days = [d.posting_date for d in orders]
	return History(
		orders_ever=len(orders),
		first_order_date=min(days, default=None),
		last_order_date=max(days, default=None),
		annual_orders=sum(1 for d in orders if d.name in still_counting),
		annual_value=sum((d.base_net_total for d in known if d.name in still_counting), Decimal(0)),
	)


def exists(document: Document, as_of: date) -> bool:
	"""Drafts, cancelled documents and opening entries count for nothing, and a later document not yet."""
	return document.docstatus == SUBMITTED and document.is_opening != "Yes" and document.posting_date <= as_of


def is_order(document: Document) -> bool:
	"""Returns take money away and debit notes add some; neither is an order."""
	return not document.is_return and not document.is_debit_note


def is_undone(order: Document, known: list[Document]) -> bool:
	"""An order is undone when its returns leave nothing of it, but for a cent that each may be off."""
	returns = [d.base_net_total for d in known if d.is_return and d.return_against == order.name]
	cents = Decimal("0.01") * len(returns)
	return bool(returns) and order.base_net_total + sum(returns) <= cents


@cache
def add_months(day: date, months: int) -> date:
	"""The same day some months later, or that month's last day where it has no such day."""
	return day + relativedelta(months=months)


def rfm_scores(
	own: History, population: Population, policy: Policy, as_of: date
) -> tuple[int, int, int] | None:
	"""Recency, frequency and monetary score of somebody who ever ordered."""
	if not own.orders_ever:
		return None
	if policy.scoring == "Fixed Breakpoints":
		days = (as_of - own.last_order_date).days
		return (
			5 - sum(1 for limit in policy.recency_breakpoints if days >= limit),
			1 + sum(1 for limit in policy.frequency_breakpoints if own.annual_orders >= limit),
			1 + sum(1 for limit in policy.monetary_breakpoints if own.annual_value >= Decimal(str(limit))),
		)
	return (
		score(population.last_order_dates, own.last_order_date),
		score(population.annual_orders, own.annual_orders),
		score(population.annual_values, own.annual_value),
	)


def score(population: list[Decimal] | list[int] | list[date], own: Decimal | int | date) -> int:
	"""From 1 to 5, by the share of a sorted population that is strictly worse (less) than one's own.

	Somebody who came after the population was fitted can be better than all of it; the best score is 5 all the same.
	"""
	strictly_worse = bisect_left(population, own)
	return min(1 + (5 * strictly_worse) // max(len(population), 1), 5)


def answer(person: Person, own: History, population: Population, policy: Policy, as_of: date) -> Answer:
	"""Everything about one customer."""
	scores = rfm_scores(own, population, policy, as_of)
	tier, since, below_since = standing_of(person, own, policy, as_of)
	return Answer(
		orders_ever=own.orders_ever,
		first_order_date=own.first_order_date,
		last_order_date=own.last_order_date,
		annual_orders=own.annual_orders,
		annual_value=own.annual_value,
		customer_tier=tier,
		tier_since=since,
		below_keep_since=below_since,
		rfm_score="".join(str(figure) for figure in scores) if scores else None,
		rfm_segment=segment_of(scores, policy) if scores else None,
		lifecycle_stage=stage_of(person, own, tier, policy, as_of),
		purchase_frequency=frequency_of(own, policy),
	)


Standing = tuple[str | None, date | None, date | None]


def standing_of(person: Person, own: History, policy: Policy, as_of: date) -> Standing:
	"""The tier, since when, and since when the money has been too little for it."""
	until = person.tier_override_until
	before = (person.current_tier, person.current_tier_since)
	by_hand_before = person.current_tier_by_hand
	if person.tier_override and (until is None or as_of <= until):
		lasts = before[0] == person.tier_override and before[1]
		return person.tier_override, before[1] if lasts else as_of, None
	if not own.orders_ever or not policy.tiers:
		return None, None, None
	deserved = tier_by_money(own.annual_value, policy)
	ladder = [tier.name for tier in sorted(policy.tiers, key=lambda tier: tier.entry_value)]
	if by_hand_before or before[0] not in ladder:
		return deserved, as_of, None
	if ladder.index(deserved) > ladder.index(before[0]):
		return deserved, as_of, None
	if deserved == before[0]:
		return deserved, before[1] or as_of, None
	return way_down(person, own, policy, deserved, as_of)


def way_down(person: Person, own: History, policy: Policy, deserved: str, as_of: date) -> Standing:
	"""The present tier is kept while the money is enough to keep it, then for the grace days and the dwell."""
	present = next(tier for tier in policy.tiers if tier.name == person.current_tier)
	keep = present.entry_value if present.keep_value is None else present.keep_value
	since = person.current_tier_since or as_of
	if own.annual_value >= Decimal(str(keep)):
		return present.name, since, None
	below = person.current_below_keep_since or as_of
	waited = (as_of - below).days >= present.grace_days and (as_of - since).days >= present.minimum_dwell_days
	return (deserved, as_of, None) if waited else (present.name, since, below)


def tier_by_money(money: Decimal, policy: Policy) -> str:
	"""The best tier that the money reaches, else the lowest."""
	best_first = sorted(policy.tiers, key=lambda tier: tier.entry_value, reverse=True)
	for tier in best_first:
		if money >= Decimal(str(tier.entry_value)):
			return tier.name
	return best_first[-1].name


def segment_of(scores: tuple[int, int, int], policy: Policy) -> str | None:
	"""The cell that the three scores fall into, where it has a name."""
	recency, frequency, monetary = scores
	cell = (
		recency >= policy.near_score,
		frequency >= policy.high_score,
		monetary >= policy.high_score,
	)
	for segment in policy.segments:
		if (segment.near, segment.frequent, segment.valuable) == cell:
			return segment.name
	return None


def stage_of(person: Person, own: History, tier: str | None, policy: Policy, as_of: date) -> str | None:
	"""The first stage, by position, whose conditions all hold; a stage is for leads or for those who ordered."""
	top_tiers = {t.name for t in policy.tiers if t.is_top}
	for stage in sorted(policy.stages, key=lambda stage: stage.position):
		if (
			stage.never_ordered == (own.orders_ever == 0)
			and (not stage.min_days_since_order or is_asleep(own, stage.min_days_since_order, as_of))
			and (not stage.quiet_days or is_left_alone(person, stage, as_of))
			and own.orders_ever >= stage.min_orders
			and (not stage.top_tier_only or tier in top_tiers)
		):
			return stage.name
	return None


def is_asleep(own: History, days: int, as_of: date) -> bool:
	"""Who never ordered can't have fallen asleep."""
	return own.last_order_date is not None and (as_of - own.last_order_date).days >= days


def is_left_alone(person: Person, stage: Stage, as_of: date) -> bool:
	"""Nobody followed up of late. A follow-up keeps a customer out of the stage; it doesn't fetch it back."""
	if person.current_stage == stage.name:
		return True
	return all((as_of - day).days >= stage.quiet_days for day in person.follow_ups if day <= as_of)


def frequency_of(own: History, policy: Policy) -> str | None:
	"""High, Normal, or nothing to say without an order in the window."""
	if own.annual_orders >= policy.high_frequency_orders:
		return "High"
	return "Normal" if own.annual_orders >= 1 else None


def rhythm_of(order_days: Iterable[date]) -> Decimal | None:
	"""The median number of days between one order day and the next; two gaps make a rhythm."""
	days = sorted(set(order_days))
	gaps = sorted((later - earlier).days for earlier, later in pairwise(days))
	if len(gaps) < 2:
		return None
	middle = len(gaps) // 2
	return Decimal(gaps[middle]) if len(gaps) % 2 else Decimal(gaps[middle - 1] + gaps[middle]) / 2


def expected_on(order_days: Iterable[date], policy: Policy, as_of: date) -> date | None:
	"""The next day on which the customer is expected, because it has ordered at that time in each of the last years."""
	if not policy.pattern_years:
		return None
	days = sorted(set(order_days))
	for ahead in range(367):
		day = as_of + timedelta(days=ahead)
		if is_expected(day, days, policy):
			return day
	return None


def is_expected(day: date, order_days: list[date], policy: Policy) -> bool:
	"""Whether a season began a year before, the years before had it too, and it hasn't begun yet; for rare orders only."""
	week = timedelta(days=7)
	begun = [d for d in order_days if add_months(d, 12) == day]
	openings = [d for d in begun if not any(d - week <= other < d for other in order_days)]
	every_year = all(
		any(abs(other - add_months(day, -12 * years)) <= week for other in order_days)
		for years in range(2, policy.pattern_years + 1)
	)
	come_already = any(abs(other - day) <= week for other in order_days)
	of_late = [d for d in order_days if add_months(day, -12 * policy.pattern_years) <= d]
	rhythm = rhythm_of(order_days)
	seldom = len(of_late) <= 3 * policy.pattern_years or (rhythm is not None and rhythm >= 90)
	return bool(openings) and every_year and not come_already and seldom
