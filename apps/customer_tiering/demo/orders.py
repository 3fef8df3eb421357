"""Three years of orders: each customer buys in a rhythm and a size of its own until it stops."""

from datetime import date, timedelta
from typing import NamedTuple

from numpy.random import Generator

YEARS = 3
# How busy the months are, January first.
SEASON = (0.8, 0.6, 1.1, 1.0, 1.0, 0.9, 0.8, 0.8, 1.1, 1.1, 1.4, 1.4)
RETURN_SHARE = 0.05
MEDIAN_ORDER = 6_000
SPREAD_BETWEEN_CUSTOMERS = 1.5
SPREAD_WITHIN_CUSTOMER = 0.35


class Order(NamedTuple):
	"""An order of a customer (by its number), and what came back of it: nothing, a part or all."""

	customer: int
	day: date
	amount: float
	returned: float
	returned_on: date | None


def generate(customers: int, until: date, rng: Generator) -> list[Order]:
	"""Orders of `customers` customers in the YEARS before `until`, sorted by day. Every twelfth never orders."""
	start = until - timedelta(days=365 * YEARS)
	orders = [
		order
		for number in range(customers)
		if rng.random() > 1 / 12
		for order in _orders_of(number, start, until, rng)
	]
	return sorted(orders, key=lambda order: (order.day, order.customer))


def _orders_of(number: int, start: date, until: date, rng: Generator) -> list[Order]:
	size = MEDIAN_ORDER * rng.lognormal(0, SPREAD_BETWEEN_CUSTOMERS)
	gap = 20 + rng.gamma(2.0, 30)
	loyalty = rng.choice([0.72, 0.9, 0.985], p=[0.35, 0.4, 0.25])
	day = start + timedelta(days=int(rng.integers(0, 365 * YEARS - 30)))
	orders = []
	while day < until:
		if rng.random() < SEASON[day.month - 1]:
			orders.append(_order(number, day, size, until, rng))
			if rng.random() > loyalty:
				break
		day += timedelta(days=max(3, int(rng.gamma(4.0, gap / 4))))
	return orders


def _order(number: int, day: date, size: float, until: date, rng: Generator) -> Order:
	amount = round(float(size * rng.lognormal(0, SPREAD_WITHIN_CUSTOMER)), 2)
	back_on = day + timedelta(days=int(rng.integers(3, 40)))
	if rng.random() > RETURN_SHARE or back_on >= until:
		return Order(number, day, amount, 0.0, None)
	share = 1.0 if rng.random() < 0.3 else float(rng.uniform(0.1, 0.6))
	return Order(number, day, amount, round(amount * share, 2), back_on)
