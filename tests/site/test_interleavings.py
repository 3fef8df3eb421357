"""Whatever happens in whatever order: deciding only about whom it concerns leaves the same customers and the same ledger
as deciding about everybody, as long as the population's figures are those of one full run."""

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, timedelta

import frappe
import pytest
from frappe.utils import getdate
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from customer_tiering.tiering import queue
from tests.site import factories as make
from tests.site.factories import COMPUTED

# How many; LIVES=200 makes that many other ones each time.
LIVES = int(os.environ.get("LIVES", 5))
NAMES = ("Ann", "Ben", "Cleo", "Dora")
LEDGER = (
	*("customer", "as_of", "decision", "old_value", "new_value", "cause", "signal", "signal_key", "voids"),
	*("detail", "annual_value", "annual_orders", "last_order_date", "rule_version"),
)
PROGRAM = "Tiering Test Points"
AMOUNTS = (10, 900, 29_999.99, 30_000, 30_000.01, 120_000, 600_000)


@pytest.fixture(autouse=True)
def new_site(site: str) -> Iterator[None]:
	with make.uncommitted():
		yield


@dataclass
class World:
	"""One way to live through the events: `run` is what happens each night."""

	run: Callable[[date], object]
	today: date = field(default_factory=getdate)
	number: int = 0
	orders: list[str] = field(default_factory=list)
	gone: set[str] = field(default_factory=set)
	issues: list[str] = field(default_factory=list)

	def order(self, customer: str, amount: float, days_ago: int) -> None:
		"""A document as the database has it once it is submitted; without the accounts it is a hundred times as fast."""
		self.number += 1
		name = f"INV-{self.number:04d}"
		self.insert(name, customer, amount, self.today - timedelta(days=days_ago))
		self.orders.append(name)

	def insert(self, name: str, customer: str, amount: float, day: date, against: str | None = None) -> None:
		invoice = frappe.get_doc(
			doctype="Sales Invoice",
			name=name,
			customer=self.alive(customer),
			company=make.ensure_company(),
			posting_date=day,
			base_net_total=amount,
			docstatus=1,
			is_return=int(bool(against)),
			return_against=against,
			is_opening="No",
			is_debit_note=0,
		)
		invoice.db_insert()
		queue.on_order(invoice)

	def credit(self, which: int, share: float, days_ago: int) -> None:
		if self.orders:
			against = frappe.get_doc("Sales Invoice", self.orders[which % len(self.orders)])
			self.number += 1
			day = max(against.posting_date, self.today - timedelta(days=days_ago))
			amount = -round(against.base_net_total * share, 2)
			self.insert(f"CN-{self.number:04d}", against.customer, amount, day, against.name)

	def cancel(self, which: int) -> None:
		if self.orders:
			invoice = frappe.get_doc("Sales Invoice", self.orders[which % len(self.orders)])
			invoice.db_set("docstatus", 2)
			queue.on_order(invoice)

	def follow_up(self, customer: str, days_ago: int) -> None:
		make.make_communication("Customer", self.alive(customer), self.today - timedelta(days=days_ago))

	def enquire(self, customer: str) -> None:
		make.make_opportunity(self.alive(customer), transaction_date=self.today)

	def call(self, customer: str) -> None:
		make.make_todo(self.alive(customer))

	def edit(self, customer: str, **values: object) -> None:
		doc = frappe.get_doc("Customer", self.alive(customer))
		for name, value in values.items():
			doc.set(name, self.alive(value) if value in NAMES else value)
		if doc.rolls_up_to != doc.name and doc.referred_by != doc.name and not self.makes_circle(doc):
			doc.save()

	def makes_circle(self, doc: object) -> bool:
		above = doc.rolls_up_to
		while above and above != doc.name:
			above = frappe.db.get_value("Customer", above, "rolls_up_to")
		return above == doc.name

	def answer(self, customer: str, score: int, days_ago: int) -> None:
		"""Straight into the table: the days of this world are ahead of those that the form allows."""
		self.number += 1
		feedback = frappe.get_doc(
			doctype="Customer Feedback",
			name=f"FB-{self.number:04d}",
			customer=self.alive(customer),
			feedback_date=self.today - timedelta(days=days_ago),
			score=str(score),
		)
		feedback.db_insert()
		queue.on_voice(feedback)

	def complain(self, customer: str, days: int) -> None:
		self.issues.append(make.make_issue(self.alive(customer), self.today + timedelta(days=days)).name)

	def resolve(self, which: int) -> None:
		if self.issues:
			frappe.get_doc("Issue", self.issues[which % len(self.issues)]).update({"status": "Closed"}).save()

	def earn(self, customer: str, points: int, days: int) -> None:
		last_day = self.today + timedelta(days=days)
		make.make_points(self.alive(customer), points, self.today, last_day, loyalty_program=PROGRAM)

	def override(self, customer: str, tier: str | None, days: int) -> None:
		until = self.today + timedelta(days=days) if tier else None
		self.edit(
			customer, tier_override=tier, tier_override_until=until, tier_override_reason=tier and "test"
		)

	def birthday(self, customer: str, days: int) -> None:
		self.edit(customer, key_date_birthday=self.today + timedelta(days=days) - timedelta(days=3653))

	def merge(self, one: str, other: str) -> None:
		old, new = self.alive(one), self.alive(other)
		if old != new:
			frappe.rename_doc("Customer", old, new, merge=True)
			self.gone.add(old)

	def alive(self, customer: str) -> str:
		return next((name for name in (customer, *NAMES) if name not in self.gone), NAMES[0])

	def night(self, days: int) -> None:
		self.today += timedelta(days=days)
		self.run(self.today)

	def state(self) -> tuple[list, list]:
		customers = frappe.get_all(
			"Customer", filters={"name": ("in", NAMES)}, fields=["name", *COMPUTED], order_by="name"
		)
		ledger = frappe.get_all("Tiering Event", fields=LEDGER)
		return customers, sorted(json.dumps(row, default=str, sort_keys=True) for row in ledger)


CUSTOMERS = st.sampled_from(NAMES)
BACK = st.sampled_from((0, 0, 1, 30, 89, 179, 200, 364, 365, 400))
STEPS = st.one_of(
	st.tuples(st.just("night"), st.sampled_from((0, 1, 1, 7, 30, 31, 89, 90, 180, 365))),
	st.tuples(st.just("night"), st.sampled_from((1, 28, 60))),
	st.tuples(st.just("order"), CUSTOMERS, st.sampled_from(AMOUNTS), BACK),
	st.tuples(st.just("order"), CUSTOMERS, st.sampled_from(AMOUNTS), st.just(-5)),
	st.tuples(st.just("credit"), st.integers(0, 5), st.sampled_from((0.3, 1)), BACK),
	st.tuples(st.just("cancel"), st.integers(0, 5)),
	st.tuples(st.just("follow_up"), CUSTOMERS, BACK),
	st.tuples(st.just("enquire"), CUSTOMERS),
	st.tuples(st.just("call"), CUSTOMERS),
	st.tuples(st.just("answer"), CUSTOMERS, st.sampled_from((0, 6, 8, 10)), st.sampled_from((-3, 0, 29))),
	st.tuples(st.just("complain"), CUSTOMERS, st.sampled_from((-1, 0, 5))),
	st.tuples(st.just("resolve"), st.integers(0, 5)),
	st.tuples(st.just("earn"), CUSTOMERS, st.sampled_from((-50, 60, 150)), st.sampled_from((0, 5, 40))),
	st.tuples(st.just("override"), CUSTOMERS, st.sampled_from(("A", "C", None)), st.sampled_from((0, 1, 40))),
	st.tuples(st.just("birthday"), CUSTOMERS, st.sampled_from((0, 5, 30))),
	st.tuples(st.just("group"), CUSTOMERS, st.one_of(st.none(), CUSTOMERS)),
	st.tuples(st.just("refer"), CUSTOMERS, st.one_of(st.none(), CUSTOMERS)),
	st.tuples(st.just("disable"), CUSTOMERS, st.booleans()),
	st.tuples(st.just("merge"), CUSTOMERS, CUSTOMERS),
)


def live(world: World, steps: list[tuple]) -> tuple[list, list]:
	"""Everything that happens, from the same first day on; all of it is undone afterwards."""
	frappe.db.savepoint("life")
	try:
		for kind, *what in steps:
			if kind == "group":
				world.edit(what[0], rolls_up_to=what[1])
			elif kind == "refer":
				world.edit(what[0], referred_by=what[1])
			elif kind == "disable":
				world.edit(what[0], disabled=int(what[1]))
			else:
				getattr(world, kind)(*what)
		world.night(1)
		return world.state()
	finally:
		frappe.db.rollback(save_point="life")
		make.forget_cached_rules()
		frappe.clear_document_cache("Customer", "Ann")


def begin() -> None:
	"""Four customers, of whom two have a past, after their first full run."""
	make.as_if_new()
	frappe.db.sql(
		"UPDATE `tabCustomer Tier` SET grace_days = 20, minimum_dwell_days = 10, keep_value = 25000 WHERE name = 'C'"
	)
	make.ensure_loyalty_program(PROGRAM)
	for name in NAMES:
		make.make_customer(name, loyalty_program=PROGRAM)
	for position, conditions in enumerate(
		({"min_points": 100}, {"min_open_issues": 2}, {"feedback": "Promoter"})
	):
		name = f"Heard {position}"
		stage = {"stage_name": name, "position": 41 + position, "meaning": "Repeat", **conditions}
		frappe.get_doc(doctype="Lifecycle Stage", **stage).insert()
	settings = {"whale_factor": 5, "upsell_value": 40_000, "decline_months": 1}
	settings |= {"feedback_days": 30, "voice_raises_risk": 1}
	frappe.get_single("Tiering Settings").update(settings).save()
	past = World(lambda day: make.recompute(day), number=9000)
	for customer, amount, days in (
		("Ann", 45_000, 100),
		("Ann", 20, 200),
		("Ann", 31_000, 300),
		("Ben", 900, 150),
	):
		past.order(customer, amount, days)
	past.night(0)


@settings(
	max_examples=LIVES,
	phases=(Phase.explicit, Phase.generate),
	deadline=None,
	derandomize="LIVES" not in os.environ,
	suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(st.lists(STEPS, min_size=10, max_size=20))
def test_only_those_concerned_or_everybody_is_the_same(steps: list[tuple]) -> None:
	frappe.db.savepoint("example")
	try:
		begin()
		some = live(World(lambda day: make.recompute(day, full=False)), steps)
		with figures_of_the_last_full_run():
			everybody = live(World(make.recompute), steps)
		assert some == everybody
	finally:
		frappe.db.rollback(save_point="example")


@contextmanager
def figures_of_the_last_full_run() -> Iterator[None]:
	"""Full runs fit nothing anew meanwhile: what they decide otherwise than incremental ones is then no other median's doing."""
	from customer_tiering.engine.population import Population
	from customer_tiering.tiering import judgement
	from customer_tiering.tiering.scope import last_full_run

	population = Population.from_json(frappe.db.get_value("Tiering Run", last_full_run().name, "population"))
	with pytest.MonkeyPatch.context() as patch:
		patch.setattr(judgement, "fit", lambda *_what: population)
		yield
