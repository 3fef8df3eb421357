"""What section 3 of DESIGN.md says, written a second time: one customer after the other, in plain Python.

It shares no line with the app and uses neither pandas nor numpy; money is Decimal. It is slow, to be read.
A policy is anything with the attributes of the engine's Policy; tiers and stages may come in any order.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from functools import cache
from itertools import accumulate, pairwise
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
class Points:
	"""Loyalty points that were earned or, negative, redeemed; the last day is one on which they still count."""

	posted: date
	last_day: date
	number: int


@dataclass(frozen=True)
class Issue:
	"""An issue that isn't resolved."""

	opened: date
	resolve_by: date | None = None


@dataclass(frozen=True)
class Survey:
	"""An answer of 0 to 10; of one day's answers the one that stands last counts."""

	day: date
	score: int


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
	left_by_rules: dict[str, date] | None = None
	tier_override: str | None = None
	tier_override_until: date | None = None
	rolls_up_to: str | None = None
	referred_by: str | None = None
	open_follow_ups: int = 0
	enquiries: tuple[date, ...] = ()
	key_date_birthday: date | None = None
	key_date_founded: date | None = None
	key_date_partner_since: date | None = None
	points: tuple[Points, ...] = ()
	issues: tuple[Issue, ...] = ()
	answers: tuple[Survey, ...] = ()


@dataclass(frozen=True)
class History:
	"""What a customer's documents come to on the day that is asked about."""

	orders_ever: int
	first_order_date: date | None
	last_order_date: date | None
	annual_orders: int
	annual_value: Decimal
	orders: tuple[Document, ...]
	recent_orders: tuple[Document, ...]
	known: tuple[Document, ...]

	@property
	def order_days(self) -> list[date]:
		return [order.posting_date for order in self.orders]


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
	churn_risk: str | None
	abc_class: str | None
	feedback_category: str | None
	loyalty_points: int
	by_hand: bool
	by_hand_ended: bool


@dataclass(frozen=True)
class Population:
	"""What everybody who ever ordered had on the day of a full run, each list ascending.

	`values_up_to[n]` is what the n least valuable customers together brought, losses left out.
	"""

	last_order_dates: list[date]
	annual_orders: list[int]
	annual_values: list[Decimal]
	values_up_to: list[Decimal]
	usual_rhythm: Decimal | None
	ordinary_order: Decimal | None


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
	standings = standings_of(people, histories, policy, as_of)
	return {
		p.name: answer(p, histories[p.name], standings[p.name], population, policy, as_of) for p in people
	}


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
	values = sorted(h.annual_value for h in scored)
	return Population(
		last_order_dates=sorted(h.last_order_date for h in scored),
		annual_orders=sorted(h.annual_orders for h in scored),
		annual_values=values,
		values_up_to=list(accumulate((max(value, Decimal(0)) for value in values), initial=Decimal(0))),
		usual_rhythm=median_of([rhythm for h in scored if (rhythm := rhythm_of(h.order_days))]),
		ordinary_order=median_of([order.base_net_total for h in scored for order in h.recent_orders]),
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
		orders=tuple(orders),
		recent_orders=tuple(d for d in orders if d.name in still_counting),
		known=tuple(known),
	)


def exists(document: Document, as_of: date) -> bool:
	"""Drafts, cancelled documents and opening entries count for nothing, and a later document not yet."""
	return document.docstatus == SUBMITTED and document.is_opening != "Yes" and document.posting_date <= as_of


def is_order(document: Document) -> bool:
	"""Returns take money away and debit notes add some; neither is an order."""
	return not document.is_return and not document.is_debit_note


def is_undone(order: Document, known: list[Document]) -> bool:
	"""An order is undone when its returns leave nothing of it, but for a cent that each but the last may be off."""
	returns = [d.base_net_total for d in known if d.is_return and d.return_against == order.name]
	cents = Decimal("0.01") * (len(returns) - 1)
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


def answer(
	person: Person,
	own: History,
	standing: CarriedStanding,
	population: Population,
	policy: Policy,
	as_of: date,
) -> Answer:
	"""Everything about one customer."""
	scores = rfm_scores(own, population, policy, as_of)
	return Answer(
		orders_ever=own.orders_ever,
		first_order_date=own.first_order_date,
		last_order_date=own.last_order_date,
		annual_orders=own.annual_orders,
		annual_value=own.annual_value,
		customer_tier=standing.tier,
		tier_since=standing.since,
		below_keep_since=standing.below_since,
		by_hand=standing.by_hand,
		by_hand_ended=person.current_tier_by_hand and not standing.by_hand,
		rfm_score="".join(str(figure) for figure in scores) if scores else None,
		rfm_segment=segment_of(scores, policy) if scores else None,
		lifecycle_stage=stage_of(person, own, standing.tier, policy, as_of),
		purchase_frequency=frequency_of(own, policy),
		churn_risk=churn_risk_of(person, own, population, policy, as_of),
		abc_class=abc_class_of(own, population, policy),
		feedback_category=feedback_category_of(person, policy, as_of),
		loyalty_points=points_of(person, as_of),
	)


@dataclass(frozen=True)
class CarriedStanding:
	"""The tier that a customer carries, its own or that of its group."""

	tier: str | None
	since: date | None
	below_since: date | None
	by_hand: bool


def standings_of(
	people: list[Person], histories: dict[str, History], policy: Policy, as_of: date
) -> dict[str, CarriedStanding]:
	"""A group is tiered as one, by its money and orders together and as its root stands; its members carry the tier."""
	by_name = {person.name: person for person in people}
	groups = defaultdict(list)
	for person in people:
		groups[root_of(person, by_name)].append(person)
	return {
		member.name: carried_standing(member, by_name[root], together, policy, as_of)
		for root, members in groups.items()
		for together in [sum_of([histories[member.name] for member in members])]
		for member in members
	}


def root_of(person: Person, people: dict[str, Person]) -> str:
	"""The last one of those that roll up to each other; a customer that rolls up in a circle is on its own."""
	way, here = [], person
	while here.rolls_up_to in people:
		way.append(here.name)
		here = people[here.rolls_up_to]
		if here.name in way:
			return person.name
	return here.name


def sum_of(histories: list[History]) -> History:
	"""What decides the tier of a group."""
	orders = sum(h.orders_ever for h in histories)
	return replace(
		histories[0], orders_ever=orders, annual_value=sum((h.annual_value for h in histories), Decimal(0))
	)


def carried_standing(
	member: Person, root: Person, together: History, policy: Policy, as_of: date
) -> CarriedStanding:
	"""The root's tier, unless the member has an override of its own; since when is the member's own affair."""
	decided_for = member if has_override(member, as_of) else root
	tier, since, below = standing_of(decided_for, together, policy, as_of)
	by_hand = has_override(decided_for, as_of)
	if member is not root and tier is not None:
		stays = member.current_tier == tier and (by_hand or not member.current_tier_by_hand)
		since = (member.current_tier_since or as_of) if stays else as_of
	return CarriedStanding(tier, since, below, by_hand)


def has_override(person: Person, as_of: date) -> bool:
	"""A tier by hand that has not ended."""
	until = person.tier_override_until
	return person.tier_override is not None and (until is None or as_of <= until)


Standing = tuple[str | None, date | None, date | None]


def standing_of(person: Person, own: History, policy: Policy, as_of: date) -> Standing:
	"""The tier, since when, and since when the money has been too little for it."""
	before = (person.current_tier, person.current_tier_since)
	by_hand_before = person.current_tier_by_hand
	if has_override(person, as_of):
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
			and (not stage.min_days_since_first_order or is_old(own, stage.min_days_since_first_order, as_of))
			and (not stage.quiet_days or is_left_alone(person, own, stage, as_of))
			and (not stage.no_open_follow_up or is_unattended(person, own, stage))
			and own.orders_ever >= stage.min_orders
			and (not stage.top_tier_only or tier in top_tiers)
			and sum(issue.opened <= as_of for issue in person.issues) >= stage.min_open_issues
			and (not stage.min_points or points_of(person, as_of) >= stage.min_points)
			and (not stage.feedback or feedback_category_of(person, policy, as_of) == stage.feedback)
		):
			return stage.name
	return None


def is_asleep(own: History, days: int, as_of: date) -> bool:
	"""Who never ordered can't have fallen asleep."""
	return own.last_order_date is not None and (as_of - own.last_order_date).days >= days


def is_old(own: History, days: int, as_of: date) -> bool:
	"""Who never ordered has not been a customer for any time."""
	return own.first_order_date is not None and (as_of - own.first_order_date).days >= days


def is_left_alone(person: Person, own: History, stage: Stage, as_of: date) -> bool:
	"""Nobody followed up of late. A follow-up keeps a customer out of the stage; it doesn't fetch it back."""
	if is_in(person, own, stage):
		return True
	return all((as_of - day).days >= stage.quiet_days for day in person.follow_ups if day <= as_of)


def is_unattended(person: Person, own: History, stage: Stage) -> bool:
	"""No follow-up is open. That, too, is asked on entering only."""
	return is_in(person, own, stage) or person.open_follow_ups == 0


def is_in(person: Person, own: History, stage: Stage) -> bool:
	"""It stands there, or stood there until a day on which other rules alone took it out: by those of now it was long enough
	without an order, and a customer, on that day already."""
	left = (person.left_by_rules or {}).get(stage.name)
	if person.current_stage == stage.name or not left:
		return person.current_stage == stage.name
	asleep = not stage.min_days_since_order or is_asleep(own, stage.min_days_since_order, left)
	return asleep and (
		not stage.min_days_since_first_order or is_old(own, stage.min_days_since_first_order, left)
	)


def points_of(person: Person, as_of: date) -> int:
	"""Points that have been posted and are not over."""
	return sum(p.number for p in person.points if p.posted <= as_of <= p.last_day)


def last_score(person: Person, policy: Policy, as_of: date) -> int | None:
	"""The last answer, unless it is too old."""
	given = [a for a in person.answers if 0 <= (as_of - a.day).days < policy.feedback_days]
	return sorted(given, key=lambda a: a.day)[-1].score if given else None


def feedback_category_of(person: Person, policy: Policy, as_of: date) -> str | None:
	"""Bad ones are those that the rules say, 9 and 10 are good ones."""
	score = last_score(person, policy, as_of)
	if score is None:
		return None
	if score <= policy.detractor_score:
		return "Detractor"
	return "Promoter" if score >= 9 else "Passive"


def is_annoyed(person: Person, policy: Policy, as_of: date) -> bool:
	"""An issue should have been resolved by now, or the last answer was a bad one."""
	overdue = any(i.opened <= as_of and i.resolve_by and i.resolve_by < as_of for i in person.issues)
	return overdue or feedback_category_of(person, policy, as_of) == "Detractor"


def churn_risk_of(
	person: Person, own: History, population: Population, policy: Policy, as_of: date
) -> str | None:
	"""What the silence says, and one more for a customer who is annoyed."""
	risk = risk_of_silence(own, population, policy, as_of)
	if risk and policy.voice_raises_risk and is_annoyed(person, policy, as_of):
		return "Medium" if risk == "Low" else "High"
	return risk


def risk_of_silence(own: History, population: Population, policy: Policy, as_of: date) -> str | None:
	"""How the silence since the last order compares with the own rhythm, else with the usual one."""
	rhythm = rhythm_of(own.order_days) or population.usual_rhythm
	if not own.orders_ever or not rhythm:
		return None
	days = (as_of - own.last_order_date).days
	if days >= Decimal(str(policy.churn_high_factor)) * rhythm:
		return "High"
	return "Medium" if days >= Decimal(str(policy.churn_medium_factor)) * rhythm else "Low"


def median_of(figures: list[Decimal]) -> Decimal | None:
	"""The middle one, or halfway between the two in the middle."""
	ascending, middle = sorted(figures), len(figures) // 2
	if not figures:
		return None
	return ascending[middle] if len(figures) % 2 else (ascending[middle - 1] + ascending[middle]) / 2


def abc_class_of(own: History, population: Population, policy: Policy) -> str | None:
	"""Class A while those with more money have less than the share of A, then B, then C."""
	if not own.orders_ever:
		return None
	everything = population.values_up_to[-1]
	better = everything - population.values_up_to[bisect_right(population.annual_values, own.annual_value)]
	for name, percent in (("A", policy.abc_a_percent), ("B", policy.abc_b_percent)):
		if own.annual_value > 0 and 100 * better < percent * everything:
			return name
	return "C"


def frequency_of(own: History, policy: Policy) -> str | None:
	"""High, Normal, or nothing to say without an order in the window."""
	if own.annual_orders >= policy.high_frequency_orders:
		return "High"
	return "Normal" if own.annual_orders >= 1 else None


def rhythm_of(order_days: Iterable[date]) -> Decimal | None:
	"""The median number of days between one order day and the next; two gaps make a rhythm."""
	days = sorted(set(order_days))
	gaps = [Decimal((later - earlier).days) for earlier, later in pairwise(days)]
	return median_of(gaps) if len(gaps) > 1 else None


def expected_on(order_days: Iterable[date], policy: Policy, as_of: date) -> date | None:
	"""The next day on which the customer is expected, because it has ordered at that time in each of the last years."""
	if not policy.pattern_years:
		return None
	days = sorted(set(order_days))
	anniversaries = sorted({add_months(day, 12) for day in days})
	return next((day for day in anniversaries if day >= as_of and is_expected(day, days, policy)), None)


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


Signal = tuple[str, str, str]


def signals(
	people: Iterable[Person],
	documents: Iterable[Document],
	policy: Policy,
	as_of: date,
	population: Population | None = None,
) -> set[Signal]:
	"""Customer, condition signal and period of all that hold."""
	people, documents = list(people), list(documents)
	histories = histories_of(people, documents, policy, as_of)
	population = population or fit(histories)
	answers = decide(people, documents, policy, as_of, population)
	referred = defaultdict(Decimal)
	for person in people:
		referred[person.referred_by] += histories[person.name].annual_value
	month = f"{as_of.year}-{as_of.month:02}"
	found = set()
	for person in people:
		own = histories[person.name]
		held = [
			(
				"Sleep Warning",
				str(own.last_order_date),
				warns_of_sleep(own, answers[person.name], policy, as_of),
			),
			("Declining", month, declines(own, policy, as_of)),
			("Upsell Ready", month, is_ready_for_more(own, policy, as_of)),
			("Silent Potential", month, asks_without_buying(person, own, policy, as_of)),
			("Super Promoter", month, brings_others(own, referred[person.name], policy)),
		]
		found |= {(person.name, signal, period) for signal, period, holds in held if holds}
		found |= {(person.name, "Whale Order", name) for name in whale_orders(own, population, policy)}
		day = expected_on(own.order_days, policy, as_of)
		if day and (day - as_of).days <= policy.pattern_lead_days:
			found.add((person.name, "Yearly Pattern", f"{day.year}-{day.month:02}"))
		found |= {(person.name, "Key Date", period) for period in key_dates_ahead(person, policy, as_of)}
	return found


def warns_of_sleep(own: History, answer: Answer, policy: Policy, as_of: date) -> bool:
	"""Silent for longer than the own rhythm explains, and not yet dormant or lost."""
	asleep = {stage.name for stage in policy.stages if stage.meaning in ("Dormant", "Lost")}
	if not policy.sleep_factor or own.last_order_date is None or answer.lifecycle_stage in asleep:
		return False
	rhythm = rhythm_of(own.order_days)
	days = (as_of - own.last_order_date).days
	if rhythm is None:
		return days >= policy.sleep_default_days
	return days >= policy.sleep_min_days and days >= Decimal(str(policy.sleep_factor)) * rhythm


def declines(own: History, policy: Policy, as_of: date) -> bool:
	"""Each of the last whole months brought so much less than the month before it, which brought something."""
	if not policy.decline_percent or not policy.decline_months:
		return False
	this_month = as_of.replace(day=1)
	spend = [month_spend(own, add_months(this_month, -ago)) for ago in range(1, policy.decline_months + 2)]
	return all(
		earlier > 0 and later <= earlier * (100 - policy.decline_percent) / 100
		for later, earlier in pairwise(spend)
	)


def month_spend(own: History, first_day: date) -> Decimal:
	"""Money of a calendar month."""
	month = (first_day.year, first_day.month)
	return sum(
		(d.base_net_total for d in own.known if (d.posting_date.year, d.posting_date.month) == month),
		Decimal(0),
	)


def is_ready_for_more(own: History, policy: Policy, as_of: date) -> bool:
	"""The last months brought enough."""
	recent = [d for d in own.known if as_of < add_months(d.posting_date, policy.upsell_months)]
	return policy.upsell_value > 0 and sum(d.base_net_total for d in recent) >= Decimal(
		str(policy.upsell_value)
	)


def asks_without_buying(person: Person, own: History, policy: Policy, as_of: date) -> bool:
	"""Long without an order, yet not without an enquiry."""
	if not policy.silent_days or own.last_order_date is None:
		return False
	asked = any(0 <= (as_of - day).days < policy.silent_days for day in person.enquiries)
	return asked and (as_of - own.last_order_date).days >= policy.silent_days


def brings_others(own: History, referred: Decimal, policy: Policy) -> bool:
	"""Those whom it referred bring as much, or the share that is set."""
	if not policy.promoter_percent or referred <= 0:
		return False
	return referred >= max(own.annual_value, Decimal(0)) * policy.promoter_percent / 100


def whale_orders(own: History, population: Population, policy: Policy) -> list[str]:
	"""Orders in the window that are many times the ordinary one."""
	if not policy.whale_factor or not population.ordinary_order or population.ordinary_order < 0:
		return []
	least = policy.whale_factor * population.ordinary_order
	return [order.name for order in own.recent_orders if order.base_net_total >= least]


def key_dates_ahead(person: Person, policy: Policy, as_of: date) -> list[str]:
	"""What is celebrated within the days of notice, and in which year."""
	named = {
		"birthday": person.key_date_birthday,
		"founded": person.key_date_founded,
		"partner since": person.key_date_partner_since,
	}
	return [
		f"{name} {day.year}"
		for name, began in named.items()
		if began
		for ahead in range(policy.key_date_lead_days + 1)
		for day in [as_of + timedelta(days=ahead)]
		if day > began and day == add_months(began, 12 * (day.year - began.year))
	]
