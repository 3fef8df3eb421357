"""Why a customer is in its tier: every document that counts or doesn't, the sum, the bands, and what time will change."""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

import frappe
from frappe import _
from frappe.utils import format_date, getdate

from customer_tiering.engine.policy import Policy, Tier
from customer_tiering.tiering.policy import counted_companies, read_policy

if TYPE_CHECKING:
	from customer_tiering.engine.replay import Entry, Standing

# How far ahead, in days, coming changes are looked for.
AHEAD = 400


@dataclass(frozen=True)
class Line:
	"""A document: its money in the reporting currency, whether the sum has it, and why or why not."""

	name: str
	day: date
	kind: str
	money: Decimal
	counts: bool
	is_order: bool
	reason: str


@dataclass(frozen=True)
class Change:
	"""What the passing of time alone will change, and when."""

	day: date
	what: str


@dataclass(frozen=True)
class Explanation:
	"""All that a tier follows from, as of a day, in the reporting currency.

	`tier` is what the documents say under today's rules; `decided` is what the ledger says was decided by that day, and
	`rule_version` the version of the rules used here. `lines` with counts add up to `money`, to the cent.
	"""

	customer: str
	as_of: date
	currency: str
	rule_version: str
	tier: str | None
	decided: str | None
	overridden: str | None
	money: Decimal
	lines: tuple[Line, ...]
	bands: tuple[Tier, ...]
	next_up: str | None
	gap_up: Decimal | None
	room_down: Decimal | None
	next_down: str | None
	changes: tuple[Change, ...]

	def as_dict(self) -> dict:
		"""For JSON: days as text, money as text with its cents."""
		return json.loads(json.dumps(asdict(self), default=str))

	def as_text(self) -> str:
		"""For a terminal."""
		tier = self.tier or _("No tier")
		head = (
			f"{self.customer}: {tier} ({self.as_of}, {self.money:,.2f} {self.currency}, {self.rule_version})"
		)
		lines = [
			f"{'+' if line.counts else ' '} {line.day} {line.name:<24} {line.money:>16,.2f}  {line.kind}: {line.reason}"
			for line in self.lines
		]
		bands = " · ".join(f"{band.name} ≥ {band.entry_value:,.2f}" for band in self.bands)
		changes = [f"{change.day}: {change.what}" for change in self.changes]
		return "\n".join([head, *self._notes(), bands, *lines, *self._distance_texts(), *changes])

	def _notes(self) -> Iterator[str]:
		if self.overridden:
			yield _("Tier set by hand: {0}").format(self.overridden)
		if self.decided and self.decided != self.tier:
			yield _(
				"The ledger says tier {0} for that day: the run knew other documents or rules, or saw the customer for the first time."
			).format(self.decided)

	def _distance_texts(self) -> Iterator[str]:
		if self.overridden:
			return
		if self.next_up:
			yield _("{0} more for tier {1}").format(f"{self.gap_up:,.2f}", self.next_up)
		if self.next_down and self.room_down >= 0:
			yield _("{0} may go before tier {1} is lost").format(f"{self.room_down:,.2f}", self.tier)
		elif self.next_down:
			yield _("{0} are missing to keep tier {1}").format(f"{-self.room_down:,.2f}", self.tier)


def explain(customer: str, as_of: date | None = None) -> Explanation:
	"""Explain one customer's tier as of a day (default today).

	Raises DoesNotExistError for a customer that isn't there, ValidationError for a policy that can't decide.
	"""
	from customer_tiering.engine.replay import replay

	if not frappe.db.exists("Customer", customer):
		frappe.throw(_("There is no customer {0}.").format(customer), frappe.DoesNotExistError)
	day, policy = as_of or getdate(), read_policy()
	documents = _documents(customer)
	entries = _entries([document for document in documents if document.posting_date <= day], policy)
	way = replay(list(entries.values()), policy, day + timedelta(days=AHEAD))
	now = next((standing for standing in reversed(way) if standing.day <= day), None)
	override = _override(customer, day)
	return Explanation(
		customer=customer,
		as_of=day,
		currency=policy.reporting_currency,
		rule_version=policy.rule_version,
		tier=override or (now and now.tier),
		decided=_decided(customer, day),
		overridden=override,
		money=now.money if now else Decimal(0),
		lines=tuple(_line(document, entries.get(document.name), policy, day) for document in documents),
		bands=policy.tiers,
		**_distances(policy, now),
		changes=tuple(_changes(way, entries, policy, day, _override_ends(customer, day))),
	)


def _documents(customer: str) -> list[frappe._dict]:
	"""All that were ever submitted, the newest first; cancelled ones too, to say that they don't count."""
	return frappe.get_all(
		"Sales Invoice",
		filters={"customer": customer, "docstatus": ("in", (1, 2))},
		fields=[
			"name",
			"posting_date",
			"base_net_total",
			"is_return",
			"is_debit_note",
			"return_against",
			"is_opening",
			"docstatus",
			"company",
		],
		order_by="posting_date desc, name desc",
	)


def _entries(documents: list[frappe._dict], policy: Policy) -> dict[str, "Entry"]:
	"""The documents that can count on some day, as the engine takes them."""
	from customer_tiering.engine.replay import Entry

	companies = set(counted_companies(policy))
	counting = [d for d in documents if d.docstatus == 1 and d.is_opening != "Yes" and d.company in companies]
	undone = _undone_days(counting)
	return {
		d.name: Entry(
			day=d.posting_date,
			money=_money(d),
			is_order=not d.is_return and not d.is_debit_note,
			undone_on=undone.get(d.name),
		)
		for d in counting
	}


def _undone_days(documents: list[frappe._dict]) -> dict[str, date]:
	"""The day on which the returns of an invoice came to all of it."""
	left = {d.name: _money(d) for d in documents if not d.is_return}
	undone: dict[str, date] = {}
	cent = Decimal("0.01")
	for document in sorted((d for d in documents if d.is_return), key=lambda d: d.posting_date):
		against = document.return_against
		if against in left:
			left[against] += _money(document) - cent  # as in IS_UNDONE
			if left[against] <= 0:
				undone.setdefault(against, document.posting_date)
	return undone


def _money(document: frappe._dict) -> Decimal:
	return Decimal(str(document.base_net_total))


def _line(document: frappe._dict, entry: "Entry | None", policy: Policy, day: date) -> Line:
	from customer_tiering.engine.replay import leaves_window_on

	leaves = leaves_window_on(document.posting_date, policy.window_months)
	return Line(
		name=document.name,
		day=document.posting_date,
		kind=_kind(document),
		money=_money(document),
		counts=bool(entry) and leaves > day,
		is_order=bool(entry) and entry.is_order_on(day),
		reason=_reason(document, entry, leaves, day, policy),
	)


def _kind(document: frappe._dict) -> str:
	if document.is_return:
		return _("Return", context="Tiering")
	return _("Debit Note", context="Tiering") if document.is_debit_note else _("Order", context="Tiering")


def _reason(document: frappe._dict, entry: "Entry | None", leaves: date, day: date, policy: Policy) -> str:
	if document.docstatus == 2:
		return _("Cancelled")
	if document.is_opening == "Yes":
		return _("Opening entry")
	if document.posting_date > day:
		return _("Dated later")
	if not entry:
		return _("The books of {0} are not in {1}").format(document.company, policy.reporting_currency)
	if leaves <= day:
		return _("Left the window on {0}").format(format_date(leaves))
	last_day = format_date(leaves - timedelta(days=1))
	if entry.is_order and not entry.is_order_on(day):
		return _("Counts until {0}; no order any more, its returns undid it").format(last_day)
	return _("Counts until {0}").format(last_day)


def _distances(policy: Policy, now: "Standing | None") -> dict:
	"""How much is missing to the next tier up, and how much may go before the customer falls."""
	unknown = {"next_up": None, "gap_up": None, "next_down": None, "room_down": None}
	rank = next((rank for rank, tier in enumerate(policy.tiers) if now and tier.name == now.tier), None)
	if rank is None:
		return unknown
	if rank > 0:
		above = policy.tiers[rank - 1]
		unknown |= {"next_up": above.name, "gap_up": Decimal(str(above.entry_value)) - now.money}
	if rank < len(policy.tiers) - 1:
		unknown |= {
			"next_down": policy.tiers[rank + 1].name,
			"room_down": now.money - Decimal(str(policy.tiers[rank].keep_from)),
		}
	return unknown


def _changes(
	way: list["Standing"], entries: dict[str, "Entry"], policy: Policy, day: date, override_ends: date | None
) -> Iterator[Change]:
	"""What will change by itself, soonest first, if nothing more is ordered."""
	coming = [*_tier_changes(way, day), *_stage_changes(entries, policy, day)]
	if override_ends:
		coming.append(Change(override_ends, _("The tier set by hand ends")))
	yield from sorted(coming, key=lambda change: change.day)


def _tier_changes(way: list["Standing"], day: date) -> Iterator[Change]:
	before = None
	for standing in way:
		if before and standing.day > day and (standing.tier, standing.money) != (before.tier, before.money):
			if standing.tier != before.tier:
				tier = standing.tier or _("No tier")
				yield Change(
					standing.day, _("Tier {0} becomes {1}").format(before.tier or _("No tier"), tier)
				)
			elif standing.below_keep_since and not before.below_keep_since:
				yield Change(
					standing.day, _("The money falls below the keep value of tier {0}").format(standing.tier)
				)
		before = standing


def _stage_changes(entries: dict[str, "Entry"], policy: Policy, day: date) -> Iterator[Change]:
	last = max((e.day for e in entries.values() if e.is_order_on(day)), default=None)
	for stage in policy.stages:
		if last and stage.min_days_since_order:
			reached = last + timedelta(days=stage.min_days_since_order)
			if reached > day:
				what = _("Stage {0}, unless somebody follows up") if stage.quiet_days else _("Stage {0}")
				yield Change(reached, what.format(_(stage.name, context="Lifecycle Stage")))


def _override(customer: str, day: date) -> str | None:
	"""The tier set by hand: what the customer says for today, and for a past day what the ledger says was so."""
	tier, until = frappe.db.get_value("Customer", customer, ["tier_override", "tier_override_until"])
	if until and until < day:
		return None
	if day >= getdate():
		return tier or None
	last = _last_tier_event(customer, day)
	return last.new_value if last and last.cause == "Override" else None


def _override_ends(customer: str, day: date) -> date | None:
	until = frappe.db.get_value("Customer", customer, "tier_override_until")
	return until + timedelta(days=1) if until and _override(customer, day) else None


def _decided(customer: str, day: date) -> str | None:
	"""The tier that the ledger says the customer had at the end of that day."""
	last = _last_tier_event(customer, day)
	return last.new_value if last else None


def _last_tier_event(customer: str, day: date) -> frappe._dict | None:
	events = frappe.get_all(
		"Tiering Event",
		filters={"customer": customer, "decision": "Tier", "as_of": ("<=", day)},
		fields=["new_value", "cause"],
		order_by="name desc",
		limit=1,
	)
	return events[0] if events else None
