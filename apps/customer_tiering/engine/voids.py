"""Which signals have lost their cause: the order was cancelled or undone, or a document was dated back."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

import pandas as pd

from customer_tiering.engine.conditions import is_upsell_ready
from customer_tiering.engine.decline import is_declining
from customer_tiering.engine.policy import Policy
from customer_tiering.engine.replay import leaves_window_on
from customer_tiering.engine.signals import (
	BECAME_DORMANT,
	BECAME_LOST,
	DECLINING,
	FIRST_ORDER,
	SIGNALS,
	SILENT_POTENTIAL,
	SLEEP_WARNING,
	SUPER_PROMOTER,
	TIER_DOWN,
	TIER_UP,
	UPSELL_READY,
	WHALE_ORDER,
	WON_BACK,
)

# The customer had not ordered since a day that the event remembers.
QUIET_SIGNALS = (BECAME_DORMANT, BECAME_LOST, SLEEP_WARNING, SILENT_POTENTIAL)


@dataclass(frozen=True)
class Fired:
	"""A signal in the ledger: on which day it fired and what it was counted from.

	`period` is that of its key, `read_at` the moment from which on the documents were read.
	"""

	signal: str
	period: str
	as_of: date
	last_order_date: date | None
	old_tier: str | None = None
	new_tier: str | None = None
	read_at: datetime = datetime.max


@dataclass(frozen=True)
class Known:
	"""A document as it stands today; `is_order` is False for one that its returns have undone.

	`entered` is when it was submitted; `gone_at` is when one that counts no more, like a cancelled one, was touched last.
	`original` is what it was amended from, in the end, and `counted_at` when somebody first looked who could know of that.
	"""

	name: str
	day: date
	money: Decimal
	is_order: bool
	entered: datetime = datetime.min
	gone_at: datetime | None = None
	original: str | None = None
	counted_at: datetime | None = None

	def was_counted_before(self, moment: datetime) -> bool:
		return self.counted_at is not None and self.counted_at < moment

	def was_known_at(self, moment: datetime) -> bool:
		return self.entered <= moment and (self.gone_at is None or self.gone_at > moment)


def is_void(
	fired: Fired, documents: list[Known], policy: Policy, today: date, of_friends: Sequence[Known] = ()
) -> bool:
	"""Whether, by the documents that exist today, the signal would not have fired on its day.

	By the `policy` that it fired by. For a tier signal `documents` are those of the whole group that the customer is tiered with `today`; `of_friends` are
	those of the customers whom it referred. Documents that are gone may be among them. Signals that the documents say
	nothing about, like a key date, are never void.
	"""
	if fired.signal not in SIGNALS or not SIGNALS[fired.signal].void:
		return False
	if fired.signal in (TIER_UP, TIER_DOWN):
		return _tier_was_other(fired, documents, policy, today)
	documents, of_friends = _standing(documents), _standing(of_friends)
	orders = [document for document in documents if document.is_order]
	since = fired.last_order_date
	if fired.signal in QUIET_SIGNALS:
		days = [order.day for order in orders if order.day < fired.as_of]
		return any(day > since for day in days) or not days if since else bool(days)
	if fired.signal == FIRST_ORDER:
		first = min((order.day for order in orders), default=None)
		return first is None or first <= policy.asleep_since(fired.as_of) or _counted_before(fired, orders)
	if fired.signal == WON_BACK:
		awake = [order for order in orders if order.day > policy.asleep_since(fired.as_of)]
		return not awake or len(awake) == len(orders) or _counted_before(fired, awake)
	if fired.signal == WHALE_ORDER:
		return all(fired.period not in (order.name, order.original) for order in orders)
	if fired.signal == UPSELL_READY:
		recent = _money(documents, fired.as_of, policy.upsell_months)
		return not is_upsell_ready(_facts(recent_value=recent), policy).all()
	if fired.signal == DECLINING:
		return not is_declining(_facts(**_spend(documents, fired.as_of, policy)), policy).all()
	if fired.signal == SUPER_PROMOTER:
		own, referred = (_money(each, fired.as_of, policy.window_months) for each in (documents, of_friends))
		return not (
			referred > 0 and 100 * referred >= Decimal(str(policy.promoter_percent)) * max(own, Decimal(0))
		)
	raise NotImplementedError(fired.signal)


def _counted_before(fired: Fired, orders: Sequence[Known]) -> bool:
	"""Whether one of these orders, or what it was amended from, was no news when the signal fired."""
	return any(order.was_counted_before(fired.read_at) for order in orders)


def _tier_was_other(fired: Fired, documents: list[Known], policy: Policy, today: date) -> bool:
	"""What was known then made the tier, and what is known now doesn't.

	Who was in the group then is unknown: where today's members don't explain the signal, they can't take it back. A way
	up that the money is worth today, if not then, stays: its order was replaced by another.
	"""
	tiers = {tier.name: tier for tier in policy.tiers}
	up = fired.signal == TIER_UP
	tier = tiers.get(fired.new_tier if up else fired.old_tier)
	if not tier:
		return False
	limit = Decimal(str(tier.entry_value if up else tier.keep_from))

	def makes_it(which: Sequence[Known], day: date) -> bool:
		return (_money(which, day, policy.window_months) >= limit) is up

	known_then = [document for document in documents if document.was_known_at(fired.read_at)]
	known_now = _standing(documents)
	still = makes_it(known_now, fired.as_of) or (up and makes_it(known_now, today))
	return makes_it(known_then, fired.as_of) and not still


def _standing(documents: Sequence[Known]) -> list[Known]:
	return [document for document in documents if document.gone_at is None]


def _money(documents: Sequence[Known], day: date, months: int) -> Decimal:
	"""What was in a window of so many months on that day."""
	counting = (
		document.money
		for document in documents
		if document.day <= day < leaves_window_on(document.day, months)
	)
	return sum(counting, Decimal(0))


def _spend(documents: Sequence[Known], day: date, policy: Policy) -> dict[str, Decimal]:
	"""By the name of its column what a whole calendar month before that day brought."""
	spend = {f"spend_{months}": Decimal(0) for months in range(1, policy.decline_months + 2)}
	for document in documents:
		months = 12 * (day.year - document.day.year) + day.month - document.day.month
		if f"spend_{months}" in spend:
			spend[f"spend_{months}"] += document.money
	return spend


def _facts(**figures: Decimal) -> pd.DataFrame:
	"""One customer's, as the definitions of the signals take them."""
	return pd.DataFrame({name: [float(figure)] for name, figure in figures.items()})
