"""Who brought the most in a period."""

from datetime import date

import frappe

from customer_tiering.tiering.orders import orders_for
from customer_tiering.tiering.policy import read_rules


def by_money(since: date, until: date) -> list[str]:
	"""Customers who brought any money from `since` to `until`, both included, returns taken off; the best first."""
	orders = orders_for(read_rules(), until, since)
	return frappe.db.sql(
		f"""SELECT document.customer FROM {orders.source}
		WHERE {orders.counts} AND {orders.in_companies} AND {orders.day} BETWEEN %(since)s AND %(as_of)s
		GROUP BY document.customer HAVING SUM({orders.money()}) > 0
		ORDER BY SUM({orders.money()}) DESC, document.customer""",
		{**orders.values, "since": since, "as_of": until},
		pluck=True,
	)
