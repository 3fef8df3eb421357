"""What the models of lifetime value know about a customer: how many days with orders, when, and what they brought."""

from datetime import date

import numpy as np
import pandas as pd


def order_days(daily: pd.DataFrame) -> pd.DataFrame:
	"""The days with an order: columns customer, day, money; a customer's days in their order.

	`daily` has one row a customer and day, or several: customer, day (datetime64), orders (how many; below zero what was undone)
	and money. What came in or went out on days without an order counts with the order before, or else with the first one;
	customers without an order are left out.
	"""
	total = daily.groupby(["customer", "day"], observed=True, as_index=False)[["orders", "money"]].sum()
	total = total.sort_values(["customer", "day"], kind="stable", ignore_index=True)
	has_order = total["orders"] > 0
	customer = total["customer"]
	number = np.maximum(has_order.groupby(customer, observed=True).cumsum(), 1)
	is_first = (customer != customer.shift()) | (number != number.shift())
	money = total["money"].groupby(is_first.cumsum()).sum()
	found = total.loc[has_order, ["customer", "day"]]
	block = is_first.cumsum()[has_order]
	return found.assign(money=money.reindex(block).to_numpy()).reset_index(drop=True)


def buyers(days: pd.DataFrame, as_of: date) -> pd.DataFrame:
	"""One row a customer that has ordered until `as_of`, from its `order_days`.

	Index: customer. Columns frequency (days with an order after the first one), recency (days from the first to the last
	one), age (days from the first one to `as_of`); spend, the mean money of the days after the first one (NaN where there is
	none), which the papers fit to, and log_spend, the mean of their logarithms (not finite where a day brought nothing); and
	paid, the money of all of them.
	"""
	today = pd.Timestamp(as_of)
	by_customer = days[days["day"] <= today].groupby("customer", sort=False, observed=True)
	day, money = by_customer["day"].agg(["min", "max"]), by_customer["money"].agg(["sum", "first"])
	frequency = by_customer.size() - 1
	repeats = frequency.where(frequency > 0)
	logs = _logs(days[days["day"] <= today]).groupby("customer", sort=False, observed=True)["log"]
	log = logs.agg(["sum", "first"])
	return pd.DataFrame(
		{
			"frequency": frequency,
			"recency": (day["max"] - day["min"]).dt.days,
			"age": (today - day["min"]).dt.days,
			"spend": (money["sum"] - money["first"]) / repeats,
			"log_spend": (log["sum"] - log["first"]) / repeats,
			"paid": money["sum"],
		}
	)


def _logs(days: pd.DataFrame) -> pd.DataFrame:
	with np.errstate(divide="ignore"):
		return days.assign(log=np.log(days["money"].clip(lower=0.0)))


def brought(days: pd.DataFrame, after: date, until: date) -> pd.Series:
	"""By customer, the money of its `order_days` after `after` until `until`."""
	within = (days["day"] > pd.Timestamp(after)) & (days["day"] <= pd.Timestamp(until))
	money = days[within].groupby("customer", observed=True)["money"].sum()
	# Categories of nobody have narrower codes than those of everybody, and can't be reindexed by them.
	return money.set_axis(money.index.astype(object))
