"""Facts read in SQL equal the oracle's, for random documents of every kind, written straight into the tables."""

import random
from datetime import date, timedelta
from decimal import Decimal

import frappe
import pytest
from frappe.utils import now

from customer_tiering.tiering.facts import read_facts
from customer_tiering.tiering.policy import read_policy
from tests import oracle
from tests.engine.populations import AGES, AMOUNTS, DAYS
from tests.oracle import Document, Person

STATES = ({}, {}, {}, {"is_opening": "Yes"}, {"docstatus": 0}, {"docstatus": 2}, {"is_debit_note": True})
RETURNED = ((), (), ("1",), ("0.5", "0.5"), ("0.25",), ("1.5",))


@pytest.mark.parametrize("as_of", DAYS)
def test_random_documents(as_of: date, company: str) -> None:
	people = [Person(f"Facts {number}") for number in range(400)]
	chance = random.Random(as_of.toordinal())
	documents = [d for person in people for d in some_documents(chance, person.name, as_of)]
	assert facts_of(people, documents, as_of, company) == expected(people, documents, as_of)


def test_a_return_that_is_an_opening_entry_undoes_nothing(company: str) -> None:
	day, people = date(2024, 5, 1), [Person("Facts X")]
	order = Document("Facts 1", "Facts X", day, Decimal("100.00"))
	back = Document("Facts 2", "Facts X", day, Decimal("-100.00"), True, order.name, is_opening="Yes")
	assert facts_of(people, [order, back], day, company) == {"Facts X": (1, 1, 100.0, day)}


def some_documents(chance: random.Random, customer: str, as_of: date) -> list[Document]:
	"""Orders and other documents of one customer, some of them returned."""
	documents = []
	for number in range(chance.randint(0, 4)):
		amount = chance.choice([*AMOUNTS, Decimal(chance.randint(-100, 700_000_00)) / 100])
		order = Document(
			f"{customer}-{number}", customer, some_day(chance, as_of), amount, **chance.choice(STATES)
		)
		documents.append(order)
		for share in chance.choice(RETURNED):
			documents.append(
				Document(
					f"{order.name}-R{len(documents)}",
					customer,
					some_day(chance, as_of),
					-(amount * Decimal(share)).quantize(Decimal("0.01")),
					is_return=True,
					return_against=order.name,
					docstatus=chance.choice((1, 1, 1, 2)),
				)
			)
	return documents


def some_day(chance: random.Random, as_of: date) -> date:
	ages = [*AGES, chance.randint(-40, 1100)]
	return chance.choice([*DAYS, *(as_of - timedelta(days=age) for age in ages)])


def facts_of(people: list[Person], documents: list[Document], as_of: date, company: str) -> dict[str, tuple]:
	"""What the app reads: orders ever and in the window, money in the window, the last order's day."""
	write(people, documents, company)
	facts = read_facts(read_policy(), as_of).loc[[person.name for person in people]]
	last = [None if day != day else day.date() for day in facts["last_order_date"]]
	columns = ("orders_ever", "annual_orders", "annual_value")
	return dict(zip(facts.index, zip(*(facts[c].tolist() for c in columns), last, strict=True), strict=True))


def write(people: list[Person], documents: list[Document], company: str) -> None:
	stamp = {"owner": "Administrator", "modified_by": "Administrator", "creation": now(), "modified": now()}
	insert("Customer", [{"name": p.name, "customer_name": p.name, **stamp} for p in people])
	insert("Sales Invoice", [{**vars(document), "company": company, **stamp} for document in documents])


def insert(doctype: str, rows: list[dict]) -> None:
	frappe.db.bulk_insert(doctype, list(rows[0]), [tuple(row.values()) for row in rows])


def expected(people: list[Person], documents: list[Document], as_of: date) -> dict[str, tuple]:
	answers = oracle.decide(people, documents, read_policy(), as_of)
	return {
		name: (a.orders_ever, a.annual_orders, float(a.annual_value), a.last_order_date)
		for name, a in answers.items()
	}


def test_only_the_customers_asked_for(company: str) -> None:
	day = DAYS[0]
	chance = random.Random(7)
	people = [Person(f"Facts {number}") for number in range(60)]
	documents = [d for person in people for d in some_documents(chance, person.name, day)]
	write(people, documents, company)
	policy = read_policy()
	everybody = read_facts(policy, day)
	asked = [person.name for person in people[::7]]
	some = read_facts(policy, day, [*asked, "nobody of that name"])
	assert list(some.index) == sorted(asked)
	assert some.equals(everybody.loc[some.index])
	assert read_facts(policy, day, []).empty
