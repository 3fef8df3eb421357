"""What an order and what money is, in SQL: the one place, for facts, explanations, reports and exits.

* Order: a submitted Sales Invoice that is no return, no debit note, no opening entry, and not undone wholly by its returns.
  With the setting, a submitted Sales Order, unless it was closed before anything was billed.
* Money: `base_net_total` of every submitted document that is no opening entry, returns negative on their own date, or,
  with the setting, its gross margin; in the reporting currency, rounded to that currency's smallest unit document by
  document. Where no exchange rate is stored the money is NULL.
* POS Invoices count through the Sales Invoice that consolidates them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

import frappe
from frappe.utils.data import get_number_format_info

from customer_tiering.engine.policy import Policy
from customer_tiering.tiering.companies import counted_companies
from customer_tiering.tiering.rates import TABLE as RATES
from customer_tiering.tiering.rates import open_rates

INVOICE, ORDER = "Sales Invoice", "Sales Order"
DAYS = {INVOICE: "posting_date", ORDER: "transaction_date"}
COUNTS = {
	INVOICE: "{0}.docstatus = 1 AND COALESCE({0}.is_opening, '') != 'Yes'",
	ORDER: "{0}.docstatus = 1 AND NOT ({0}.status = 'Closed' AND {0}.per_billed = 0)",
}
# A line's cost in the company's currency; a line that has none costs nothing.
COSTS = {INVOICE: "item.incoming_rate * item.stock_qty", ORDER: "item.valuation_rate * item.stock_qty"}


@dataclass(frozen=True)
class Orders:
	"""How documents are read: fragments of SQL that speak of a `document` out of `source`; `values` are their parameters.

	`home` are companies that keep their books in the reporting currency, `abroad` those that don't; a query that asks for
	money needs what `orders_for` opened for the latter. `digits` are the decimals of the reporting currency's smallest unit.
	The parameter %(as_of)s, the last day that exists for whoever asks, is the caller's.
	"""

	doctype: str = INVOICE
	home: tuple[str, ...] = ()
	abroad: tuple[str, ...] = ()
	margin: bool = False
	digits: int = 2
	values: dict = field(init=False, compare=False)

	def __post_init__(self) -> None:
		values = {"companies": (*self.home, *self.abroad) or ("",), "home": self.home or ("",)}
		object.__setattr__(self, "values", values)

	@property
	def table(self) -> str:
		return f"`tab{self.doctype}`"

	@property
	def day_field(self) -> str:
		return DAYS[self.doctype]

	@property
	def day(self) -> str:
		return f"document.{self.day_field}"

	@property
	def source(self) -> str:
		"""The documents with what their money needs."""
		return f"{self.table} document {self.money_joins()}"

	@property
	def counts(self) -> str:
		"""Whether a document is one that counts, whenever it is dated and whichever company's it is."""
		return COUNTS[self.doctype].format("document")

	@property
	def in_companies(self) -> str:
		return "document.company IN %(companies)s"

	@property
	def is_sale(self) -> str:
		"""An order unless its returns undo it; whoever reads this alone must look after those himself."""
		has_returns = self.doctype == INVOICE
		return "(document.is_return = 0 AND document.is_debit_note = 0)" if has_returns else "TRUE"

	@property
	def is_order(self) -> str:
		"""To be read with `credits` joined."""
		return f"({self.is_sale} AND NOT {IS_UNDONE})" if self.doctype == INVOICE else "TRUE"

	@property
	def is_order_by_itself(self) -> str:
		"""The same without a join, looked up document by document: for where few are asked about."""
		if self.doctype != INVOICE:
			return self.is_sale
		undone = f"""
			SELECT document.base_net_total + SUM(back.base_net_total) <= 0.01 * (COUNT(*) - 1)
			FROM {self.table} back
			WHERE back.return_against = document.name AND {self._is_known_return}"""
		return f"({self.is_sale} AND ({undone}) IS NOT TRUE)"

	@property
	def credits(self) -> str:
		"""Joins to an order, as `credit`, what its returns, and as money also its debit notes, until %(as_of)s come to; nothing where
		there can be none.
		"""
		if self.doctype != INVOICE:
			return ""
		credited = f"""
			SELECT back.return_against, SUM(IF(back.is_return = 1, back.base_net_total, 0)) AS credited,
				NULLIF(SUM(back.is_return = 1), 0) AS returns, SUM({self.money("back")}) AS money
			FROM {self.table} back {self.money_joins("back")}
			WHERE back.return_against IS NOT NULL AND (back.is_return = 1 OR back.is_debit_note = 1) AND {self._is_known}
			GROUP BY back.return_against"""
		return f"LEFT JOIN ({credited}) credit ON credit.return_against = document.name"

	def credited(self, source: str, more: str = "") -> str:
		"""What orders were credited in all: `return_against`, `credited` in the company's currency, and how many `returns`."""
		return f"""
			SELECT back.return_against, SUM(back.base_net_total) AS credited, COUNT(*) AS returns{more}
			FROM {source}
			WHERE back.return_against IS NOT NULL AND {self._is_known_return}
			GROUP BY back.return_against"""

	def credited_lines(self, source: str) -> str:
		"""What returns took back of orders' lines: `line`, `credited` in the company's currency, and how many `returns`."""
		return f"""
			SELECT gone.sales_invoice_item AS line, SUM(gone.base_net_amount) AS credited, COUNT(*) AS returns
			FROM {source} STRAIGHT_JOIN `tab{self.doctype} Item` gone ON gone.parent = back.name
			WHERE gone.sales_invoice_item > '' AND {self._is_known_return}
			GROUP BY gone.sales_invoice_item"""

	@property
	def _is_known_return(self) -> str:
		return f"back.is_return = 1 AND {self._is_known}"

	@property
	def _is_known(self) -> str:
		return f"back.{self.day_field} <= %(as_of)s AND {COUNTS[self.doctype].format('back')}"

	@property
	def money_left(self) -> str:
		"""An order's money with that of its debit notes and less that of its returns; to be read with `credits` joined."""
		returned = " + COALESCE(credit.money, 0)" if self.doctype == INVOICE else ""
		return f"(COALESCE({self.money()}, 0){returned})"

	def money(self, alias: str = "document") -> str:
		"""A document's money in the reporting currency."""
		own = f"{alias}.base_net_total"
		if self.margin:
			own = f"({own} - {self.cost(alias)})"
		rounded = f"ROUND({own}, {self.digits})" if self.margin else own
		if not self.abroad:
			return rounded
		converted = f"ROUND({own} * {alias}_rate.rate / {alias}_rate.per, {self.digits})"
		return f"(CASE WHEN {alias}.company IN %(home)s THEN {rounded} ELSE {converted} END)"

	def cost(self, alias: str = "document") -> str:
		"""What a document's items cost, in the company's currency; looked up only where it is asked for."""
		return f"""COALESCE((
			SELECT SUM({COSTS[self.doctype]}) FROM `tab{self.doctype} Item` item WHERE item.parent = {alias}.name
		), 0)"""

	def money_joins(self, alias: str = "document") -> str:
		"""What the money of a document is read from besides the document."""
		if not self.abroad:
			return ""
		return f"""LEFT JOIN `{RATES}` {alias}_rate
			ON {alias}_rate.company = {alias}.company AND {alias}_rate.day = {alias}.{self.day_field}"""


# Several returns may each be a cent off, but for the last: of a discount spread over the items, or of an exchange rate.
IS_UNDONE = "(credit.returns IS NOT NULL AND document.base_net_total + credit.credited <= 0.01 * (credit.returns - 1))"


def orders_for(
	policy: Policy, until: date, since: date | None = None, companies: Mapping[str, str] | None = None
) -> Orders:
	"""How orders and their money are read under a policy.

	Of `companies` (by default all that the policy counts, with their currencies). Opens, for this connection, the table of
	exchange rates where one is needed, for documents dated from `since` (None: from ever) to `until`, both included.
	"""
	companies = counted_companies(policy) if companies is None else companies
	doctype, currency = policy.orders_from, policy.reporting_currency
	home = tuple(name for name, own in companies.items() if own == currency)
	abroad = {name: own for name, own in companies.items() if own != currency and _sells(name, doctype)}
	if abroad:
		open_rates(abroad, currency, since, until)
	return Orders(
		doctype=doctype,
		home=home,
		abroad=tuple(abroad),
		margin=policy.measure == "Gross Margin",
		digits=smallest_unit(currency),
	)


def orders_from_settings() -> Orders:
	"""What an order is as it is set now; for whoever asks for neither money nor companies."""
	return Orders(doctype=frappe.get_cached_doc("Tiering Settings").get("orders_from") or INVOICE)


def smallest_unit(currency: str) -> int:
	"""How many decimals amounts in a currency have."""
	number_format = frappe.get_cached_value("Currency", currency, "number_format")
	return get_number_format_info(number_format or "")[2]


def _sells(company: str, doctype: str) -> bool:
	"""A company without documents must not make the others' slower to read."""
	return bool(frappe.db.exists(doctype, {"company": company, "docstatus": 1}))
