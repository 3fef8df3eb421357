"""Random customers, companies, currencies and documents, written straight into the tables."""

import random
from datetime import date, timedelta
from decimal import Decimal

import frappe
from frappe.utils import now

from customer_tiering.tiering.voice_facts import due_field
from tests.oracle import Issue, Points, Survey
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
	members = [some_member(chance, name, names, as_of) for name in names]
	invoices = [p for name in names for p in some_invoices(chance, name, as_of, list(companies))]
	orders = [p for name in names for p in some_orders(chance, name, as_of, list(companies))]
	days = [paper.day for paper in (*invoices, *orders) if paper.day <= as_of]
	return World(companies, members, invoices, orders, some_rates(chance, days))


def some_member(chance: random.Random, name: str, names: list[str], as_of: date) -> Member:
	"""Some roll up to another one, in a circle now and then."""
	return Member(
		name,
		rolls_up_to=chance.choice([None, None, None, *chance.sample(names, 2)]),
		referred_by=chance.choice([None, None, *chance.sample(names, 2)]),
		disabled=chance.random() < 0.1,
		is_internal_customer=chance.random() < 0.1,
		points=tuple(some_points(chance, as_of) for _entry in range(chance.choice((0, 0, 1, 3)))),
		issues=tuple(some_issue(chance, as_of) for _issue in range(chance.choice((0, 0, 1, 3)))),
		answers=some_answers(chance, as_of),
	)


def some_points(chance: random.Random, as_of: date) -> Points:
	posted = some_day(chance, as_of)
	return Points(posted, posted + timedelta(days=chance.choice((0, 30, 365))), chance.choice((-40, 7, 100)))


def some_issue(chance: random.Random, as_of: date) -> tuple[Issue, bool]:
	"""Whether it is resolved is no question of the day."""
	due = chance.choice((None, as_of, as_of - timedelta(days=1), some_day(chance, as_of)))
	return Issue(some_day(chance, as_of), due), chance.random() < 0.3


def some_answers(chance: random.Random, as_of: date) -> tuple[Survey, ...]:
	days = {some_day(chance, as_of) for _answer in range(chance.choice((0, 0, 1, 3)))}
	return tuple(Survey(day, chance.randint(0, 10)) for day in sorted(days))


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
	insert("Customer", [customer_row(member) for member in world.members])
	insert("Loyalty Point Entry", [row for member in world.members for row in points_rows(member)])
	insert("Issue", [row for member in world.members for row in issue_rows(member)])
	insert("Customer Feedback", [row for member in world.members for row in answer_rows(member)])
	for doctype, papers in (("Sales Invoice", world.invoices), ("Sales Order", world.orders)):
		insert(doctype, [paper_row(doctype, paper) for paper in papers])
		insert(f"{doctype} Item", [row for paper in papers for row in line_rows(doctype, paper)])


def customer_row(member: Member) -> dict:
	fields = ("name", "rolls_up_to", "referred_by", "disabled", "is_internal_customer")
	row = {field: getattr(member, field) for field in fields}
	return row | {"customer_name": member.name, "loyalty_program": "Facts"}


def points_rows(member: Member) -> list[dict]:
	"""The customer's own, and more of another program, which count for nothing."""
	return [
		{
			"name": f"{member.name}-P{number}{program}",
			"customer": member.name,
			"loyalty_program": program,
			"posting_date": entry.posted,
			"expiry_date": entry.last_day,
			"loyalty_points": entry.number,
		}
		for number, entry in enumerate(member.points)
		for program in ("Facts", "Other")
	]


def issue_rows(member: Member) -> list[dict]:
	return [
		{
			"name": f"{member.name}-I{number}",
			"customer": member.name,
			"status": ("Closed", "Resolved")[number % 2]
			if resolved
			else ("Open", "Replied", "On Hold")[number % 3],
			"opening_date": issue.opened,
			due_field(): issue.resolve_by and f"{issue.resolve_by} 23:59:59",
		}
		for number, (issue, resolved) in enumerate(member.issues)
	]


def answer_rows(member: Member) -> list[dict]:
	return [
		{
			"name": f"{member.name}-F{number}",
			"customer": member.name,
			"feedback_date": answer.day,
			"score": str(answer.score),
		}
		for number, answer in enumerate(member.answers)
	]


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
