"""What a reporting currency costs where exchange rates are missing: documents whose money counts nothing."""

from datetime import date

import frappe

from customer_tiering.engine.policy import Policy
from customer_tiering.tiering.order_facts import money_since
from customer_tiering.tiering.orders import orders_for
from customer_tiering.tiering.rates import TABLE


def without_rate(policy: Policy, as_of: date) -> tuple[int, int]:
	"""How many of the documents that money is made of on a day have no rate on or before their own, and how many there are."""
	since = money_since(policy, as_of)
	orders = orders_for(policy, as_of, since=since)
	if not orders.abroad:
		return 0, 0
	lacking, number = frappe.db.sql(
		f"""SELECT COALESCE(SUM(document.company NOT IN %(home)s AND rate.company IS NULL), 0), COUNT(*)
		FROM {orders.table} document
		LEFT JOIN `{TABLE}` rate ON rate.company = document.company AND rate.day = {orders.day}
		WHERE {orders.counts} AND {orders.in_companies} AND {orders.day} BETWEEN %(since)s AND %(as_of)s""",
		{**orders.values, "since": since, "as_of": as_of},
	)[0]
	return int(lacking), number
