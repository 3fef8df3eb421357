"""What customers' orders come to, set-wise: one aggregate, and a look at what returns undid."""

from collections.abc import Collection
from datetime import date

import frappe
import numpy as np
import pandas as pd

from customer_tiering.engine.policy import Policy
from customer_tiering.engine.replay import leaves_window_on
from customer_tiering.engine.rhythm import rhythm
from customer_tiering.engine.window import window_start
from customer_tiering.tiering.groups import COUNTED
from customer_tiering.tiering.orders import IS_UNDONE, Orders, orders_for
from customer_tiering.tiering.temporary import SCOPE, open_scope

# TO_DAYS of the day that numpy counts from.
EPOCH = 719528
# Days of an order, as SQL puts them together, of a customer who ordered daily for centuries.
LONGEST = 1_000_000


def read_order_facts(policy: Policy, as_of: date, scoped: bool) -> pd.DataFrame:
	"""One row a customer with any document that counts until `as_of` or after it.

	Columns: orders_ever, annual_orders, first_order_date, last_order_date, annual_value, recent_value, spend_0 (this month so
	far), spend_1 …, next_exit, next_recent_exit, next_document, rhythm_days, expected_on. Money is in the reporting currency. There
	are spend_N for as many whole months as Declining looks at, `decline_months` + 1, whether or not that signal is on: nothing
	else may count on a certain N.
	"""
	orders = orders_for(policy, as_of, since=money_since(policy, as_of))
	totals = _totals(orders, policy, as_of, scoped)
	undone = _undone(orders, policy, as_of, scoped)
	for column, taken in (("orders_ever", "undone"), ("annual_orders", "undone_in_window")):
		totals[column] = totals[column].sub(undone.groupby("customer")[taken].sum(), fill_value=0)
	order_days = _without(_order_days(totals.pop("order_days")), undone)
	by_customer = order_days.groupby("customer", sort=False)["day"]
	found = [
		totals,
		by_customer.min().rename("first_order_date"),
		by_customer.max().rename("last_order_date"),
		rhythm(order_days, policy, as_of),
		_next_documents(orders, as_of, scoped),
	]
	return pd.concat(found, axis=1).rename_axis("customer")


def money_since(policy: Policy, as_of: date) -> date:
	"""The earliest day whose money any fact is made of."""
	return min(
		window_start(as_of, policy.window_months), _recent_since(policy, as_of), _months(policy, as_of)[-1][0]
	)


def median_order(policy: Policy, as_of: date) -> float | None:
	"""The median money of the counted customers' orders in the window, returns left aside; None if there is no order."""
	orders, given, in_window = _in_window(policy, as_of)
	money = f"SELECT CAST({orders.money()} AS DOUBLE) FROM"
	sales = _amounts(f"{money} {orders.source} WHERE {in_window}", given)
	if orders.credits:
		undone = _amounts(
			f"{money} {_undone_orders(orders, False, orders.money_joins())} AND {in_window}", given
		)
		sales = sales.sub(undone, fill_value=0).astype("int64")
	return float(np.median(sales.index.repeat(sales))) if sales.sum() else None


def _amounts(query: str, given: dict) -> pd.Series:
	"""How many documents there are of each amount; without those that have none."""
	return pd.Series([row[0] for row in frappe.db.sql(query, given)], dtype="float64").value_counts()


def whales(
	policy: Policy, as_of: date, threshold: float | None, customers: Collection[str] | None = None
) -> pd.DataFrame:
	"""Counted customers' orders in the window of at least that much money, returns left aside; none without a threshold.

	Columns customer, order, day (datetime64), money, original (what the order was amended from, in the end, else the order);
	of everybody, or of `customers`; the oldest first.
	"""
	rows = () if threshold is None else _orders_from(threshold, policy, as_of, customers)
	frame = pd.DataFrame.from_records(rows, columns=["customer", "order", "day", "money", "original"])
	doctype = Orders(policy.orders_from).doctype
	frame["original"] = [
		_original(doctype, name, before)
		for name, before in zip(frame["order"], frame["original"], strict=True)
	]
	return frame.astype({"money": "float64"}).assign(day=pd.to_datetime(frame["day"]))


def _original(doctype: str, order: str, amended_from: str | None) -> str:
	while amended_from:
		order, amended_from = amended_from, frappe.db.get_value(doctype, amended_from, "amended_from")
	return order


def _orders_from(
	threshold: float, policy: Policy, as_of: date, customers: Collection[str] | None
) -> tuple[tuple, ...]:
	orders, given, in_window = _in_window(policy, as_of)
	if customers is not None:
		open_scope(customers)
	return frappe.db.sql(
		f"""SELECT document.customer, document.name, {orders.day}, CAST({orders.money()} AS DOUBLE), document.amended_from
		FROM {_documents(orders, customers is not None)} {orders.money_joins()}
		WHERE {in_window} AND {orders.money()} >= %(threshold)s AND {orders.is_order_by_itself}
		ORDER BY {orders.day}, document.name""",
		{**given, "threshold": threshold},
	)


def _in_window(policy: Policy, as_of: date) -> tuple[Orders, dict, str]:
	"""A condition for the window's orders, undone or not, and what it takes."""
	since = window_start(as_of, policy.window_months)
	orders = orders_for(policy, as_of, since=since)
	condition = f"""{orders.counts} AND {orders.in_companies} AND {orders.is_sale}
		AND {orders.day} BETWEEN %(since)s AND %(as_of)s
		AND document.customer NOT IN (SELECT name FROM `tabCustomer` customer WHERE NOT ({COUNTED.format("customer")}))"""
	return orders, {**orders.values, "as_of": as_of, "since": since}, condition


def _documents(orders: Orders, scoped: bool) -> str:
	if not scoped:
		return f"{orders.table} document"
	return f"`{SCOPE}` scope STRAIGHT_JOIN {orders.table} document ON document.customer = scope.name"


def _totals(orders: Orders, policy: Policy, as_of: date, scoped: bool) -> pd.DataFrame:
	"""Counts and money as if no order had been undone, and `order_days`: the days of orders, as TO_DAYS has them."""
	months = _months(policy, as_of)
	given = {**orders.values, "as_of": as_of, "longest": LONGEST}
	given |= {
		"since": window_start(as_of, policy.window_months),
		"recent_since": _recent_since(policy, as_of),
		"month": as_of.replace(day=1),
	}
	given |= {f"from_{n}": first for n, (first, _last) in enumerate(months, start=1)}
	given |= {f"to_{n}": last for n, (_first, last) in enumerate(months, start=1)}
	sums = {"annual_value": f"{orders.day} >= %(since)s"}
	if policy.upsell_value > 0:
		sums["recent_value"] = f"{orders.day} >= %(recent_since)s"
	sums["spend_0"] = f"{orders.day} >= %(month)s"
	for n in range(1, len(months) + 1):
		sums[f"spend_{n}"] = f"{orders.day} BETWEEN %(from_{n})s AND %(to_{n})s"
	money = orders.money()
	selected = [
		"document.customer",
		f"SUM({orders.is_sale})",
		f"SUM({orders.is_sale} AND {orders.day} >= %(since)s)",
		f"GROUP_CONCAT(DISTINCT CASE WHEN {orders.is_sale} THEN TO_DAYS({orders.day}) END)",
		f"MIN(CASE WHEN {orders.day} >= %(since)s THEN {orders.day} END)",
		f"MIN(CASE WHEN {orders.day} >= %(recent_since)s THEN {orders.day} END)"
		if policy.upsell_value > 0
		else "NULL",
		*(f"CAST(SUM(CASE WHEN {when} THEN {money} END) AS DOUBLE)" for when in sums.values()),
	]
	rows = frappe.db.sql(
		f"""SET STATEMENT group_concat_max_len = %(longest)s FOR
		SELECT {", ".join(selected)}
		FROM {_documents(orders, scoped)} {orders.money_joins()}
		WHERE {orders.counts} AND {orders.day} <= %(as_of)s AND {orders.in_companies}
		GROUP BY document.customer""",
		given,
	)
	counts, exits = ["orders_ever", "annual_orders", "order_days"], ["next_exit", "next_recent_exit"]
	frame = pd.DataFrame.from_records(rows, columns=["customer", *counts, *exits, *sums], index="customer")
	frame["next_exit"] = _leaving(frame["next_exit"], policy.window_months)
	frame["next_recent_exit"] = _leaving(frame["next_recent_exit"], policy.upsell_months)
	if "recent_value" not in sums:
		frame["recent_value"] = 0.0
	return frame.astype(dict.fromkeys(("orders_ever", "annual_orders"), "int64"))


def _recent_since(policy: Policy, as_of: date) -> date:
	return window_start(as_of, policy.upsell_months)


def _months(policy: Policy, as_of: date) -> list[tuple[date, date]]:
	"""First and last day of the whole calendar months before that of `as_of`, the latest first."""
	months = pd.period_range(end=pd.Period(as_of, "M") - 1, periods=policy.decline_months + 1, freq="M")[::-1]
	return [(month.start_time.date(), month.end_time.date()) for month in months]


def _leaving(oldest: pd.Series, months: int) -> pd.Series:
	days = {day: leaves_window_on(day, months) for day in oldest.dropna().unique()}
	return pd.to_datetime(oldest.map(days))


def _undone(orders: Orders, policy: Policy, as_of: date, scoped: bool) -> pd.DataFrame:
	"""Days on which a customer had orders that their returns undid: how many, and of how many orders of that day.

	Columns customer, day, undone, undone_in_window, orders.
	"""
	columns = ["customer", "day", "undone", "orders"]
	rows = (
		frappe.db.sql(_undone_query(orders, scoped), {**orders.values, "as_of": as_of})
		if orders.credits
		else ()
	)
	frame = pd.DataFrame.from_records(rows, columns=columns)
	frame = frame.astype({"undone": "int64", "orders": "int64"}).assign(day=pd.to_datetime(frame["day"]))
	since = pd.Timestamp(window_start(as_of, policy.window_months))
	return frame.assign(undone_in_window=frame["undone"].where(frame["day"] >= since, 0))


def _undone_query(orders: Orders, scoped: bool) -> str:
	return f"""
		SELECT undone.customer, undone.day, undone.undone, COUNT(*)
		FROM (
			SELECT document.customer, {orders.day} AS day, COUNT(*) AS undone
			FROM {_undone_orders(orders, scoped)} GROUP BY document.customer, {orders.day}
		) undone
		STRAIGHT_JOIN {orders.table} document ON document.customer = undone.customer AND {orders.day} = undone.day
		WHERE {orders.counts} AND {orders.is_sale} AND {orders.in_companies}
		GROUP BY undone.customer, undone.day, undone.undone"""


def _undone_orders(orders: Orders, scoped: bool, joins: str = "") -> str:
	"""What follows FROM, up to the conditions: the orders that returns undid.

	Starts from the returns, or from the customers asked for, and goes on by keys: both are few.
	"""
	return f"""({orders.credited(returns(orders, scoped))}) credit
		STRAIGHT_JOIN {orders.table} document ON document.name = credit.return_against {joins}
		WHERE {orders.counts} AND {orders.is_sale} AND {orders.in_companies} AND {orders.day} <= %(as_of)s
			AND {IS_UNDONE}"""


def returns(orders: Orders, scoped: bool) -> str:
	"""What follows FROM to read returns, as `back`: all, or those of the customers in the scope."""
	if scoped:
		return f"""`{SCOPE}` scope STRAIGHT_JOIN {orders.table} sold ON sold.customer = scope.name
			STRAIGHT_JOIN {orders.table} back ON back.return_against = sold.name"""
	# Else MariaDB reads every invoice to find the few that are returns.
	known = frappe.db.has_index(f"tab{orders.doctype}", "return_against")
	return f"{orders.table} back {'FORCE INDEX (return_against)' if known else ''}"


def _order_days(texts: pd.Series) -> pd.DataFrame:
	"""From one text a customer, days with commas between, to columns customer and day."""
	texts = texts.dropna()
	numbers = np.fromstring(",".join(texts), sep=",", dtype="int64") if len(texts) else np.array([], "int64")
	customers = texts.index.repeat(texts.str.count(",").astype("int64") + 1)
	days = (numbers - EPOCH).astype("datetime64[D]").astype("datetime64[s]")
	return pd.DataFrame({"customer": customers.to_numpy(object), "day": days})


def _without(order_days: pd.DataFrame, undone: pd.DataFrame) -> pd.DataFrame:
	"""The order days that are left when the undone orders go."""
	gone = undone[undone["undone"] == undone["orders"]]
	if gone.empty:
		return order_days
	days = order_days["day"].astype("datetime64[s]")
	gone = pd.MultiIndex.from_arrays([gone["customer"], gone["day"].astype("datetime64[s]")])
	suspects = order_days["customer"].isin(gone.get_level_values(0))
	keys = pd.MultiIndex.from_arrays([order_days.loc[suspects, "customer"], days[suspects]])
	suspects[suspects] = keys.isin(gone)
	return order_days[~suspects]


def _next_documents(orders: Orders, as_of: date, scoped: bool) -> pd.Series:
	"""The first day after `as_of` that a document of the customer is dated."""
	rows = frappe.db.sql(
		f"""SELECT document.customer, MIN({orders.day}) FROM {_documents(orders, scoped)}
		WHERE {orders.counts} AND {orders.day} > %(as_of)s AND {orders.in_companies}
		GROUP BY document.customer""",
		{**orders.values, "as_of": as_of},
	)
	frame = pd.DataFrame.from_records(rows, columns=["customer", "next_document"], index="customer")
	return pd.to_datetime(frame["next_document"])
