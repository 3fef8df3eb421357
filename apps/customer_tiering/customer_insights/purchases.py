"""What customers bought in a period, in SQL: what the reports on tiers and on customers have in common.

Orders and their money are what `customer_tiering.tiering.orders` says, known on the last day; customers are those that the
tiering decides about, in the tier that they are in today.
"""

from datetime import date
from typing import NamedTuple

import frappe
from frappe import _

from customer_tiering.customer_insights.filters import (
	period,
	rules,
	text,
	visible_companies,
	visible_customers,
	with_descendants,
)
from customer_tiering.engine.policy import Policy
from customer_tiering.tiering.orders import Orders, orders_for

# STRAIGHT_JOIN: the other way round MariaDB may add the invoices up anew for every single customer.
BY_CUSTOMER = """
	SELECT COALESCE(`tabCustomer`.customer_tier, '') AS tier,
		`tabCustomer`.name AS customer,
		`tabCustomer`.customer_name,
		1 AS customers,
		bought.orders >= 1 AS buyers,
		bought.orders >= 2 AS repeat_buyers,
		bought.orders, bought.order_value, bought.revenue
	FROM ({bought}) bought STRAIGHT_JOIN `tabCustomer` ON `tabCustomer`.name = bought.customer
	WHERE {customers}
	ORDER BY COALESCE(bought.revenue, 0) DESC, `tabCustomer`.name
"""


class Scope(NamedTuple):
	"""What is counted."""

	currency: str
	from_date: date
	to_date: date
	customers: str
	policy: Policy
	orders: Orders
	values: dict


def read_scope(filters: frappe._dict) -> Scope:
	"""By the filters from_date, to_date, company, territory and customer_group; raises ValidationError for wrong ones."""
	policy = rules()
	from_date, to_date = period(filters)
	companies = visible_companies(policy, text(filters, "company", _("Company")))
	orders = orders_for(policy, until=to_date, since=from_date, companies=companies)
	conditions = ["`tabCustomer`.disabled = 0", "`tabCustomer`.is_internal_customer = 0", visible_customers()]
	values = {**orders.values, "from_date": from_date, "as_of": to_date}
	for fieldname, doctype in (("territory", "Territory"), ("customer_group", "Customer Group")):
		name = text(filters, fieldname, _(doctype))
		if name:
			conditions.append(f"`tabCustomer`.{fieldname} IN %({fieldname})s")
			values[fieldname] = with_descendants(doctype, name)
	customers = " AND ".join(conditions)
	return Scope(policy.reporting_currency, from_date, to_date, customers, policy, orders, values)


def _bought(orders: Orders) -> str:
	"""What each customer bought in the period."""
	return f"""
		SELECT document.customer,
			SUM({orders.is_order}) AS orders,
			SUM(CASE WHEN {orders.is_order} THEN {orders.money_left} ELSE 0 END) AS order_value,
			SUM({orders.money()}) AS revenue
		FROM {orders.source} {orders.credits}
		WHERE {orders.counts} AND {orders.day} BETWEEN %(from_date)s AND %(as_of)s AND {orders.in_companies}
		GROUP BY document.customer"""


def read(query: str, scope: Scope) -> list[frappe._dict]:
	"""The rows of a query that has {bought}, what each customer bought, and {customers}, a condition on `tabCustomer`."""
	query = query.format(customers=scope.customers, bought=_bought(scope.orders))
	return frappe.db.sql(query, scope.values, as_dict=True)
