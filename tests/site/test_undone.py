"""Rules that were tried and undone: everybody stands as if they had never been, whatever they had brought about meanwhile."""

import os
import random
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import date, timedelta

import frappe
import pytest
from frappe.utils import getdate

from customer_tiering.follow_up.create import create_follow_ups
from customer_tiering.tiering import rules_api
from customer_tiering.tiering.proposal import Proposal
from customer_tiering.tiering.rule_changes import apply
from customer_tiering.tiering.rule_input import apply_changes
from customer_tiering.tiering.signals import FIRING_CAUSES, signal_period
from tests.site import factories as make
from tests.site.factories import computed, recompute
from tests.site.test_twins import AMOUNTS, COMPARED, Person

# LIVES=50 makes that many other ones each time, SEED=<number> repeats one.
SEEDS = (
	random.sample(range(10**6), int(os.environ["LIVES"]))
	if "LIVES" in os.environ
	else [int(seed) for seed in os.environ.get("SEED", "1 3").split()]
)
PEOPLE, DAYS = 10, 9
IN_A = '[["Customer", "customer_tier", "=", "A"]]'
QUIET = ("Sleep Warning", "Became Dormant", "Became Lost", "Won Back")
TRIED = (
	{"tiers": [{"name": "A", "entry_value": 250_000}, {"name": "B", "entry_value": 60_000}]},
	{"tiers": [{"name": "C", "entry_value": 20_000, "grace_days": 0}, {"name": "B", "grace_days": 9}]},
	{"tiers": [{"name": "B", "entry_value": 250_000, "minimum_dwell_days": 3}]},
	{"window_months": 6},
	{"sleep_factor": 1, "sleep_default_days": 20, "sleep_min_days": 5},
	{"sleep_default_days": 90, "silent_days": 30, "upsell_value": 50_000},
	{"stages": [{"name": "Dormant", "min_days_since_order": 40}]},
	{"stages": [{"name": "Dormant", "min_days_since_order": 190}], "whale_factor": 3},
	{"key_date_lead_days": 20, "pattern_lead_days": 30},
)


@pytest.fixture(autouse=True)
def new_site(site: str) -> Iterator[None]:
	with make.uncommitted():
		make.as_if_new()
		yield


class Life:
	"""The same people on the same days; where rules are `tried`, somebody applies these meanwhile and undoes them."""

	def __init__(self, seed: int, tried: bool) -> None:
		self.chance, self.tried = random.Random(seed), tried
		self.people = [Person(f"{'Tried' if tried else 'Plain'} {number}") for number in range(PEOPLE)]
		self.count, self.said = 0, []

	def live(self) -> None:
		chance, today = self.chance, getdate()
		for tier in ("A", "B", "C"):
			waits = {"grace_days": chance.choice((0, 3, 6)), "minimum_dwell_days": chance.choice((0, 4))}
			frappe.get_doc("Customer Tier", tier).update(waits).save()
			self.said.append(f"{tier}: {waits}")
		for person in self.people:
			for _order in range(chance.choice((0, 1, 1, 2, 3))):
				self.order(
					person, today - timedelta(days=chance.choice((370, 362, 359, 185, 176, 60, 55, 30)))
				)
			if chance.random() < 0.2:
				frappe.db.set_value(
					"Customer",
					person.name,
					"key_date_birthday",
					today - timedelta(days=360 + chance.randrange(9)),
				)
		recompute(today)
		begins = chance.randrange(1, 5)
		ends = chance.randrange(begins + 1, DAYS - 1)
		rules = chance.choice(TRIED)
		for number in range(1, DAYS):
			day = today + timedelta(days=number)
			if number == begins:
				self.said.append(f"{day} TRY {rules}")
				change = self.tried and apply(_proposal(rules), "Try").name
			if number == ends:
				self.said.append(f"{day} UNDO")
				if self.tried:
					assert "message" in rules_api.undo_change(change)
			for person in self.people:
				self.a_day_of(person, day)
			recompute(day, full=number in (begins, ends))

	def order(self, person: Person, day: date, share: float = 1) -> None:
		self.count += 1
		amount = self.chance.choice(AMOUNTS)
		self.said.append(f"{day} {person.name[6:]} orders {self.count} of {amount}")
		person.write(self.count, amount, day)

	def a_day_of(self, person: Person, day: date) -> None:
		what = self.chance.choices(("order", "cancel", "by hand", None), (6, 2, 1, 60))[0]
		if what == "order":
			self.order(person, day - timedelta(days=self.chance.choice((0, 0, 2))))
		elif what == "cancel" and person.invoices:
			number = self.chance.choice(sorted(person.invoices))
			self.said.append(f"{day} {person.name[6:]} cancels {number}")
			person.cancel(number)
		elif what == "by hand":
			until = day + timedelta(days=self.chance.choice((0, 2)))
			self.said.append(f"{day} {person.name[6:]} is A by hand until {until}")
			values = {"tier_override": "A", "tier_override_until": until, "tier_override_reason": "Fair"}
			frappe.get_doc("Customer", person.name).update(values).save()

	def stands(self) -> dict[str, tuple[str, dict]]:
		return {person.name[6:]: stands(person) for person in self.people}


def _proposal(changes: dict) -> Proposal:
	proposal = Proposal()
	apply_changes(proposal, changes)
	return proposal


def stands(person: Person) -> tuple[str, Counter, Counter]:
	"""Where the customer stands; the signals that stand; and of these, those that nothing has come after since."""
	found, signals = computed(person.name), heard(person.name)
	last_order = str(found.last_order_date)
	matter = Counter(
		{
			signal: count
			for signal, count in signals.items()
			if not signal[0].startswith("Tier") and (signal[0] not in QUIET or signal[1] == last_order)
		}
	)
	return " · ".join(str(found[field]) for field in COMPARED), signals, matter


def heard(customer: str) -> Counter:
	"""The signals that stand, by their periods and whether they fired; those of tiers by the tier."""
	return Counter(
		(
			row.signal,
			row.new_value
			if row.decision == "Tier"
			else signal_period(row.signal_key, customer, row.signal).replace("Plain", "Tried"),
			row.cause in FIRING_CAUSES,
		)
		for row in frappe.db.sql(
			"""SELECT * FROM `tabTiering Event` event WHERE customer = %s AND signal_key IS NOT NULL
			AND NOT EXISTS (SELECT 1 FROM `tabTiering Event` void WHERE void.voids = event.signal_key)""",
			customer,
			as_dict=True,
		)
	)


@pytest.mark.parametrize("seed", SEEDS)
def test_as_if_never_tried(seed: int) -> None:
	ends = []
	for tried in (False, True):
		frappe.db.savepoint("new_life")
		life = Life(seed, tried)
		life.live()
		ends.append(life.stands())
		frappe.db.rollback(save_point="new_life")
		make.forget_cached_rules()
	plain, other = ends
	wrong = [
		f"{name}: {other[name][:2]}\n  instead of {plain[name][:2]}"
		for name in plain
		if plain[name][0] != other[name][0]
		or other[name][1] - plain[name][1]
		or plain[name][2] - other[name][1]
	]
	names = {line.split(":")[0] for line in wrong}
	about = [line for line in life.said if line.split(" ")[1] in names or "orders" not in line]
	assert not wrong, "\n".join([f"SEED={seed}", *wrong, *about])


def undo_after(rules: dict, meanwhile: Callable[[], object] = lambda: None) -> None:
	"""Tried on one day with a run, undone on the next one, with the run that puts everybody back."""
	change = apply(_proposal(rules), "Try").name
	recompute()
	meanwhile()
	assert "message" in rules_api.undo_change(change)
	recompute()


class TestToDos:
	@pytest.fixture(autouse=True)
	def no_other_rules(self) -> None:
		frappe.db.sql("UPDATE `tabFollow Up Rule` SET enabled = 0")

	def todo(self, customer: str) -> frappe._dict:
		fields = ["name", "status"]
		(found,) = frappe.get_all("ToDo", {"reference_name": customer, "follow_up_rule": "Ours"}, fields)
		return found

	def test_those_of_its_signals_go_but_for_what_somebody_works_on(self) -> None:
		rule("Sleep Warning")
		calm, busy = (make.make_customer().name for _ in range(2))
		recompute(getdate() - timedelta(days=20))
		for customer in (calm, busy):
			make.make_invoice(customer, 100, make.days_ago(15))
		change = apply(
			_proposal({"sleep_factor": 1, "sleep_default_days": 16, "sleep_min_days": 5}), "Try"
		).name
		recompute()
		tomorrow = getdate() + timedelta(days=1)
		recompute(tomorrow, full=False)
		create_follow_ups(tomorrow)
		frappe.get_doc("ToDo", self.todo(busy).name).add_comment("Comment", "Called, calls back")
		rules_api.undo_change(change)
		recompute(tomorrow)
		create_follow_ups(tomorrow)
		assert self.todo(calm).status == "Cancelled"
		assert self.todo(busy).status == "Open"
		said = {"reference_doctype": "ToDo", "reference_name": self.todo(calm).name, "comment_type": "Info"}
		assert "undone" in frappe.get_all("Comment", said, pluck="content")[-1]
		later = getdate() + timedelta(days=50)
		recompute(later, full=False)
		assert [event.cause for event in make.events(calm, signal="Sleep Warning", decision="Signal")] == [
			"Time"
		] * 2

	def test_so_do_those_of_an_audience_that_it_made(self) -> None:
		rule(trigger="Cadence", every=1, every_unit="Days", close_on_order=0, audience_filters=IN_A)
		raised, risen = make.make_customer().name, make.make_customer().name
		make.make_invoice(raised, 300_000)
		recompute()

		def meanwhile() -> None:
			make.make_invoice(risen, 600_000)
			recompute(full=False)
			create_follow_ups()

		undo_after({"tiers": [{"name": "A", "entry_value": 250_000}]}, meanwhile)
		create_follow_ups()
		assert self.todo(raised).status == "Cancelled"
		assert self.todo(risen).status == "Open"


def rule(signal: str | None = None, **values: object) -> None:
	given = {"signal": signal, "description": "Call", "enabled": 1, "due_in_days": 0, **values}
	frappe.get_doc(doctype="Follow Up Rule", rule_name="Ours", **given).insert()


def test_a_cancellation_after_it_goes_by_the_rules_of_before() -> None:
	customer = make.make_customer().name
	make.make_invoice(customer, 60_000, make.days_ago(20))
	recompute(make.days_ago(9))
	change = apply(_proposal({"tiers": [{"name": "B", "entry_value": 50_000}]}), "Try").name
	recompute(make.days_ago(7))
	invoice = make.make_invoice(customer, 600_000, make.days_ago(6))
	recompute(make.days_ago(6), full=False)
	assert "as if it had never been applied" in rules_api.undo_change(change)["message"]
	assert "taken back: 1 customers" in recompute(make.days_ago(5)).notes
	assert computed(customer).tier_since == make.days_ago(6)
	invoice.cancel()
	recompute(full=False)
	assert (computed(customer).customer_tier, computed(customer).tier_since) == ("C", make.days_ago(9))


def test_the_first_run_of_all_is_nothing_to_come_back_from() -> None:
	customer = make.make_customer().name
	make.make_invoice(customer, 300_000, make.days_ago(100))
	change = apply(
		_proposal({"sleep_default_days": 200, "tiers": [{"name": "A", "entry_value": 250_000}]}), "Try"
	).name
	recompute()
	rules_api.undo_change(change)
	recompute()
	assert computed(customer).customer_tier == "B"
	assert {event.cause for event in make.events(customer)} == {"Baseline", "Policy"}
