"""Tier Performance: what the customers of each tier bought in a period.

An order and its money are what `customer_tiering.tiering.orders` says, known on the To Date: a return that is dated
later undoes nothing yet. Customers are those that the tiering decides about, in the tier that they are in today.

* revenue: the money of all documents of the period that count, returns and debit notes included, on their own date;
* orders, buyers (customers with an order), repeat buyers (with two or more): orders dated in the period;
* repurchase rate: repeat buyers ÷ buyers;
* average order value: the money of the period's orders with their debit notes, less all their returns until the To Date, ÷ orders;
* revenue a buyer: revenue ÷ buyers.
"""

import frappe
from frappe import _
from frappe.utils import flt

from customer_tiering.customer_insights.filters import (
	COLOURS,
	column,
	currency_column,
	explain,
	figures,
	how_orders_count,
	percent,
	period_text,
	ratio,
	tiers,
	whole,
)
from customer_tiering.customer_insights.purchases import BY_CUSTOMER, Scope, read, read_scope

SUMS = ("customers", "buyers", "repeat_buyers", "orders", "order_value", "revenue")

CUSTOMERS_BY_TIER = """
	SELECT COALESCE(`tabCustomer`.customer_tier, '') AS tier, COUNT(*) AS customers
	FROM `tabCustomer`
	WHERE {customers}
	GROUP BY COALESCE(`tabCustomer`.customer_tier, '')
"""

# STRAIGHT_JOIN: the other way round MariaDB may add the invoices up anew for every single customer.
BOUGHT_BY_TIER = """
	SELECT COALESCE(`tabCustomer`.customer_tier, '') AS tier,
		SUM(bought.orders >= 1) AS buyers,
		SUM(bought.orders >= 2) AS repeat_buyers,
		SUM(bought.orders) AS orders,
		SUM(bought.order_value) AS order_value,
		SUM(bought.revenue) AS revenue
	FROM ({bought}) bought STRAIGHT_JOIN `tabCustomer` ON `tabCustomer`.name = bought.customer
	WHERE {customers}
	GROUP BY COALESCE(`tabCustomer`.customer_tier, '')
"""


def execute(filters: dict | None = None) -> tuple:
	"""Columns, rows (a total last), message, chart and summary.

	Filters: from_date, to_date, company, territory, customer_group, and show_customers for a row a customer below
	its tier. Raises ValidationError for a filter of a wrong kind, dates in the wrong order and a company that doesn't count.
	"""
	filters = frappe._dict(filters or {})
	scope = read_scope(filters)
	by_tier = rows_by_tier(scope)
	total = row(add_up(by_tier), scope.currency, title=_("Total"), is_total=1)
	for each in by_tier:
		each["share"] = percent(each["revenue"], total["revenue"]) if total["revenue"] > 0 else None
	total["share"] = 100.0 if total["revenue"] > 0 else None
	rows = with_customers(by_tier, scope, total["revenue"]) if filters.show_customers else by_tier
	return columns(), [*rows, total], message(scope), chart(by_tier, scope), summary(total, scope)


def rows_by_tier(scope: Scope) -> list[dict]:
	"""One row a tier, the best first, also for a tier that is empty; customers without a tier last."""
	found = {each.tier: each for each in read(CUSTOMERS_BY_TIER, scope)}
	for each in read(BOUGHT_BY_TIER, scope):
		found[each.tier] |= each
	known = [(tier.name, tier.colour) for tier in tiers()]
	names = {name for name, _colour in known}
	known += [(name, None) for name in sorted(set(found) - names - {""})]
	if "" in found:
		known.append(("", None))
	return [
		row(
			found.get(name, {}),
			scope.currency,
			title=_(name, context="Customer Tier") if name else _("No tier"),
			tier=name,
			colour=colour or "gray",
		)
		for name, colour in known
	]


def with_customers(by_tier: list[dict], scope: Scope, revenue: float) -> list[dict]:
	"""The rows of the tiers, each followed by those of its customers who have a document in the period."""
	below: dict[str, list[dict]] = {}
	for each in read(BY_CUSTOMER, scope):
		names = {
			"title": each.customer_name or each.customer,
			"tier": each.tier,
			"customer": each.customer,
		}
		detail = row(each, scope.currency, **names, indent=1)
		detail["share"] = percent(detail["revenue"], revenue) if revenue > 0 else None
		below.setdefault(each.tier, []).append(detail)
	rows = []
	for tier in by_tier:
		rows += [{**tier, "indent": 0}, *below.get(tier["tier"], [])]
	return rows


def add_up(rows: list[dict]) -> dict:
	return {key: sum(each[key] for each in rows) for key in SUMS}


def row(sums: dict, currency: str, **labels: object) -> dict:
	"""The sums of a tier, a customer or all of them, with the rates that follow from them."""
	counts = {key: whole(sums.get(key)) for key in SUMS[:4]}
	revenue, order_value = flt(sums.get("revenue")), flt(sums.get("order_value"))
	return {
		**labels,
		**counts,
		"order_value": order_value,
		"revenue": revenue,
		"repurchase_rate": percent(counts["repeat_buyers"], counts["buyers"]),
		"average_order_value": ratio(order_value, counts["orders"]),
		"revenue_per_buyer": ratio(revenue, counts["buyers"]),
		"currency": currency,
	}


def columns() -> list[dict]:
	return [
		column("title", _("Tier"), "Data", 135),
		column("customers", _("Customers", context="Customer Tiering"), width=100),
		column("buyers", _("Buyers"), width=80),
		column("repeat_buyers", _("Repeat Buyers"), width=130),
		column("repurchase_rate", _("Repurchase Rate"), "Percent", 150, precision=1),
		column("orders", _("Orders"), width=80),
		column("revenue", _("Revenue"), "Currency", 140),
		column("share", _("Share of Revenue"), "Percent", 130, precision=1),
		column("average_order_value", _("Avg Order Value"), "Currency", 145),
		column("revenue_per_buyer", _("Revenue per Buyer"), "Currency", 160),
		currency_column(),
	]


def message(scope: Scope) -> str:
	details = [
		_("Customers are counted in the tier that they are in today, without disabled and internal ones."),
		*how_orders_count(scope.policy),
		_(
			"Buyers have at least one order in the period, repeat buyers two. Repurchase rate: repeat buyers ÷ buyers."
		),
		_(
			"Revenue: the money of the documents of the period in {0}, returns subtracted on their own date. Share: of the revenue of all rows."
		).format(scope.currency),
		_(
			"Average order value: the period's orders, with their debit notes and less their returns until {0}, divided by their number."
		).format(frappe.utils.formatdate(scope.to_date)),
	]
	return explain(
		_("Orders of {0}, by the tier of today.").format(period_text(scope.from_date, scope.to_date)), details
	)


def chart(by_tier: list[dict], scope: Scope) -> dict | None:
	"""Revenue, a bar a tier in the tier's colour; without "No tier" where that has none."""
	bars = [each for each in by_tier if each["tier"] or each["revenue"]]
	labels = [each["title"] for each in bars]
	if not labels:
		return None
	datasets = [
		{
			"name": _("{0} in {1}").format(each["title"], scope.currency),  # where a workspace shows no title
			"values": [flt(each["revenue"], 2) if at == own else None for at in range(len(labels))],
		}
		for own, each in enumerate(bars)
	]
	return {
		"title": _("Revenue by tier ({0}), {1}").format(
			scope.currency, period_text(scope.from_date, scope.to_date)
		),
		"data": {"labels": labels, "datasets": datasets},
		"type": "bar",
		"colors": [COLOURS.get(each["colour"], COLOURS["gray"]) for each in bars],
		"barOptions": {"stacked": 1, "spaceRatio": 0.6},
		"fieldtype": "Currency",
		"options": "currency",
		"currency": scope.currency,
	}


def summary(total: dict, scope: Scope) -> list[dict]:
	money = {"datatype": "Currency", "currency": scope.currency}
	rate = total["repurchase_rate"]
	customers = _("Customers", context="Customer Tiering")
	return figures(
		[
			{"label": customers, "value": total["customers"], "datatype": "Int"},
			{"label": _("Buyers"), "value": total["buyers"], "datatype": "Int"},
			{"label": _("Repurchase Rate"), "value": rate and round(rate, 1), "datatype": "Percent"},
			{"label": _("Revenue"), "value": total["revenue"], **money},
			{"label": _("Avg Order Value"), "value": total["average_order_value"], **money},
		]
	)
