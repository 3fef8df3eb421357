"""Which signals have lost their cause: the order was cancelled or undone, or a document was dated back."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from customer_tiering.engine.conditions import SUPER_PROMOTER
from customer_tiering.engine.policy import Policy
from customer_tiering.engine.replay import leaves_window_on

# The customer had not ordered since a day that the event remembers.
QUIET_SIGNALS = ("Became Dormant", "Became Lost", "Sleep Warning", "Silent Potential")
# The customer ordered on a day that the event remembers.
ORDER_DAY_SIGNALS = ("First Order", "Won Back")


@dataclass(frozen=True)
class Fired:
	"""A signal in the ledger: on which day it fired and what it was counted from. `period` is that of its key."""

	signal: str
	period: str
	as_of: date
	last_order_date: date | None
	old_tier: str | None = None
	new_tier: str | None = None


@dataclass(frozen=True)
class Known:
	"""A document as it stands today; `is_order` is False for one that its returns have undone."""

	name: str
	day: date
	money: Decimal
	is_order: bool


def is_void(fired: Fired, documents: list[Known], policy: Policy, of_friends: Sequence[Known] = ()) -> bool:
	"""Whether, by the documents that exist today, the signal would not have fired on its day.

	For a tier signal `documents` are those of the whole group that the customer is tiered with; `of_friends` are those of
	the customers whom it referred. Signals that the
	documents say nothing about, like a key date, are never void.
	"""
	orders = [document for document in documents if document.is_order]
	since = fired.last_order_date
	if fired.signal in QUIET_SIGNALS:
		return any((since is None or since < order.day) and order.day < fired.as_of for order in orders)
	if fired.signal in ORDER_DAY_SIGNALS:
		return all(order.day != since for order in orders)
	if fired.signal == "Whale Order":
		return all(order.name != fired.period for order in orders)
	if fired.signal in ("Tier Up", "Tier Down"):
		return _tier_was_other(fired, documents, policy)
	if fired.signal == SUPER_PROMOTER:
		own, referred = (_money(fired, each, policy) for each in (documents, of_friends))
		return not (
			referred > 0 and 100 * referred >= Decimal(str(policy.promoter_percent)) * max(own, Decimal(0))
		)
	return False


def _tier_was_other(fired: Fired, documents: list[Known], policy: Policy) -> bool:
	tiers = {tier.name: tier for tier in policy.tiers}
	up = fired.signal == "Tier Up"
	tier = tiers.get(fired.new_tier if up else fired.old_tier)
	if not tier:
		return False
	money = _money(fired, documents, policy)
	return money < Decimal(str(tier.entry_value)) if up else money >= Decimal(str(tier.keep_from))


def _money(fired: Fired, documents: Sequence[Known], policy: Policy) -> Decimal:
	"""What was in the window on the signal's day."""
	return sum(
		(
			document.money
			for document in documents
			if document.day <= fired.as_of < leaves_window_on(document.day, policy.window_months)
		),
		Decimal(0),
	)
