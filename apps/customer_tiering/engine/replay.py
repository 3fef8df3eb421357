"""One customer's way through the tiers, day by day where something happens, from its documents alone."""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal

import pandas as pd
from dateutil.relativedelta import relativedelta

from customer_tiering.engine.policy import Policy
from customer_tiering.engine.tiers import decide_tiers


@dataclass(frozen=True)
class Entry:
	"""A document as the tier sees it: its day and its money in the reporting currency.

	`is_order` tells an order from a return or a debit note; `undone_on` is the day on which its returns took all of it.
	`known_on` is given where it counts only from a later day than its own on, as nobody knew of it before.
	"""

	day: date
	money: Decimal
	is_order: bool
	undone_on: date | None = None
	known_on: date | None = None

	@property
	def counts_from(self) -> date:
		return max(self.day, self.known_on or self.day)

	def is_order_on(self, day: date) -> bool:
		return self.is_order and self.day <= day and (self.undone_on is None or self.undone_on > day)


@dataclass(frozen=True)
class Standing:
	"""Where a customer stands from `day` on: the money in the window and what follows from it."""

	day: date
	money: Decimal
	tier: str | None
	tier_since: date | None
	below_keep_since: date | None


def leaves_window_on(day: date, months: int) -> date:
	"""The first day on which a document of `day` counts no more; the last one that there is for what never leaves."""
	try:
		return day + relativedelta(months=months)
	except (OverflowError, ValueError):
		return date.max


def replay(
	entries: Sequence[Entry],
	policy: Policy,
	until: date,
	known: Standing | None = None,
	*,
	with_past: bool = True,
	decided_on: Sequence[date] | None = None,
	decided: dict | None = None,
) -> list[Standing]:
	"""The standing on every day up to `until` on which money, grace or dwell could change the tier, oldest first.

	Overrides are left out: they are decisions, not documents. `known` is what a run had decided before its day: from then
	on it goes on from there, whatever the documents say of the days before, which can be left out. Where `decided_on` is
	given, ascending, nothing is decided on other days. `decided` keeps what was decided: customers who stand alike share it,
	if many are replayed with the same one.
	"""
	decided = {} if decided is None else decided
	money_moves, order_moves = (
		_until_decided(moves, decided_on) for moves in _moves(entries, policy.window_months)
	)
	due = {*money_moves, *order_moves, *([known.day] if known else ())}
	money, orders, waits, seen = Decimal(0), 0, set(), None
	way: list[Standing] = []
	while due:
		day = min(due)
		due.remove(day)
		if day > until:
			break
		goes_on = known is not None and day == known.day
		before = known if goes_on else way[-1] if way else None
		money, orders = money + money_moves.get(day, 0), orders + order_moves.get(day, 0)
		if known is not None and day < known.day and not with_past:
			continue
		now = _what_matters(money, orders, before, policy)
		if before and now == seen and day not in waits and not goes_on:
			way.append(replace(before, day=day, money=money))
			continue
		alike = (policy.rule_version, day, now, before and replace(before, day=day, money=Decimal(0)))
		if alike not in decided:
			decided[alike] = _decide(money, orders, policy, day, before)
		way.append(replace(decided[alike], money=money))
		seen = _what_matters(money, orders, way[-1], policy)
		ends = {_decided(later, decided_on) for later in _waiting_ends(way[-1], policy)}
		waits = {later for later in ends if later > day}
		due |= waits
	return way


def _moves(entries: Sequence[Entry], months: int) -> tuple[dict[date, Decimal], dict[date, int]]:
	"""By how much the money in the window and the number of orders change on a day."""
	money: dict[date, Decimal] = defaultdict(Decimal)
	orders: dict[date, int] = defaultdict(int)
	for entry in entries:
		first, last = entry.counts_from, leaves_window_on(entry.day, months)
		if first < last:
			money[first] += entry.money
			money[last] -= entry.money
		if entry.is_order_on(first):
			orders[first] += 1
			if entry.undone_on:
				orders[entry.undone_on] -= 1
	return money, orders


def _until_decided(moves: Mapping[date, Decimal | int], decided_on: Sequence[date] | None) -> dict:
	"""What happens between two days of decision has happened on the later one."""
	found = defaultdict(int)
	for day, move in moves.items():
		found[_decided(day, decided_on)] += move
	return found


def _decided(day: date, decided_on: Sequence[date] | None) -> date:
	if decided_on is None:
		return day
	place = bisect_left(decided_on, day)
	return decided_on[place] if place < len(decided_on) else date.max


def _what_matters(money: Decimal, orders: int, before: Standing | None, policy: Policy) -> tuple:
	"""While this stays the same, only the end of a grace or dwell can change the tier."""
	money = round(money, 3)
	deserved = next((tier.name for tier in policy.tiers if money >= tier.entry_value), None)
	present = next((tier for tier in policy.tiers if before and tier.name == before.tier), None)
	return deserved, present is not None and money < present.keep_from, orders > 0


def _decide(money: Decimal, orders: int, policy: Policy, day: date, before: Standing | None) -> Standing:
	facts = pd.DataFrame(
		{
			"annual_value": [float(round(money, 3))],
			"orders_ever": [orders],
			"current_tier": pd.Series([before and before.tier], dtype=object),
			"current_tier_by_hand": [False],
			"current_tier_since": pd.to_datetime([before and before.tier_since]),
			"current_below_keep_since": pd.to_datetime([before and before.below_keep_since]),
			"tier_override": pd.Series([None], dtype=object),
			"tier_override_until": pd.to_datetime([None]),
		}
	)
	row = decide_tiers(facts, policy, pd.Timestamp(day)).iloc[0]
	return Standing(
		day, money, row["customer_tier"], _date(row["tier_since"]), _date(row["below_keep_since"])
	)


def _waiting_ends(standing: Standing, policy: Policy) -> set[date]:
	"""When grace and dwell of a tier that the money no longer keeps are over."""
	tier = next((t for t in policy.tiers if t.name == standing.tier), None)
	if not tier or not standing.below_keep_since:
		return set()
	return {
		_later(standing.below_keep_since, tier.grace_days),
		_later(standing.tier_since, tier.minimum_dwell_days),
	}


def _later(day: date, days: int) -> date:
	try:
		return day + timedelta(days=days)
	except OverflowError:
		return date.max


def _date(moment: pd.Timestamp) -> date | None:
	return None if pd.isna(moment) else moment.date()
