"""What is taken back with rules that were undone: the moves and the signals that nothing but they brought about."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from functools import cached_property

import frappe
import pandas as pd

from customer_tiering.engine.conditions import sleep_warning_days
from customer_tiering.engine.policy import ASLEEP, Policy, Tier
from customer_tiering.engine.signals import (
	BECAME_DORMANT,
	BECAME_LOST,
	KEY_DATE,
	SILENT_POTENTIAL,
	SLEEP_WARNING,
	TIER_DOWN,
	TIER_UP,
	WHALE_ORDER,
	WON_BACK,
	YEARLY_PATTERN,
)
from customer_tiering.engine.voids import Known
from customer_tiering.tiering.as_if_never import Restored, Way
from customer_tiering.tiering.evidence import EVENT, Evidence
from customer_tiering.tiering.judgement import Judgement
from customer_tiering.tiering.orders import Orders
from customer_tiering.tiering.signals import FIRING_CAUSES, signal_period
from customer_tiering.tiering.tried import Tried
from customer_tiering.tiering.voids import COLUMNS

ASLEEP_AS = {BECAME_DORMANT: "Dormant", BECAME_LOST: "Lost"}
NO_VOIDS = pd.DataFrame(columns=COLUMNS)


@dataclass(frozen=True)
class TakenBack:
	"""What a run takes back of rules that were undone; nothing, without any.

	`tiers` and `stages` say where those stood, or came since and were heard of, whom the rules may have put elsewhere; `met` are
	who ordered meanwhile; `voids` signals that would not have come (columns COLUMNS).
	"""

	tried: Tried | None = None
	tiers: dict[str, str | None] = field(default_factory=dict)
	stages: dict[str, str | None] = field(default_factory=dict)
	met: frozenset[str] = frozenset()
	voids: pd.DataFrame = field(default_factory=NO_VOIDS.copy)

	@property
	def stood(self) -> dict[str, dict[str, str | None]]:
		"""By the decision of a Tiering Event."""
		return {"Tier": self.tiers, "Stage": self.stages}

	@cached_property
	def keys(self) -> frozenset[str]:
		"""Of the signals, which may come again for real."""
		return frozenset(self.voids["signal_key"])


def touched(tried: Tried, met: Collection[str], facts: pd.DataFrame, policy: Policy) -> set[str]:
	"""Whose tier may stand otherwise than if the rules had never been tried: whom a run has moved since; who ordered and so may
	have come up again from where it was not let fall; and who is below the keep value, where nothing tells whether that began
	anew."""
	moved = frappe.db.sql(
		"SELECT DISTINCT customer FROM `tabTiering Event` WHERE run >= %s AND decision = 'Tier'",
		tried.first.name,
		pluck=True,
	)
	money = facts["annual_value"].groupby(facts["root"]).transform("sum")
	keep = facts["current_tier"].map({tier.name: tier.keep_from for tier in policy.tiers})
	return {*facts.index[facts.index.isin({*moved, *met}) | (money < keep.astype("float64"))]}


def with_stages(facts: pd.DataFrame, stages: Mapping[str, str | None]) -> pd.DataFrame:
	"""The facts as if these customers stood in these stages."""
	if not stages:
		return facts
	stood = pd.Series(stages, dtype=object).reindex(facts.index)
	return facts.assign(current_stage=facts["current_stage"].mask(facts.index.isin(list(stages)), stood))


def stages_before(tried: Tried, policy: Policy, gone: Collection[str]) -> dict[str, str | None]:
	"""By customer: the stage before the rules were tried, or to which days and orders would have brought it since; but for
	what signals that are void, or `gone` now, tell of."""
	stages: dict[str, str | None] = {}
	by_name = {stage.name: stage for stage in policy.stages}
	for customer, old, new, cause, as_of, last_order, key, void in frappe.db.sql(
		"""SELECT event.customer, event.old_value, event.new_value, event.cause, event.as_of, event.last_order_date,
			event.signal_key, void.name
		FROM `tabTiering Event` event LEFT JOIN `tabTiering Event` void ON void.voids = event.signal_key
		WHERE event.run >= %s AND event.decision = 'Stage' AND event.merged_from IS NULL ORDER BY event.name""",
		tried.first.name,
	):
		stood = by_name.get(stages.setdefault(customer, old))
		stage = by_name.get(new)
		if cause not in FIRING_CAUSES or not stage or void or key in gone:
			continue
		if stage.meaning in ASLEEP:
			came = last_order and (as_of - last_order).days >= stage.min_days_since_order
		else:
			woke = not stood or stood.never_ordered or stood.meaning in ASLEEP
			came = key or stage.never_ordered or not woke
		if came:
			stages[customer] = new
	return stages


def _stages_first(tried: Tried) -> dict[str, str | None]:
	"""Where they stood before whatever moved them first since."""
	rows = frappe.db.sql(
		"""SELECT customer, old_value FROM `tabTiering Event`
		WHERE run >= %s AND decision = 'Stage' AND merged_from IS NULL ORDER BY name DESC""",
		tried.first.name,
	)
	return dict(rows)


def ordered_since(tried: Tried, policy: Policy) -> frozenset[str]:
	"""Who has documents that came, or were touched, after the rules were tried first."""
	orders = Orders(policy.orders_from)
	return frozenset(
		frappe.db.sql(
			f"""SELECT DISTINCT document.customer FROM {orders.table} document
			WHERE document.modified >= %s AND document.docstatus IN (1, 2)""",
			tried.first.started_at,
			pluck=True,
		)
	)


def with_signals(
	undone: TakenBack,
	facts: pd.DataFrame,
	judged: Judgement,
	back: Mapping[str, Restored],
	evidence: Evidence,
	gone: Collection[str],
) -> TakenBack:
	"""Also what became of signals: those of runs by the undone rules that would not have come without them, and keys that
	these used up, are void, but for those that are `gone` for another reason."""
	tried = undone.tried
	rows = frappe.db.sql(
		f"""SELECT {EVENT}, event.detail, event.annual_value
		FROM `tabTiering Event` event LEFT JOIN `tabTiering Run` run ON run.name = event.run
		WHERE event.run >= %s AND event.signal_key IS NOT NULL
			AND NOT EXISTS (SELECT 1 FROM `tabTiering Event` void WHERE void.voids = event.signal_key)
		ORDER BY event.name""",
		tried.first.name,
		as_dict=True,
	)
	known = frozenset(facts.index)
	rows = [row for row in rows if row.customer in known and row.signal_key not in gone]
	won_back = {row.customer for row in rows if row.signal == WON_BACK}
	judge = _Judge(tried, facts, judged, back, evidence, evidence.orders_of(won_back))
	void = [row for row in rows if judge.is_void(row)]
	asked = [row for row in rows if judge.says_nothing(row)]
	void += evidence.gone_by(asked, evidence.policy) if asked else []
	keys = {row.signal_key for row in void}
	heard = {
		row.customer: row.new_value for row in rows if row.decision == "Tier" and row.signal_key not in keys
	}
	tiers = {name: heard.get(name, each.stood) for name, each in back.items()}
	voids = pd.DataFrame([[row[column] for column in COLUMNS] for row in void], columns=COLUMNS)
	return replace(undone, tiers=tiers, voids=voids)


class _Judge:
	"""Whether a signal would have come by the rules of now: told from what holds today, and from what the ledger says of its day."""

	def __init__(
		self,
		tried: Tried,
		facts: pd.DataFrame,
		judged: Judgement,
		back: Mapping[str, Restored],
		evidence: Evidence,
		orders: Mapping[str, list[Known]],
	) -> None:
		self.orders = orders
		self.policy, self.first, self.back = evidence.policy, tried.first, back
		columns = (judged.conditions[name] for name in ("customer", "signal", "period"))
		self.holds = frozenset(zip(*columns, strict=True))
		self.warned_after = sleep_warning_days(facts, self.policy)
		self.meanings = {stage.name: stage.meaning for stage in self.policy.stages}
		self.stages_first = _stages_first(tried)

	def is_void(self, event: frappe._dict) -> bool:
		if event.decision == "Signal":
			if event.cause not in (*FIRING_CAUSES, "Edit"):
				return True
			if self._holds(event):
				return False
		judge = JUDGES.get(event.signal)
		return judge is not None and not judge(self, event)

	def says_nothing(self, event: frappe._dict) -> bool:
		"""Of which only the documents can tell."""
		return (
			event.signal not in JUDGES and event.cause in (*FIRING_CAUSES, "Edit") and not self._holds(event)
		)

	def _holds(self, event: frappe._dict) -> bool:
		period = signal_period(event.signal_key, event.customer, event.signal)
		return (event.customer, event.signal, period) in self.holds

	def _warned(self, event: frappe._dict) -> bool:
		return bool(_recency(event) >= self.warned_after.get(event.customer, 0))

	def _silent(self, event: frappe._dict) -> bool:
		return 0 < self.policy.silent_days <= _recency(event)

	def _asleep(self, event: frappe._dict) -> bool:
		"""By then, and not already before the rules were tried."""
		meaning = ASLEEP_AS[event.signal]
		before = self.meanings.get(self.stages_first.get(event.customer)) == meaning
		since = [stage.min_days_since_order for stage in self.policy.stages if stage.meaning == meaning]
		slept_before = before and any(_recency(event, self.first.as_of) >= days for days in since)
		return any(_recency(event) >= days for days in since) and not slept_before

	def _woke(self, event: frappe._dict) -> bool:
		"""From a sleep since the order before."""
		before = [
			order.day
			for order in self.orders[event.customer]
			if order.day < event.last_order_date and order.entered <= event.read_at
		]
		return bool(before) and max(before) <= self.policy.asleep_since(event.last_order_date)

	def _is_whale(self, event: frappe._dict) -> bool:
		return False  # those that are one still are found among what holds

	def _expected(self, event: frappe._dict) -> bool:
		return self.policy.pattern_years > 0 and _comes_in(event, self.policy.pattern_lead_days)

	def _comes_round(self, event: frappe._dict) -> bool:
		return _comes_in(event, self.policy.key_date_lead_days)

	def _moved(self, event: frappe._dict) -> bool:
		"""Into the tier, on the same way up or down, on whichever day since."""
		restored = self.back.get(event.customer)
		tiers = {tier.name: tier for tier in self.policy.tiers}
		if not restored:  # in a tier that was set by hand since
			money, up = event.annual_value, event.signal == TIER_UP
			tier = tiers.get(event.new_value if up else event.old_value)
			return not tier or (money >= tier.entry_value if up else money < tier.keep_from)
		moves = moves_of(restored.way, self.first.as_of, tiers)
		return (event.new_value, event.signal == TIER_UP) in moves


JUDGES = {
	SLEEP_WARNING: _Judge._warned,
	SILENT_POTENTIAL: _Judge._silent,
	BECAME_DORMANT: _Judge._asleep,
	BECAME_LOST: _Judge._asleep,
	WON_BACK: _Judge._woke,
	WHALE_ORDER: _Judge._is_whale,
	YEARLY_PATTERN: _Judge._expected,
	KEY_DATE: _Judge._comes_round,
	TIER_UP: _Judge._moved,
	TIER_DOWN: _Judge._moved,
}


def moves_of(way: Way, since: date, tiers: Mapping[str, Tier]) -> set[tuple[str, bool]]:
	"""Into which tiers the way leads from that day on, and whether upwards."""
	found, before = set(), way.tier_on(since - timedelta(days=1))
	for standing in way.standings:
		if standing.day < since or standing.tier == before:
			continue
		if standing.tier in tiers:
			up = before not in tiers or tiers[standing.tier].entry_value > tiers[before].entry_value
			found.add((standing.tier, up))
		before = standing.tier
	return found


def _recency(event: frappe._dict, day: date | None = None) -> int:
	return ((day or event.as_of) - event.last_order_date).days if event.last_order_date else 0


def _comes_in(event: frappe._dict, days: int) -> bool:
	"""Whether the day that the signal is about came within so many days of when it fired."""
	try:
		return date.fromisoformat(event.detail) - timedelta(days=days) <= event.as_of
	except (TypeError, ValueError):
		return True
