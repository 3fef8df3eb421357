"""The documents of some customers one by one, with what each is worth: what an explanation is made of."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

import frappe

from customer_tiering.engine.policy import Policy
from customer_tiering.engine.replay import Entry
from customer_tiering.tiering.companies import counted_companies
from customer_tiering.tiering.history import submitted_at
from customer_tiering.tiering.orders import INVOICE, Orders, orders_for
from customer_tiering.tiering.temporary import SCOPE, open_scope

FLAGS = ("cancelled", "counts", "is_return", "is_debit_note", "is_opening")


@dataclass(frozen=True)
class Document:
	"""A document that was submitted once, cancelled or not.

	`own` is its net total in the company's currency `own_currency`, `cost` that of its items where the policy wants the
	margin. `money`, in the reporting currency, is None where no exchange rate is stored; `rate` is the one that was used, None in
	the reporting currency itself. `in_company` says whether its company counts. `entered` is when it was submitted or, if
	the site has not kept that, when its draft was begun; `modified` when it was touched last: a cancelled one, when that was done.
	"""

	name: str
	customer: str
	day: date
	own: Decimal
	own_currency: str
	cost: Decimal | None
	rate: Decimal | None
	money: Decimal | None
	company: str
	in_company: bool
	cancelled: bool
	counts: bool
	is_return: bool
	is_debit_note: bool
	is_opening: bool
	return_against: str | None
	amended_from: str | None
	entered: datetime
	modified: datetime


def read_documents(customers: Collection[str], policy: Policy) -> list[Document]:
	"""All that these customers ever submitted of what orders are read from, the newest first."""
	open_scope(customers)
	first, last = _days(policy)
	if not first:
		return []
	companies = dict(frappe.get_all("Company", fields=["name", "default_currency"], as_list=True))
	orders = orders_for(policy, until=last, since=first, companies=companies)
	counted = counted_companies(policy)
	rows = frappe.db.sql(
		f"""SELECT document.name, document.customer, {orders.day} AS day, document.base_net_total AS own, document.company,
			document.amended_from,
			document.creation AS entered, document.modified,
			{_figures(orders)}, document.docstatus = 2 AS cancelled, {orders.counts} AS counts, {_kinds(orders)}
		FROM `{SCOPE}` scope STRAIGHT_JOIN {orders.table} document ON document.customer = scope.name {orders.money_joins()}
		WHERE document.docstatus IN (1, 2)
		ORDER BY day DESC, document.name DESC""",
		orders.values,
		as_dict=True,
	)
	submitted = submitted_at(orders.doctype, [row.name for row in rows])
	for row in rows:
		row.entered = submitted.get(row.name, row.entered)
		row |= {
			key: None if row[key] is None else Decimal(str(row[key]))
			for key in ("own", "cost", "rate", "money")
		}
		row |= {key: bool(row[key]) for key in FLAGS}
		row |= {"own_currency": companies.get(row.company), "in_company": row.company in counted}
	return [Document(**row) for row in rows]


def _figures(orders: Orders) -> str:
	cost = orders.cost() if orders.margin else "NULL"
	rate = "document_rate.rate / document_rate.per" if orders.abroad else "NULL"
	return f"{cost} AS cost, {rate} AS rate, {orders.money()} AS money"


def _kinds(orders: Orders) -> str:
	if orders.doctype != INVOICE:
		return "0 AS is_return, 0 AS is_debit_note, 0 AS is_opening, NULL AS return_against"
	return """document.is_return, document.is_debit_note, document.is_opening = 'Yes' AS is_opening,
		document.return_against"""


def entries_of(documents: Collection[Document]) -> dict[str, Entry]:
	"""By name the documents that can count on some day, as the engine takes them."""
	counting = [d for d in documents if d.counts and d.in_company]
	undone = _undone_days(counting)
	return {
		d.name: Entry(
			day=d.day,
			money=d.money or Decimal(0),
			is_order=not d.is_return and not d.is_debit_note,
			undone_on=undone.get(d.name),
		)
		for d in counting
	}


def versions_of(document: Document, by_name: Mapping[str, Document]) -> list[Document]:
	"""The document and what it was amended from, the first one last."""
	versions = [document]
	while versions[-1].amended_from in by_name:
		versions.append(by_name[versions[-1].amended_from])
	return versions


def _days(policy: Policy) -> tuple[date | None, date | None]:
	"""The first and the last day that the customers in scope have a document of."""
	orders = orders_for(policy, until=date.min, companies={})
	return frappe.db.sql(
		f"""SELECT MIN({orders.day}), MAX({orders.day})
		FROM `{SCOPE}` scope STRAIGHT_JOIN {orders.table} document ON document.customer = scope.name
		WHERE document.docstatus IN (1, 2)"""
	)[0]


def _undone_days(documents: Collection[Document]) -> dict[str, date]:
	"""The day on which the returns of an invoice came to all of it, in the currency that it was booked in."""
	left = {d.name: d.own for d in documents if not d.is_return}
	undone: dict[str, date] = {}
	cent = Decimal("0.01")
	for document in sorted((d for d in documents if d.is_return), key=lambda d: d.day):
		against = document.return_against
		if against in left:
			left[against] += document.own - cent
			if left[against] <= -cent:  # as in IS_UNDONE
				undone.setdefault(against, document.day)
	return undone
