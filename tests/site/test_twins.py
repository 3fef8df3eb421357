"""Twins live the same life, but of one a document is wrong for a while: once it is cancelled they stand where the other
one stands, whatever happened meanwhile: returns, drafts, amendments, groups, other rules, nights without a run."""

import os
import random
from collections.abc import Callable, Iterator
from datetime import date, timedelta

import frappe
import pytest
from frappe.utils import get_datetime, getdate

from customer_tiering.tiering import queue
from customer_tiering.tiering.history import submitted_at
from tests.site import factories as make
from tests.site.factories import computed, recompute

# LIVES=50 makes that many other ones each time, SEED=<number> repeats one.
SEEDS = (
	random.sample(range(10**6), int(os.environ["LIVES"]))
	if "LIVES" in os.environ
	else [int(os.environ.get("SEED", 630460))]
)
PAIRS, DAYS = 12, 12
AMOUNTS = (500, 20_000, 29_999.99, 30_000, 60_000, 100_000, 250_000, 600_000)
COMPARED = ("customer_tier", "tier_since", "below_keep_since", "lifecycle_stage")


@pytest.fixture(autouse=True)
def new_site(site: str) -> Iterator[None]:
	with make.uncommitted():
		make.as_if_new()
		yield


class Person:
	"""One of the twins; `invoices` are those that stand, by the number that they have in common with the other's."""

	def __init__(self, name: str) -> None:
		self.name = make.make_customer(name).name
		self.invoices: dict[int, str] = {}

	def write(self, number: int, amount: float, day: date, *, draft: bool = False, **values: object) -> str:
		"""As the database has a document once it is submitted; without the accounts it is a hundred times as fast."""
		doc = frappe.get_doc(
			doctype="Sales Invoice",
			name=f"{self.name}-{frappe.generate_hash(length=8)}",
			customer=self.name,
			company=make.ensure_company(),
			posting_date=day,
			base_net_total=amount,
			is_opening="No",
			is_return=0,
			is_debit_note=0,
		)
		doc.update(values)
		doc.docstatus = 0 if draft else 1
		doc.db_insert()
		self.invoices[number] = doc.name
		if not draft:
			queue.on_order(doc)
		return doc.name

	def submit(self, number: int) -> None:
		doc = self._doc(number)
		doc.db_set("docstatus", 1)
		change = frappe.as_json({"changed": [["docstatus", 0, 1]]}, indent=None)
		frappe.get_doc(doctype="Version", ref_doctype=doc.doctype, docname=doc.name, data=change).db_insert()
		queue.on_order(doc)

	def cancel(self, number: int) -> str:
		doc = self._doc(number)
		doc.db_set("docstatus", 2)
		queue.on_order(doc)
		return self.invoices.pop(number)

	def credit(self, number: int, new: int, share: float, day: date) -> None:
		against = self._doc(number)
		amount = -round(against.base_net_total * share, 2)
		self.write(new, amount, day, is_return=1, return_against=against.name)

	def put_under(self, head: "Person | None") -> None:
		frappe.get_doc("Customer", self.name).update({"rolls_up_to": head and head.name}).save()

	def _doc(self, number: int) -> frappe._dict:
		return frappe.get_doc("Sales Invoice", self.invoices[number])


class Pair:
	"""`wrong` and `right`, and what has still to be put right: `wrongs`, by the number of the document."""

	def __init__(self, number: int, chance: random.Random, said: list[str]) -> None:
		self.number, self.chance, self.said = number, chance, said
		self.wrong, self.right = Person(f"Wrong {number}"), Person(f"Right {number}")
		self.twins = (self.wrong, self.right)
		self.wrongs: dict[int, Callable[[date], None]] = {}
		self.drafts: list[int] = []
		self.counted: set[int] = set()
		self.by_hand_until: date | None = None
		self.count = 0

	def new(self) -> int:
		self.count += 1
		return self.count

	def say(self, day: date, text: str) -> None:
		self.said.append(f"{day} pair {self.number}: {text}")

	def both(self, act: Callable[[Person], object]) -> None:
		for twin in self.twins:
			act(twin)

	def order(self, day: date) -> None:
		number, amount = self.new(), self.chance.choice(AMOUNTS)
		dated = day - timedelta(days=self.chance.choice((0, 0, 0, 1, 3)))
		self.say(day, f"order {number} of {amount} on {dated}")
		self.both(lambda twin: twin.write(number, amount, dated))

	def draft(self, day: date) -> None:
		number, amount = self.new(), self.chance.choice(AMOUNTS)
		self.say(day, f"draft {number} of {amount}")
		self.both(lambda twin: twin.write(number, amount, day, draft=True))
		self.drafts.append(number)

	def submit(self, day: date) -> None:
		if self.drafts:
			number = self.drafts.pop()
			self.say(day, f"submit {number}")
			self.both(lambda twin: twin.submit(number))

	def credit(self, day: date) -> None:
		shared = sorted(
			set(self.right.invoices) & set(self.wrong.invoices) - set(self.drafts) - set(self.wrongs)
		)
		if shared:
			number, new, share = self.chance.choice(shared), self.new(), self.chance.choice((0.3, 1))
			self.say(day, f"credit {new} of {share} against {number}")
			self.both(lambda twin: twin.credit(number, new, share, day))

	def mistake(self, day: date) -> None:
		"""A document that never should have been."""
		number = self.new()
		amount = self.chance.choice((1, 1, 1, -1)) * self.chance.choice(AMOUNTS)
		dated = day - timedelta(days=self.chance.choice((0, 0, 2, 9)))
		self.say(day, f"WRONG {number} of {amount} on {dated}")
		self.wrong.write(number, amount, dated, is_return=int(amount < 0))
		self.wrongs[number] = lambda later: (self.say(later, f"CANCEL {number}"), self.wrong.cancel(number))

	def wrong_amount(self, day: date) -> None:
		"""One that is amended later to what it always was for the other twin."""
		number, wrong, right = self.new(), *self.chance.sample(AMOUNTS, 2)
		self.say(day, f"WRONG amount {number}: {wrong} instead of {right}")
		self.wrong.write(number, wrong, day)
		self.right.write(number, right, day)

		def amend(later: date) -> None:
			self.say(later, f"AMEND {number}")
			before = self.wrong.cancel(number)
			self.wrong.write(number, right, day, amended_from=before)

		self.wrongs[number] = amend

	def amend_later(self, day: date) -> None:
		"""What is cancelled now and comes again as it was."""
		both = sorted(self.counted & set(self.wrong.invoices) - set(self.drafts) - set(self.wrongs))
		if not both:
			return
		number = self.chance.choice(both)
		doc = frappe.get_doc("Sales Invoice", self.wrong.invoices[number])
		if doc.is_return or frappe.db.exists("Sales Invoice", {"return_against": doc.name, "docstatus": 1}):
			return  # which ERPNext doesn't let anybody cancel
		self.say(day, f"CANCEL for a while {number}")
		self.wrong.cancel(number)

		def again(later: date) -> None:
			self.say(later, f"AGAIN {number}")
			self.wrong.write(number, doc.base_net_total, doc.posting_date, amended_from=doc.name)

		self.wrongs[number] = again

	def mend(self, day: date) -> None:
		if self.wrongs:
			self.wrongs.pop(self.chance.choice(sorted(self.wrongs)))(day)

	def by_hand(self, day: date) -> None:
		tier, until = self.chance.choice(("A", "D")), day + timedelta(days=self.chance.choice((0, 2)))
		self.say(day, f"tier {tier} by hand until {until}")
		self.by_hand_until = until
		values = {"tier_override": tier, "tier_override_until": until, "tier_override_reason": "Fair"}
		self.both(lambda twin: frappe.get_doc("Customer", twin.name).update(values).save())

	def join(self, day: date, other: "Pair") -> None:
		self.say(day, f"under pair {other.number}")
		for mine, head in zip(self.twins, other.twins, strict=True):
			mine.put_under(head)


def begin(pair: Pair, today: date) -> None:
	"""What they ordered before: near the ends of the window and of the days to dormancy."""
	chance = pair.chance
	for _order in range(chance.choice((0, 1, 1, 2))):
		pair.order(today - timedelta(days=chance.choice((370, 362, 359, 185, 176, 173, 60, 30))))


def live_a_day(pair: Pair, day: date) -> None:
	acts = (
		pair.order,
		pair.draft,
		pair.submit,
		pair.credit,
		pair.mistake,
		pair.wrong_amount,
		pair.amend_later,
	)
	acts = (*acts, pair.mend, pair.by_hand, None)
	for act in pair.chance.choices(acts, (6, 2, 4, 4, 6, 2, 3, 10, 1, 16), k=2):
		if act:
			act(day)


def change_a_rule(chance: random.Random, said: list[str], day: date) -> None:
	tier = chance.choice(("A", "B", "C"))
	values = {"grace_days": chance.choice((0, 3, 6)), "minimum_dwell_days": chance.choice((0, 4))}
	if chance.random() < 0.3:
		values["entry_value"] = {"A": 350_000, "B": 90_000, "C": 25_000}[tier]
	said.append(f"{day} rules of {tier}: {values}")
	frappe.get_doc("Customer Tier", tier).update(values).save()


def where_they_stand(pairs: list[Pair], day: date) -> None:
	for pair in pairs:
		pair.counted = set(pair.right.invoices)
		pair.say(day, f"wrong {standing(pair.wrong)}, right {standing(pair.right)}")


def differences(pairs: list[Pair]) -> list[str]:
	return [
		f"pair {pair.number}: {wrong} instead of {right}"
		for pair in pairs
		if (wrong := standing(pair.wrong)) != (right := standing(pair.right))
	]


def standing(person: Person) -> str:
	found = computed(person.name)
	return " · ".join(str(found[field]) for field in COMPARED)


def is_settled(pair: Pair, pairs: list[Pair], heads: dict[int, Pair], day: date) -> bool:
	"""Nobody in its group has a wrong document any more, nor a tier by hand, which lasts since when it was given."""
	root = heads.get(pair.number, pair)
	group = [other for other in pairs if heads.get(other.number, other) is root]
	return not any(other.wrongs or (other.by_hand_until and other.by_hand_until >= day) for other in group)


def test_the_framework_keeps_when_a_draft_was_submitted() -> None:
	invoice = make.make_invoice(make.make_customer().name, 100, submit=False)
	assert submitted_at(invoice.doctype, [invoice.name]) == {}
	begun = get_datetime(invoice.creation)
	invoice.submit()
	assert begun < submitted_at(invoice.doctype, [invoice.name])[invoice.name]


@pytest.mark.parametrize("seed", SEEDS)
def test_twins_stand_alike(seed: int) -> None:
	chance, said = random.Random(seed), []
	today = getdate()
	pairs = [Pair(number, chance, said) for number in range(PAIRS)]
	heads: dict[int, Pair] = {}
	for pair in pairs:
		begin(pair, today)
	change_a_rule(chance, said, today)
	recompute(today)
	for number in range(1, DAYS):
		day = today + timedelta(days=number)
		for pair in pairs:
			live_a_day(pair, day)
		# the first four may join the next four
		member = chance.randrange(16)
		if member < 4 and member not in heads:
			heads[member] = pairs[4 + member]
			pairs[member].join(day, heads[member])
		if chance.random() < 0.2:
			change_a_rule(chance, said, day)
			recompute(day)
			said.append(f"{day} full run")
		elif chance.random() < 0.75:
			recompute(day, full=False)
			said.append(f"{day} run")
		else:
			continue
		compare(seed, pairs, heads, day, said)
	end = today + timedelta(days=DAYS)
	for pair in pairs:
		while pair.wrongs:
			pair.mend(end)
	for later in (0, 4, 7):
		recompute(end + timedelta(days=later), full=False)
		said.append(f"{end + timedelta(days=later)} run")
		compare(seed, pairs, heads, end + timedelta(days=later), said)


def compare(seed: int, pairs: list[Pair], heads: dict[int, Pair], day: date, said: list[str]) -> None:
	where_they_stand(pairs, day)
	wrong = differences([pair for pair in pairs if is_settled(pair, pairs, heads, day)])
	assert not wrong, told(seed, wrong, said, heads)


def told(seed: int, wrong: list[str], said: list[str], heads: dict[int, Pair]) -> str:
	"""What happened to those that are wrong and to who is tiered with them."""
	numbers = {int(text.split(":")[0].removeprefix("pair ")) for text in wrong}
	numbers |= {heads[number].number for number in numbers if number in heads}
	numbers |= {number for number in heads if heads[number].number in numbers}
	about = [
		line for line in said if " pair " not in line or int(line.split(" pair ")[1].split(":")[0]) in numbers
	]
	return "\n".join([f"SEED={seed}", *wrong, *about])
