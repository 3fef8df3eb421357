"""What a reporting currency costs where exchange rates are missing: documents whose money counts nothing."""

import frappe
from frappe.utils import getdate

from customer_tiering.engine.policy import Policy
from customer_tiering.tiering.order_facts import money_since
from customer_tiering.tiering.orders import orders_for
from customer_tiering.tiering.rates import TABLE


def without_rate(policy: Policy) -> tuple[int, int]:
	"""How many of the documents that money is made of today have no rate on or before their day, and how many there are."""
	today = getdate()
	since = money_since(policy, today)
	orders = orders_for(policy, today, since=since)
	if not orders.abroad:
		return 0, 0
	lacking, number = frappe.db.sql(
		f"""SELECT COALESCE(SUM(document.company NOT IN %(home)s AND rate.company IS NULL), 0), COUNT(*)
		FROM {orders.table} document
		LEFT JOIN `{TABLE}` rate ON rate.company = document.company AND rate.day = {orders.day}
		WHERE {orders.counts} AND {orders.in_companies} AND {orders.day} BETWEEN %(since)s AND %(today)s""",
		{**orders.values, "since": since, "today": today},
	)[0]
	return int(lacking), number
