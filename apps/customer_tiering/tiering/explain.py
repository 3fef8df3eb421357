"""Why a customer is in its tier: every document that counts or doesn't, the sum, the bands, and what time will change."""

import json
from collections.abc import Collection, Iterator
from dataclasses import asdict, dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

import frappe
from frappe import _
from frappe.utils import format_date, getdate

from customer_tiering.engine.policy import Policy, Tier
from customer_tiering.tiering.customer import stored_name
from customer_tiering.tiering.groups import members_of
from customer_tiering.tiering.orders import smallest_unit
from customer_tiering.tiering.policy import read_policy

if TYPE_CHECKING:
	import pandas as pd

	from customer_tiering.engine.replay import Entry, Standing
	from customer_tiering.tiering.documents import Document

# How far ahead, in days, coming changes are looked for.
AHEAD = 400


@dataclass(frozen=True)
class Line:
	"""A document: its money in the reporting currency, whether the sum has it, and why or why not.

	`own` is its net total in `own_currency`, that of the company, `cost` what its items cost where the margin counts, and
	`rate` the exchange rate that was used, None where none was needed or there is none; then `money` is 0.
	"""

	name: str
	customer: str
	company: str
	day: date
	kind: str
	own: Decimal
	own_currency: str
	cost: Decimal | None
	rate: Decimal | None
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
class ByHand:
	"""A tier set by hand, the customer on whom it is set, and the first day on which it doesn't hold any more (None: no end)."""

	customer: str
	tier: str
	ends: date | None

	def holds_on(self, day: date) -> bool:
		return not self.ends or day < self.ends


@dataclass(frozen=True)
class Explanation:
	"""All that a tier follows from, as of a day, in the reporting currency.

	`tier` is what the documents say under today's rules; `decided` is what the ledger says was decided by that day, and
	`rule_version` the version of the rules used here. `lines`, of documents of the kind `doctype`, add up to `money`, to
	the cent, where they count. A customer that is tiered together with others has them all in `members`, the one they roll
	up to first, and all their lines. `overridden` is a tier set by hand, on the customer `overridden_at`, with
	its reason and last day where they are known. Who isn't tiered at
	all has the reason in `not_tiered`. `pending` says that something has happened which no run has looked at yet. `kept` says why and until when a tier is kept that the money is too little for. `voice` says why the churn risk is one level higher than the silence makes it.
	"""

	customer: str
	as_of: date
	currency: str
	rule_version: str
	doctype: str
	not_tiered: str | None
	members: tuple[str, ...]
	tier: str | None
	decided: str | None
	overridden: str | None
	overridden_at: str | None
	override_reason: str | None
	override_until: date | None
	money: Decimal
	lines: tuple[Line, ...]
	bands: tuple[Tier, ...]
	next_up: str | None
	gap_up: Decimal | None
	room_down: Decimal | None
	next_down: str | None
	pending: bool
	kept: str | None
	changes: tuple[Change, ...]
	voice: tuple[str, ...]

	def without(self, hidden: Collection[str], companies: Collection[str] = ()) -> "Explanation":
		"""The same for somebody who may not see some of the members or companies: nothing names them.

		The documents of such members are one line, and those of the others in such companies another.
		"""
		shown, of_members, of_companies = [], [], []
		for line in self.lines:
			of = (
				of_members
				if line.customer in hidden
				else of_companies
				if line.company in companies
				else shown
			)
			of.append(line)
		if hidden:
			shown.append(
				self._together(of_members, _("Others in the group"), _("Customers that you may not see"))
			)
		if of_companies:
			shown.append(
				self._together(of_companies, _("Other companies"), _("Companies that you may not see"))
			)
		members = tuple(name for name in self.members if name not in hidden)
		at = None if self.overridden_at in hidden else self.overridden_at
		reason = self.override_reason if at else None
		return replace(self, members=members, overridden_at=at, override_reason=reason, lines=tuple(shown))

	def _together(self, lines: list[Line], kind: str, reason: str) -> Line:
		money = sum((line.money for line in lines if line.counts), Decimal(0))
		return Line(
			name="",
			customer="",
			company="",
			day=self.as_of,
			kind=kind,
			own=money,
			own_currency=self.currency,
			cost=None,
			rate=None,
			money=money,
			counts=True,
			is_order=False,
			reason=reason,
		)

	def as_dict(self) -> dict:
		"""For JSON: days as text, money as text with its cents; and in words `sentences` and `bands_in_words`."""
		values = json.loads(json.dumps(asdict(self), default=str))
		return {**values, "sentences": self.sentences(), "bands_in_words": self.bands_in_words()}

	def sentences(self) -> list[str]:
		"""What there is to say besides the tier, the money and what is to come, in the session's language."""
		return [*self._notes(), *self.voice, *self._distance_texts()]

	def bands_in_words(self) -> str:
		return " · ".join(map(self._band, self.bands))

	def as_text(self) -> str:
		"""For a terminal."""
		tier = _tier(self.tier) if self.tier else _("No tier")
		head = f"{self.customer}: {tier} ({format_date(self.as_of)}, {self._text(self.money)} {self.currency}, {self.rule_version})"
		lines = [
			f"{'+' if line.counts else ' '} {format_date(line.day)} {line.name:<24} {self._text(line.money):>16}  {line.kind}: {line.reason}"
			for line in self.lines
		]
		changes = [f"{format_date(change.day)}: {change.what}" for change in self.changes]
		return "\n".join([head, *self.sentences(), self.bands_in_words(), *lines, *changes])

	def _band(self, band: Tier) -> str:
		entry = f"{_tier(band.name)} ≥ {self._text(band.entry_value)}"
		return (
			_("{0} (kept from {1})").format(entry, self._text(band.keep_from))
			if band.keep_from < band.entry_value
			else entry
		)

	def _text(self, money: Decimal | float) -> str:
		return _amount(money, self.currency)

	def _notes(self) -> Iterator[str]:
		if self.not_tiered:
			yield self.not_tiered
		if len(self.members) > 1:
			yield _("Tiered together: {0}").format(", ".join(self.members))
		if self.overridden and self.overridden_at and self.overridden_at != self.customer:
			yield _("Tier set by hand, on {0}: {1}").format(self.overridden_at, _tier(self.overridden))
		elif self.overridden:
			yield _("Tier set by hand: {0}").format(_tier(self.overridden))
		if self.override_reason and not self.override_until:
			yield self.override_reason
		elif self.override_reason:
			yield _("Until {0}, because: {1}").format(format_date(self.override_until), self.override_reason)
		if self.pending:
			yield _("Something has happened that no run has looked at yet: the tier follows within a minute.")
		elif self.decided and self.decided != self.tier and not self.not_tiered:
			yield _(
				"The ledger says tier {0} for that day: the run knew other documents or rules, or saw the customer for the first time."
			).format(_tier(self.decided))

	def _distance_texts(self) -> Iterator[str]:
		if self.overridden:
			return
		if self.next_up:
			yield _("{0} more for tier {1}").format(self._text(self.gap_up), _tier(self.next_up))
		if self.next_down and self.room_down >= 0:
			yield _("{0} may go before the customer falls towards tier {1}.").format(
				self._text(self.room_down), _tier(self.next_down)
			)
		elif self.next_down:
			yield _("{0} are missing to keep tier {1}").format(self._text(-self.room_down), _tier(self.tier))
		if self.kept:
			yield self.kept


def explain(customer: str, as_of: date | None = None) -> Explanation:
	"""Explain one customer's tier as of a day (default today), with the groups and exchange rates of now.

	Raises DoesNotExistError for a customer that isn't there, ValidationError for a policy that can't decide.
	"""
	from customer_tiering.engine.replay import replay
	from customer_tiering.tiering.documents import entries_of, read_documents
	from customer_tiering.tiering.facts import read_facts

	customer = stored_name(customer)
	not_tiered = _not_tiered(customer)
	day, policy = as_of or getdate(), read_policy()
	members = (customer,) if not_tiered else members_of(customer)
	documents = read_documents(members, policy)
	ahead = day >= getdate()  # of a past day it isn't known what was dated later then
	entries = entries_of([document for document in documents if ahead or document.day <= day])
	own = [entries[each.name] for each in documents if each.customer == customer and each.name in entries]
	by_hand = () if not_tiered else _by_hand(customer, members[0], day)
	hand = next(iter(by_hand), None)
	until = max([day + timedelta(days=AHEAD), *(each.ends for each in by_hand if each.ends)])
	known = None if not_tiered else _known(members[0], day)
	way = replay(list(entries.values()), policy, until, known)
	now = next((standing for standing in reversed(way) if standing.day <= day), None)
	facts = None if not_tiered else read_facts(policy, day, [customer]).loc[[customer]]
	return Explanation(
		customer=customer,
		as_of=day,
		currency=policy.reporting_currency,
		rule_version=policy.rule_version,
		doctype=policy.orders_from,
		not_tiered=not_tiered,
		members=members,
		tier=None if not_tiered else _tier_on(day, way, by_hand),
		decided=_decided(customer, day),
		overridden=hand and hand.tier,
		overridden_at=hand and hand.customer,
		override_reason=hand and frappe.db.get_value("Customer", hand.customer, "tier_override_reason"),
		override_until=hand and hand.ends and hand.ends - timedelta(days=1),
		money=now.money if now else Decimal(0),
		lines=tuple(
			_line(document, entries.get(document.name), policy, day, members) for document in documents
		),
		bands=policy.tiers,
		**_distances(policy, None if not_tiered else now),
		pending=day == getdate() and bool(frappe.db.exists("Tiering Queue", {"customer": ("in", members)})),
		kept=None if not_tiered or hand else _kept(policy, now, day),
		changes=() if not_tiered else tuple(_changes(facts, way, own, policy, day, by_hand)),
		voice=() if not_tiered else tuple(_voice(facts, policy)),
	)


def _voice(facts: "pd.DataFrame", policy: Policy) -> Iterator[str]:
	"""What raised the churn risk, with the issues of now."""
	if not policy.voice_raises_risk:
		return
	from customer_tiering.engine.voice import DETRACTOR, feedback_categories

	if not facts["orders_ever"].iloc[0]:
		return
	if overdue := facts["overdue_issues"].iloc[0]:
		yield _("Churn risk is raised by one level: {0} issues should have been resolved by now.").format(
			overdue
		)
	if feedback_categories(facts, policy)[0] == DETRACTOR:
		yield _("Churn risk is raised by one level: the last feedback was {0} of 10.").format(
			int(facts["last_score"].iloc[0])
		)


def _known(head: str, day: date) -> "Standing | None":
	"""Where the runs have left the customer: since when it is in its tier and below what keeps it there.

	Documents alone don't say so: a run came later, the group was another one, or the tier was set by hand; when that ends,
	it is decided anew. None before the first run, while a tier that is set by hand has no end, and for a past day.
	"""
	from customer_tiering.engine.replay import Standing

	today = getdate()
	hand = _set_on(head, min(day, today))
	if hand and hand.ends:
		return Standing(hand.ends, Decimal(0), None, None, None)
	tier, since, below = frappe.db.get_value(
		"Customer", head, ["customer_tier", "tier_since", "below_keep_since"]
	)
	if hand or day < today or not tier:
		return None
	last = _last_tier_event(head, today)
	if last and last.cause == "Override":  # taken back, and no run has seen it yet
		return Standing(today, Decimal(0), None, None, None)
	return Standing(today, Decimal(0), tier, since, below)


def _not_tiered(customer: str) -> str | None:
	"""Why a customer is left out of account, if it is."""
	found = frappe.db.get_value("Customer", customer, ["disabled", "is_internal_customer"], as_dict=True)
	if not found:
		frappe.throw(_("There is no customer {0}.").format(customer), frappe.DoesNotExistError)
	if found.disabled:
		return _("Disabled customers are not tiered: the fields show where this one stood.")
	return _("Internal customers are not tiered.") if found.is_internal_customer else None


def _line(
	document: "Document", entry: "Entry | None", policy: Policy, day: date, members: tuple[str, ...]
) -> Line:
	from customer_tiering.engine.replay import leaves_window_on

	leaves = leaves_window_on(document.day, policy.window_months)
	said = [_reason(document, entry, leaves, day), *_worth(document, policy)]
	if len(members) > 1:
		said.append(document.customer)
	return Line(
		name=document.name,
		customer=document.customer,
		company=document.company,
		day=document.day,
		kind=_kind(document),
		own=document.own,
		own_currency=document.own_currency,
		cost=document.cost,
		rate=document.rate,
		money=document.money or Decimal(0),
		counts=bool(entry) and document.day <= day < leaves and document.money is not None,
		is_order=bool(entry) and entry.is_order_on(day),
		reason=" · ".join(said),
	)


def _kind(document: "Document") -> str:
	if document.is_return:
		return _("Return", context="Tiering")
	return _("Debit Note", context="Tiering") if document.is_debit_note else _("Order", context="Tiering")


def _reason(document: "Document", entry: "Entry | None", leaves: date, day: date) -> str:
	if document.cancelled:
		return _("Cancelled")
	if document.is_opening:
		return _("Opening entry")
	if not document.counts:
		return _("Closed before anything was billed")
	if document.day > day:
		return _("Dated later")
	if not entry:
		return _("Orders of {0} don't count").format(document.company)
	if leaves <= day:
		return _("Left the window on {0}").format(format_date(leaves))
	last_day = format_date(leaves - timedelta(days=1))
	if entry.is_order and not entry.is_order_on(day):
		return _("Counts until {0}; no order any more, its returns undid it").format(last_day)
	return _("Counts until {0}").format(last_day)


def _worth(document: "Document", policy: Policy) -> Iterator[str]:
	"""How its money came about, where that isn't just its net total."""
	own = f"{_amount(document.own, document.own_currency)} {document.own_currency}"
	if document.cost is not None:
		own = _("{0} less cost {1}").format(own, _amount(document.cost, document.own_currency))
	if document.money is None:
		yield _(
			"{0}: no exchange rate to {1} for selling is stored for that day, so its money doesn't count"
		).format(own, policy.reporting_currency)
	elif document.rate is not None and document.own_currency != policy.reporting_currency:
		yield _("{0} at {1}").format(own, f"{round(document.rate, 9).normalize():f}")
	elif document.cost is not None:
		yield own


def _tier(name: str) -> str:
	return _(name, context="Customer Tier")


def _amount(money: Decimal | float, currency: str) -> str:
	"""To the currency's smallest unit: some have thousandths."""
	return f"{money:,.{max(2, smallest_unit(currency))}f}"


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


def _kept(policy: Policy, now: "Standing | None", day: date) -> str | None:
	tier = next((each for each in policy.tiers if now and each.name == now.tier), None)
	if not tier or not now.below_keep_since:
		return None
	grace = now.below_keep_since + timedelta(days=tier.grace_days)
	dwell = now.tier_since + timedelta(days=tier.minimum_dwell_days)
	until = format_date(max(grace, dwell) - timedelta(days=1))
	if dwell > grace:
		return _("Tier {0} is kept until {1}: for at least {2} days since {3}.").format(
			_tier(tier.name), until, tier.minimum_dwell_days, format_date(now.tier_since)
		)
	return _(
		"Tier {0} is kept until {1}: {2} days of grace since the money fell below its keep value on {3}."
	).format(_tier(tier.name), until, tier.grace_days, format_date(now.below_keep_since))


def _changes(
	facts: "pd.DataFrame",
	way: list["Standing"],
	own: list["Entry"],
	policy: Policy,
	day: date,
	by_hand: tuple[ByHand, ...],
) -> Iterator[Change]:
	"""What will change by itself, soonest first, if nothing more is ordered."""
	coming = [*_tier_changes(way, day, by_hand), *_stage_changes(facts, way, own, policy, day, by_hand)]
	yield from sorted(coming, key=lambda change: change.day)


def _tier_changes(way: list["Standing"], day: date, by_hand: tuple[ByHand, ...]) -> Iterator[Change]:
	"""While a tier that was set by hand holds, nothing that becomes of the money changes it."""
	before, was, hand = _tier_on(day, way, by_hand), _standing_on(day, way), _in_force(day, by_hand)
	for when in _days_after(day, way, by_hand):
		tier, now = _tier_on(when, way, by_hand), _standing_on(when, way)
		if hand and hand.ends == when:
			yield Change(when, _end_of_hand(before, tier))
		elif tier != before:
			what = _("Tier {0} becomes {1}")
			yield Change(when, what.format(before or _("No tier"), tier or _("No tier")))
		elif not hand and now.below_keep_since and not (was and was.below_keep_since):
			yield Change(when, _("The money falls below the keep value of tier {0}").format(tier))
		before, was, hand = tier, now, _in_force(when, by_hand)


def _end_of_hand(before: str | None, after: str | None) -> str:
	if before == after:
		return _("The tier set by hand ends")
	return _("The tier set by hand ends: {0} becomes {1}").format(
		before or _("No tier"), after or _("No tier")
	)


def _stage_changes(
	facts: "pd.DataFrame",
	way: list["Standing"],
	own: list["Entry"],
	policy: Policy,
	day: date,
	by_hand: tuple[ByHand, ...],
) -> Iterator[Change]:
	"""The stages that the customer comes into, with the follow-ups and the open ToDos of now."""
	import pandas as pd

	from customer_tiering.engine.stages import decide_stages, next_stage_on

	when, stage = day, facts["current_stage"].iloc[0] if day >= getdate() else None
	stages = {each.name: each for each in policy.stages}

	def on(value: object) -> pd.Series:
		return pd.Series([value], index=facts.index, dtype=object)

	def facts_on(when: date) -> pd.DataFrame:
		"""With the orders that there are by then: some are dated later, some will be undone."""
		orders = [entry.day for entry in own if entry.is_order_on(when)]
		ends = {"first_order_date": min(orders, default=None), "last_order_date": max(orders, default=None)}
		ends = {name: pd.Series(pd.to_datetime([end]), index=facts.index) for name, end in ends.items()}
		return facts.assign(orders_ever=len(orders), **ends)

	stage = decide_stages(
		facts.assign(current_stage=on(stage)), on(_tier_on(when, way, by_hand)), policy, when
	)[0]
	while True:
		opens = next_stage_on(facts_on(when), on(_tier_on(when, way, by_hand)), on(stage), policy, when)[0]
		days = [*_days_after(when, way, by_hand), *([] if pd.isna(opens) else [opens.item()])]
		when = min((later for later in days if later > when), default=None)
		if not when or when > day + timedelta(days=AHEAD):
			return
		before = facts_on(when).assign(current_stage=on(stage))
		coming = decide_stages(before, on(_tier_on(when, way, by_hand)), policy, when)[0]
		if coming != stage:
			rules = stages.get(coming)
			waits = rules and (rules.quiet_days or rules.no_open_follow_up)
			what = _("Stage {0}, unless somebody follows up") if waits else _("Stage {0}")
			yield Change(when, what.format(_(coming, context="Lifecycle Stage")))
			stage = coming


def _days_after(day: date, way: list["Standing"], by_hand: tuple[ByHand, ...]) -> list[date]:
	"""The days on which the documents, or the end of a tier set by hand, may change something."""
	days = {*(standing.day for standing in way), *(hand.ends for hand in by_hand if hand.ends)}
	return sorted(later for later in days if later > day)


def _tier_on(day: date, way: list["Standing"], by_hand: tuple[ByHand, ...]) -> str | None:
	"""The tier on a coming day: the one set by hand while that lasts, else that of the documents."""
	hand, standing = _in_force(day, by_hand), _standing_on(day, way)
	return hand.tier if hand else standing and standing.tier


def _in_force(day: date, by_hand: tuple[ByHand, ...]) -> ByHand | None:
	return next((hand for hand in by_hand if hand.holds_on(day)), None)


def _standing_on(day: date, way: list["Standing"]) -> "Standing | None":
	return next((standing for standing in reversed(way) if standing.day <= day), None)


def _by_hand(customer: str, head: str, day: date) -> tuple[ByHand, ...]:
	"""The tiers set by hand that hold for the customer on that day: its own wins over that of its group's head."""
	own, heads = _set_on(customer, day), _set_on(head, day) if head != customer else None
	if own and head != customer and day < getdate() and _is_heads(own, head, day):
		own = None
	return tuple(hand for hand in (own, heads) if hand)


def _is_heads(own: ByHand, head: str, day: date) -> bool:
	"""Whether it is the head's: a member carries the head's tier, so its ledger has the head's override, too."""
	last = _last_tier_event(head, day)
	return (
		last is not None
		and (last.cause, last.new_value) == ("Override", own.tier)
		and frappe.db.get_value("Customer", own.customer, "tier_override") != own.tier
	)


def _set_on(customer: str, day: date) -> ByHand | None:
	"""What the customer says for today, and for a past day what the ledger says was so."""
	tier, until = frappe.db.get_value("Customer", customer, ["tier_override", "tier_override_until"])
	if until and until < day:
		return None
	if day < getdate():
		last = _last_tier_event(customer, day)
		tier = last.new_value if last and last.cause == "Override" else None
	elif tier and not frappe.db.exists("Customer Tier", tier):
		return None
	ends = until + timedelta(days=1) if until and until < date.max else None
	return ByHand(customer, tier, ends) if tier else None


def _decided(customer: str, day: date) -> str | None:
	"""The tier that the ledger says the customer had at the end of that day."""
	last = _last_tier_event(customer, day)
	return last.new_value if last else None


def _last_tier_event(customer: str, day: date) -> frappe._dict | None:
	events = frappe.get_all(
		"Tiering Event",
		filters={
			"customer": customer,
			"decision": "Tier",
			"as_of": ("<=", day),
			"merged_from": ("is", "not set"),
		},
		fields=["new_value", "cause"],
		order_by="name desc",
		limit=1,
	)
	return events[0] if events else None
