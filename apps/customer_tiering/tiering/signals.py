"""Which changes are signals: what follow-ups and sequences react to."""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from customer_tiering.engine.policy import ASLEEP
from customer_tiering.engine.signals import (
	BECAME_DORMANT,
	BECAME_LOST,
	FIRST_ORDER,
	TIER_DOWN,
	TIER_UP,
	WON_BACK,
)
from customer_tiering.tiering.chunks import rows_of

if TYPE_CHECKING:
	import pandas as pd

# Only what an order or the passing of time brought about starts anything.
FIRING_CAUSES = ("Order", "Time")

TIER_QUIET_DAYS = 90

# What is put behind the key of a signal that comes again after it was taken back.
AGAIN = re.compile(r"\|[0-9]+$")


@dataclass(frozen=True)
class Signal:
	"""A named signal and the period in which a customer can have it only once."""

	name: str
	period: str

	def key(self, customer: str) -> str:
		return f"{customer}|{self.name}|{self.period}"


def stage_signal(old: str | None, new: str | None, last_order: date | None) -> Signal | None:
	"""The signal of a change between stage meanings; its period is the order that it is counted from."""
	if new == "Dormant":
		return Signal(BECAME_DORMANT, str(last_order))
	if new == "Lost":
		return Signal(BECAME_LOST, str(last_order))
	if old in ASLEEP and new not in (*ASLEEP, "Lead", None):
		return Signal(WON_BACK, str(last_order))
	if old in (None, "Lead") and new not in ("Lead", None):
		return Signal(FIRST_ORDER, str(last_order))
	return None


def tier_signal(old: str | None, new: str | None, entry: Mapping[str, float], as_of: date) -> Signal | None:
	"""Up or down the tiers; the caller drops one that the customer had for this tier within TIER_QUIET_DAYS."""
	if old not in entry or new not in entry:
		return None
	return Signal(TIER_UP if entry[new] > entry[old] else TIER_DOWN, f"{new}|{as_of}")


def signal_period(key: str, customer: str, signal: str) -> str:
	"""The period that a key of the ledger is for, whichever time it is that the signal came in it."""
	return AGAIN.sub("", key.removeprefix(f"{customer}|{signal}|"))


def free_keys(keys: Collection[str], taken_back: Collection[str] = ()) -> dict[str, str]:
	"""Under which key each of these signals can stand in the ledger; those that it has already are left out.

	A signal that was taken back, like that of an order which was cancelled and amended, may come again under a next key;
	those of the keys `taken_back` are being taken back now.
	"""
	free: dict[str, str] = {}
	wanted, number = {key: key for key in keys}, 1
	while wanted:
		known = _in_ledger("signal_key", sorted(wanted.values()))
		void = _in_ledger("voids", sorted(known)) | known.intersection(taken_back)
		free |= {key: each for key, each in wanted.items() if each not in known}
		number += 1
		wanted = {key: f"{key}|{number}" for key, each in wanted.items() if each in void}
	return free


def taken_back_before(customers: Collection[str]) -> frozenset[tuple[str, str, str]]:
	"""Customer, signal and tier of the ways up and down that these customers had and that were taken back since."""
	query = """SELECT event.customer, event.signal, event.new_value FROM `tabTiering Event` event
		JOIN `tabTiering Event` void ON void.voids = event.signal_key
		WHERE event.customer IN %(names)s AND event.decision = 'Tier'"""
	return frozenset((row.customer, row.signal, row.new_value) for row in rows_of(query, customers))


def slept_before(customers: Collection[str]) -> frozenset[tuple[str, str, date]]:
	"""Customer, stage and last order of what these customers came to be without a signal: asleep before anybody looked."""
	query = """SELECT customer, new_value, last_order_date, MAX(`signal`) AS told FROM `tabTiering Event`
		WHERE customer IN %(names)s AND decision = 'Stage' AND last_order_date IS NOT NULL
		GROUP BY customer, new_value, last_order_date HAVING told IS NULL"""
	return frozenset((row.customer, row.new_value, row.last_order_date) for row in rows_of(query, customers))


def _in_ledger(column: str, keys: Sequence[str]) -> set[str]:
	"""In plain SQL: by the ten thousand the framework's own query spends longer on quoting than the database on finding."""
	query = f"SELECT {column} FROM `tabTiering Event` WHERE {column} IN %(names)s"
	return {row[column] for row in rows_of(query, keys)}


def new_conditions(conditions: "pd.DataFrame", taken_back: Collection[str] = ()) -> "pd.DataFrame":
	"""Those that the ledger doesn't have yet, or whose keys are `taken_back` now. Columns customer, signal, period, detail, signal_key."""
	columns = (conditions[name] for name in ("customer", "signal", "period"))
	keys = [Signal(signal, period).key(customer) for customer, signal, period in zip(*columns, strict=True)]
	free = free_keys(keys, taken_back)
	return conditions.assign(signal_key=[free.get(key) for key in keys]).dropna(subset="signal_key")
