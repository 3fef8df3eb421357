"""Random customers, companies, currencies and documents, written straight into the tables."""

import random
from datetime import date, timedelta
from decimal import Decimal

import frappe
from frappe.utils import now

from tests.site.plain import CENT, Member, Paper, Rate, World

AMOUNTS = tuple(map(Decimal, ("0", "0.01", "0.03", "30000", "29999.99", "99999.99", "100000", "-75.50")))
STATES = ({}, {}, {}, {}, {"is_opening": "Yes"}, {"docstatus": 0}, {"docstatus": 2}, {"is_debit_note": True})
CLOSED = ({}, {}, {"docstatus": 2}, {"status": "Closed"}, {"status": "Closed", "per_billed": Decimal(40)})
RETURNED = ((), (), ("1",), ("0.5", "0.5"), ("0.25",), ("1.5",))
AGES = (0, 1, 27, 28, 31, 59, 89, 90, 92, 181, 364, 365, 366, 367, 730, 731, -1, -30)
RATES = {
	("EUR", "USD"): ("1.084", "1.1", "0.97"),
	("USD", "EUR"): ("0.91", "0.83"),
	("USD", "JPY"): ("149.5", "1.2", "7"),
	("GBP", "EUR"): ("1.15",),
}


def make_world(chance: random.Random, as_of: date, companies: dict[str, str], people: int = 100) -> World:
	"""Everything random; `companies` with the currency that each keeps its books in."""
	names = [f"Facts {number:03d}" for number in range(people)]
	members = [some_member(chance, name, names) for name in names]
	invoices = [p for name in names for p in some_invoices(chance, name, as_of, list(companies))]
	orders = [p for name in names for p in some_orders(chance, name, as_of, list(companies))]
	days = [paper.day for paper in (*invoices, *orders) if paper.day <= as_of]
	return World(companies, members, invoices, orders, some_rates(chance, days))


def some_member(chance: random.Random, name: str, names: list[str]) -> Member:
	"""Some roll up to another one, in a circle now and then."""
	return Member(
		name,
		rolls_up_to=chance.choice([None, None, None, *chance.sample(names, 2)]),
		referred_by=chance.choice([None, None, *chance.sample(names, 2)]),
		disabled=chance.random() < 0.1,
		is_internal_customer=chance.random() < 0.1,
	)


def some_invoices(chance: random.Random, customer: str, as_of: date, companies: list[str]) -> list[Paper]:
	papers = []
	for number in range(chance.randint(0, 6)):
		amount = some_amount(chance)
		company = chance.choice(companies)
		order = Paper(
			f"{customer}-{number}",
			customer,
			company,
			some_day(chance, as_of),
			amount,
			some_lines(chance, amount),
			**chance.choice(STATES),
		)
		papers.append(order)
		for share in chance.choice(RETURNED):
			share = Decimal(share)
			papers.append(
				Paper(
					f"{order.name}-R{len(papers)}",
					customer,
					company,
					some_day(chance, as_of),
					-(amount * share).quantize(CENT),
					tuple((cost, -number * share) for cost, number in order.lines),
					is_return=True,
					return_against=order.name,
					docstatus=chance.choice((1, 1, 1, 2)),
				)
			)
	return papers


def some_orders(chance: random.Random, customer: str, as_of: date, companies: list[str]) -> list[Paper]:
	papers = []
	for number in range(chance.randint(0, 5)):
		amount = some_amount(chance)
		papers.append(
			Paper(
				f"{customer}-SO{number}",
				customer,
				chance.choice(companies),
				some_day(chance, as_of),
				amount,
				some_lines(chance, amount),
				**chance.choice(CLOSED),
			)
		)
	return papers


def some_lines(chance: random.Random, amount: Decimal) -> tuple[tuple[Decimal, Decimal], ...]:
	"""Costs with more decimals than money has; none for a line that has no cost."""
	costs = [Decimal(0), (amount / 7).quantize(Decimal("0.0001")), Decimal("0.333333"), Decimal("12.5")]
	return tuple(
		(chance.choice(costs), Decimal(chance.randint(1, 3))) for _line in range(chance.randint(0, 3))
	)


def some_amount(chance: random.Random) -> Decimal:
	return chance.choice([*AMOUNTS, Decimal(chance.randint(-100, 700_000_00)) / 100])


def some_day(chance: random.Random, as_of: date) -> date:
	return as_of - timedelta(days=chance.choice([*AGES, chance.randint(-40, 1100)]))


def some_rates(chance: random.Random, days: list[date]) -> list[Rate]:
	"""On days on which there are documents, so that the boundary is met; none before some of them."""
	rates = {}
	for (there, back), values in RATES.items():
		for value in values:
			rate = Rate(chance.choice(days), there, back, Decimal(value), chance.random() < 0.8)
			rates[rate.day, there, back] = rate
	return list(rates.values())


def write(world: World) -> None:
	"""Into the tables, in the place of the exchange rates that are there; nothing is committed."""
	frappe.db.delete("Currency Exchange")
	insert("Currency Exchange", [rate_row(number, rate) for number, rate in enumerate(world.rates)])
	insert("Customer", [{**vars(m), "customer_name": m.name} for m in world.members])
	for doctype, papers in (("Sales Invoice", world.invoices), ("Sales Order", world.orders)):
		insert(doctype, [paper_row(doctype, paper) for paper in papers])
		insert(f"{doctype} Item", [row for paper in papers for row in line_rows(doctype, paper)])


def rate_row(number: int, rate: Rate) -> dict:
	pair = {"from_currency": rate.from_currency, "to_currency": rate.to_currency}
	flags = {"for_selling": rate.for_selling, "for_buying": 1}
	return {"name": f"Facts {number}", "date": rate.day, "exchange_rate": rate.rate, **pair, **flags}


def paper_row(doctype: str, paper: Paper) -> dict:
	row = {"name": paper.name, "customer": paper.customer, "company": paper.company}
	row |= {"base_net_total": paper.total, "docstatus": paper.docstatus}
	if doctype == "Sales Order":
		return row | {"transaction_date": paper.day, "status": paper.status, "per_billed": paper.per_billed}
	kinds = ("is_return", "return_against", "is_opening", "is_debit_note")
	return row | {"posting_date": paper.day, **{kind: getattr(paper, kind) for kind in kinds}}


def line_rows(doctype: str, paper: Paper) -> list[dict]:
	rate = "valuation_rate" if doctype == "Sales Order" else "incoming_rate"
	return [
		{
			"name": f"{paper.name}-{number}",
			"parent": paper.name,
			"parenttype": doctype,
			"parentfield": "items",
			rate: cost,
			"stock_qty": quantity,
		}
		for number, (cost, quantity) in enumerate(paper.lines)
	]


def insert(doctype: str, rows: list[dict]) -> None:
	stamp = {"owner": "Administrator", "modified_by": "Administrator", "creation": now(), "modified": now()}
	if rows:
		rows = [{**row, **stamp} for row in rows]
		frappe.db.bulk_insert(doctype, list(rows[0]), [tuple(row.values()) for row in rows])
