"""Which changes are signals: what follow-ups and sequences react to."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

import frappe

if TYPE_CHECKING:
	import pandas as pd

FIRST_ORDER = "First Order"
BECAME_DORMANT = "Became Dormant"
BECAME_LOST = "Became Lost"
WON_BACK = "Won Back"
TIER_UP = "Tier Up"
TIER_DOWN = "Tier Down"

# Only what an order or the passing of time brought about starts anything.
FIRING_CAUSES = ("Order", "Time")

TIER_QUIET_DAYS = 90

CHUNK = 2000


@dataclass(frozen=True)
class Signal:
	"""A named signal and the period in which a customer can have it only once."""

	name: str
	period: str

	def key(self, customer: str) -> str:
		return f"{customer}|{self.name}|{self.period}"


def stage_signal(old: str | None, new: str | None, last_order: date | None) -> Signal | None:
	"""The signal of a change between stage meanings; its period is the order that it is counted from."""
	asleep = ("Dormant", "Lost")
	if new == "Dormant":
		return Signal(BECAME_DORMANT, str(last_order))
	if new == "Lost":
		return Signal(BECAME_LOST, str(last_order))
	if old in asleep and new not in (*asleep, "Lead", None):
		return Signal(WON_BACK, str(last_order))
	if old in (None, "Lead") and new not in ("Lead", None):
		return Signal(FIRST_ORDER, str(last_order))
	return None


def tier_signal(old: str | None, new: str | None, entry: Mapping[str, float], as_of: date) -> Signal | None:
	"""Up or down the tiers; the caller drops one that the customer had for this tier within TIER_QUIET_DAYS."""
	if old not in entry or new not in entry:
		return None
	return Signal(TIER_UP if entry[new] > entry[old] else TIER_DOWN, f"{new}|{as_of}")


def new_conditions(conditions: "pd.DataFrame") -> "pd.DataFrame":
	"""Those that the ledger doesn't have yet. Columns customer, signal, period, detail."""
	columns = (conditions[name] for name in ("customer", "signal", "period"))
	keys = [Signal(signal, period).key(customer) for customer, signal, period in zip(*columns, strict=True)]
	known = set()
	for start in range(0, len(keys), CHUNK):
		wanted = {"signal_key": ("in", keys[start : start + CHUNK])}
		known.update(frappe.get_all("Tiering Event", filters=wanted, pluck="signal_key"))
	return conditions.loc[[key not in known for key in keys]]
