"""One customer's way through the tiers, day by day where something happens, from its documents alone."""

from collections.abc import Sequence
from dataclasses import dataclass
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
	"""

	day: date
	money: Decimal
	is_order: bool
	undone_on: date | None = None

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
	"""The first day on which a document of `day` counts no more."""
	return day + relativedelta(months=months)


def money_in_window(entries: Sequence[Entry], as_of: date, months: int) -> Decimal:
	return sum(
		(e.money for e in entries if e.day <= as_of < leaves_window_on(e.day, months)), start=Decimal(0)
	)


def replay(entries: Sequence[Entry], policy: Policy, until: date) -> list[Standing]:
	"""The standing on every day up to `until` on which money, grace or dwell could change the tier, oldest first.

	Overrides are left out: they are decisions, not documents.
	"""
	months = policy.window_months
	due = {e.day for e in entries} | {leaves_window_on(e.day, months) for e in entries}
	due |= {e.undone_on for e in entries if e.undone_on}
	way: list[Standing] = []
	while due:
		day = min(due)
		due.remove(day)
		if day > until:
			break
		standing = _decide(entries, policy, day, way[-1] if way else None)
		way.append(standing)
		due |= {later for later in _waiting_ends(standing, policy) if later > day}
	return way


def _decide(entries: Sequence[Entry], policy: Policy, day: date, before: Standing | None) -> Standing:
	money = money_in_window(entries, day, policy.window_months)
	facts = pd.DataFrame(
		{
			"annual_value": [float(money)],
			"orders_ever": [sum(e.is_order_on(day) for e in entries)],
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
		standing.below_keep_since + timedelta(days=tier.grace_days),
		standing.tier_since + timedelta(days=tier.minimum_dwell_days),
	}


def _date(moment: pd.Timestamp) -> date | None:
	return None if pd.isna(moment) else moment.date()
