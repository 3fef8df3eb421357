"""Customer Ranking: who brought the most in a period, and how much of the whole the best have together.

Orders, money and customers are those of Tier Performance. Cumulative share: the revenue of this customer and of all better
ones ÷ the revenue of all customers who brought any (Pareto; Juran, Quality Control Handbook, 1951). With negative revenue
a customer has none to share.
"""

from math import ceil

import frappe
from frappe import _
from frappe.utils import cint, flt

from customer_tiering.customer_insights.filters import (
	column,
	currency_column,
	explain,
	figures,
	how_orders_count,
	month,
	number,
	percent,
	period_text,
	ratio,
	tiers,
)
from customer_tiering.customer_insights.purchases import BY_CUSTOMER, Scope, read, read_scope

FEW = 20  # percent of the buyers whose share the summary tells


def execute(filters: dict | None = None) -> tuple:
	"""Columns, rows, message, chart and summary.

	Filters: from_date, to_date, company, territory, customer_group, and `best`, how many rows (0: all). Without
	dates this month, as on the screen. Raises
	ValidationError for a filter of a wrong kind, dates in the wrong order and a company that doesn't count.
	"""
	filters = frappe._dict(filters or {})
	filters.from_date, filters.to_date = month(filters)
	scope = read_scope(filters)
	ranked = rank(read(BY_CUSTOMER, scope), scope.currency)
	shown = ranked[: number(filters, "best", _("Best"), 0) or None]
	return columns(), shown, message(scope), chart(shown, scope), summary(ranked, shown, scope)


def rank(found: list[frappe._dict], currency: str) -> list[dict]:
	"""Customers by revenue, the best first; equals share a rank."""
	whole = sum(flt(each.revenue) for each in found if flt(each.revenue) > 0)
	colours = {tier.name: tier.colour for tier in tiers()}
	rows, so_far = [], 0.0
	for place, each in enumerate(found, start=1):
		revenue = flt(each.revenue)
		so_far += max(revenue, 0)
		equal = bool(rows) and rows[-1]["revenue"] == revenue
		rows.append(
			{
				"rank": rows[-1]["rank"] if equal else place,
				"customer": each.customer,
				"customer_name": each.customer_name or each.customer,
				"tier": each.tier,
				"colour": colours.get(each.tier) or "gray",
				"orders": cint(each.orders),
				"revenue": revenue,
				"share": percent(max(revenue, 0), whole),
				"cumulative_share": percent(so_far, whole),
				"average_order_value": ratio(flt(each.order_value), cint(each.orders)),
				"currency": currency,
			}
		)
	return rows


def share_of_few(ranked: list[dict]) -> float | None:
	"""What the best FEW percent of the customers who brought anything have of the whole, in percent."""
	bringing = [row for row in ranked if row["revenue"] > 0]
	return bringing[ceil(len(bringing) * FEW / 100) - 1]["cumulative_share"] if bringing else None


def columns() -> list[dict]:
	return [
		column("rank", _("Rank"), width=70),
		column("customer", _("Customer"), "Link", 220, options="Customer"),
		column("tier", _("Tier"), "Data", 80),
		column("orders", _("Orders"), width=80),
		column("revenue", _("Revenue"), "Currency", 140),
		column("share", _("Share of Revenue"), "Percent", 140, precision=1),
		column("cumulative_share", _("Cumulative Share"), "Percent", 150, precision=1),
		column("average_order_value", _("Avg Order Value"), "Currency", 150),
		currency_column(),
	]


def message(scope: Scope) -> str:
	details = [
		*how_orders_count(scope.policy),
		_("Cumulative share: this customer and all better ones, of the revenue of all who brought any."),
	]
	return explain(
		_("Customers by revenue, {0}.").format(period_text(scope.from_date, scope.to_date)), details
	)


def chart(shown: list[dict], scope: Scope) -> dict | None:
	bars = shown[:20]
	if not bars:
		return None
	return {
		"title": _("Revenue by customer ({0})").format(scope.currency),
		"data": {
			"labels": [row["customer_name"] for row in bars],
			"datasets": [{"name": _("Revenue"), "values": [flt(row["revenue"], 2) for row in bars]}],
		},
		"type": "bar",
		"barOptions": {"spaceRatio": 0.6},
		"fieldtype": "Currency",
		"options": "currency",
		"currency": scope.currency,
	}


def summary(ranked: list[dict], shown: list[dict], scope: Scope) -> list[dict]:
	money = {"datatype": "Currency", "currency": scope.currency}
	few = share_of_few(ranked)
	together = shown[-1]["cumulative_share"] if shown else None
	customers, together_label = _("Customers", context="Customer Tiering"), _("Share of Those Shown")
	return figures(
		[
			{"label": customers, "value": sum(1 for row in ranked if row["orders"]), "datatype": "Int"},
			{"label": _("Revenue"), "value": sum(row["revenue"] for row in ranked), **money},
			{"label": together_label, "value": together and round(together, 1), "datatype": "Percent"},
			{"label": _("Share of the Best 20%"), "value": few and round(few, 1), "datatype": "Percent"},
		]
	)
