"""What documents come to, by the words of the design: one document after the other, in plain Python and Decimal.

It shares no line with the app. Slow, to be read.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import TYPE_CHECKING

from tests.oracle import Issue, Points, Survey, add_months, expected_on, rhythm_of

if TYPE_CHECKING:
	from customer_tiering.engine.policy import Policy

CENT = Decimal("0.01")


@dataclass(frozen=True)
class Paper:
	"""A Sales Invoice or a Sales Order; `lines` are what its items cost: (cost of one, how many)."""

	name: str
	customer: str
	company: str
	day: date
	total: Decimal
	lines: tuple[tuple[Decimal, Decimal], ...] = ()
	is_return: bool = False
	return_against: str | None = None
	is_opening: str = "No"
	is_debit_note: bool = False
	docstatus: int = 1
	status: str = "To Bill"
	per_billed: Decimal = Decimal(0)


@dataclass(frozen=True)
class Rate:
	day: date
	from_currency: str
	to_currency: str
	rate: Decimal
	for_selling: bool = True


@dataclass(frozen=True)
class Member:
	"""A customer, whom it rolls up to and who referred it; `issues` with whether they are resolved."""

	name: str
	rolls_up_to: str | None = None
	referred_by: str | None = None
	disabled: bool = False
	is_internal_customer: bool = False
	points: tuple[Points, ...] = ()
	issues: tuple[tuple[Issue, bool], ...] = ()
	answers: tuple[Survey, ...] = ()

	@property
	def counted(self) -> bool:
		return not self.disabled and not self.is_internal_customer


@dataclass
class World:
	"""All that there is."""

	currencies: dict[str, str]
	members: list[Member]
	invoices: list[Paper]
	orders: list[Paper]
	rates: list[Rate] = field(default_factory=list)
	returns: dict[str, list[Paper]] = field(init=False, default_factory=dict)

	def __post_init__(self) -> None:
		for paper in self.invoices:
			if paper.is_return and paper.docstatus == 1 and paper.is_opening != "Yes":
				self.returns.setdefault(paper.return_against, []).append(paper)

	def papers(self, policy: Policy) -> list[Paper]:
		return self.orders if policy.orders_from == "Sales Order" else self.invoices

	def counts(self, paper: Paper, policy: Policy) -> bool:
		if paper.docstatus != 1 or paper.is_opening == "Yes":
			return False
		if policy.orders_from == "Sales Order" and paper.status == "Closed" and not paper.per_billed:
			return False
		return not policy.companies or paper.company in policy.companies

	def rate_on(self, day: date, currency: str, policy: Policy) -> tuple[Decimal, Decimal] | None:
		"""What to multiply with, and what to divide by."""
		for there, back in ((currency, policy.reporting_currency), (policy.reporting_currency, currency)):
			known = [
				r
				for r in self.rates
				if (r.from_currency, r.to_currency) == (there, back) and r.for_selling and r.day <= day
			]
			if known:
				rate = max(known, key=lambda r: r.day).rate
				return (rate, Decimal(1)) if there == currency else (Decimal(1), rate)
		return None

	def money(self, paper: Paper, policy: Policy) -> Decimal | None:
		worth = paper.total
		if policy.measure == "Gross Margin":
			worth -= sum((cost * number for cost, number in paper.lines), Decimal(0))
		currency = self.currencies[paper.company]
		if currency != policy.reporting_currency:
			rate = self.rate_on(paper.day, currency, policy)
			if rate is None:
				return None
			worth = worth * rate[0] / rate[1]
		return worth.quantize(CENT, ROUND_HALF_UP)

	def is_order(self, paper: Paper, policy: Policy, as_of: date) -> bool:
		if paper.is_return or paper.is_debit_note:
			return False
		if policy.orders_from == "Sales Order":
			return True
		back = [r.total for r in self.returns.get(paper.name, []) if r.day <= as_of]
		return not back or paper.total + sum(back) > CENT * (len(back) - 1)


def facts(world: World, policy: Policy, as_of: date) -> dict[str, dict]:
	"""By customer, of those who count: the facts that follow from documents."""
	by_customer: dict[str, list[Paper]] = {}
	for paper in world.papers(policy):
		if world.counts(paper, policy):
			by_customer.setdefault(paper.customer, []).append(paper)
	found = {
		m.name: own_facts(by_customer.get(m.name, []), world, policy, as_of)
		for m in world.members
		if m.counted
	}
	roots = {m.name: root_of(m, world) for m in world.members}
	for member in world.members:
		if not member.counted:
			continue
		friends = [m.name for m in world.members if m.counted and m.referred_by == member.name != m.name]
		found[member.name]["referred_value"] = sum((found[f]["annual_value"] for f in friends), Decimal(0))
		found[member.name]["root"] = roots[member.name]
		found[member.name] |= voice_facts(member, policy, as_of)
	return found


def voice_facts(member: Member, policy: Policy, as_of: date) -> dict:
	"""Points that count, open and overdue issues, the last answer, and the next day that changes any of them."""
	day, turns = timedelta(days=1), []
	found = {"loyalty_points": 0, "open_issues": 0, "overdue_issues": 0, "last_score": None}
	for entry in member.points:
		if entry.posted <= as_of <= entry.last_day:
			found["loyalty_points"] += entry.number
		turns += [entry.posted, entry.last_day + day] if entry.last_day >= entry.posted else []
	asked = policy.voice_raises_risk or any(stage.min_open_issues for stage in policy.stages)
	for issue, resolved in member.issues if asked else ():
		if resolved:
			continue
		if issue.opened > as_of:
			turns.append(issue.opened)
			continue
		found["open_issues"] += 1
		if issue.resolve_by:
			found["overdue_issues"] += issue.resolve_by < as_of
			turns.append(issue.resolve_by + day)
	last = None
	for answer in sorted(member.answers, key=lambda each: each.day):
		if answer.day > as_of:
			turns.append(answer.day) if policy.feedback_days else None
		elif (as_of - answer.day).days < policy.feedback_days:
			last = answer
	if last:
		found["last_score"] = float(last.score)
		turns.append(last.day + day * policy.feedback_days)
	return {**found, "next_voice": min((turn for turn in turns if turn > as_of), default=None)}


def root_of(member: Member, world: World) -> str:
	by_name = {m.name: m for m in world.members}
	seen, at = [member.name], member
	while at.rolls_up_to and by_name[at.rolls_up_to].counted:
		at = by_name[at.rolls_up_to]
		if at.name in seen:
			return member.name
		seen.append(at.name)
	return at.name


def own_facts(papers: list[Paper], world: World, policy: Policy, as_of: date) -> dict:
	known = [p for p in papers if p.day <= as_of]
	orders = [p for p in known if world.is_order(p, policy, as_of)]
	window = [p for p in known if add_months(p.day, policy.window_months) > as_of]
	recent = [p for p in known if add_months(p.day, policy.upsell_months) > as_of]
	watched = policy.upsell_value > 0

	def sum_of(some: Iterable[Paper]) -> Decimal:
		return sum((world.money(p, policy) or Decimal(0) for p in some), Decimal(0))

	days = [p.day for p in orders]
	rhythm = rhythm_of(days)
	found = {
		"orders_ever": len(orders),
		"first_order_date": min(days, default=None),
		"last_order_date": max(days, default=None),
		"annual_orders": sum(p in window for p in orders),
		"annual_value": sum_of(window),
		"recent_value": sum_of(recent) if watched else Decimal(0),
		"next_exit": min((add_months(p.day, policy.window_months) for p in window), default=None),
		"next_recent_exit": min((add_months(p.day, policy.upsell_months) for p in recent), default=None)
		if watched
		else None,
		"next_document": min((p.day for p in papers if p.day > as_of), default=None),
		"rhythm_days": None if rhythm is None else float(rhythm),
		"expected_on": expected_on(days, policy, as_of),
	}
	month = as_of.replace(day=1)
	found["spend_0"] = sum_of(p for p in known if month <= p.day)
	for number in range(1, policy.decline_months + 2):
		last = month - timedelta(days=1)
		month = last.replace(day=1)
		found[f"spend_{number}"] = sum_of(p for p in known if month <= p.day <= last)
	return found


def orders_in_window(world: World, policy: Policy, as_of: date) -> list[tuple[Paper, Decimal]]:
	"""Of customers who count, each with its own money; those without a rate are left out."""
	counted = {m.name for m in world.members if m.counted}
	orders = [
		p
		for p in world.papers(policy)
		if p.customer in counted
		and world.counts(p, policy)
		and p.day <= as_of < add_months(p.day, policy.window_months)
		and world.is_order(p, policy, as_of)
	]
	return [(p, money) for p in orders if (money := world.money(p, policy)) is not None]
