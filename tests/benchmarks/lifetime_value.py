"""What a fit of lifetime values costs against the one aggregate that any answer must read; as in runs.py, on the same data.

	CUSTOMERS=100000 make test ARGS="tests/benchmarks/lifetime_value.py -s"

prints medians in seconds and as multiples of the floor. It asserts nothing: machines are noisy.
"""

import statistics
from datetime import date

import pytest
from frappe.utils import getdate

from customer_tiering.tiering.lifetime_value import fit_lifetime_value
from tests.benchmarks.runs import CUSTOMERS, ORDERS_EACH, _seconds, crowd, floor  # noqa: F401

ROUNDS = 3


@pytest.mark.usefixtures("crowd")
def test_fits() -> None:
	from customer_tiering.engine import bg_nbd, gamma_gamma
	from customer_tiering.engine.buyers import buyers, order_days
	from customer_tiering.engine.lifetime_value import back_test
	from customer_tiering.tiering.daily_orders import read_daily_orders
	from customer_tiering.tiering.policy import read_policy

	today: date = getdate()
	daily = read_daily_orders(read_policy(), today)
	days = order_days(daily)
	known = buyers(days, today)
	model = bg_nbd.fit(known)
	work = {
		"floor: one covered aggregate": floor,
		"reading days with orders": lambda: read_daily_orders(read_policy(), today),
		"telling order days": lambda: order_days(daily),
		"describing customers": lambda: buyers(days, today),
		"fitting how often": lambda: bg_nbd.fit(known),
		"fitting how much": lambda: gamma_gamma.fit_single_orders(known),
		"expecting orders": lambda: model.expected_orders(known, 365),
		"testing on the past": lambda: back_test(days, today, 365),
		"a dry fit, all of it": lambda: fit_lifetime_value(dry_run=True),
	}
	first = _seconds(fit_lifetime_value)
	figures = {
		name: statistics.median(_seconds(what) for _round in range(ROUNDS)) for name, what in work.items()
	}
	base = figures["floor: one covered aggregate"]
	print(
		f"\n{CUSTOMERS} customers, {CUSTOMERS * ORDERS_EACH} invoices; median of {ROUNDS}, and times the floor"
	)
	print(f"{'first fit, all change (once)':32} {first:8.2f} s {first / base:7.1f}")
	for name, seconds in figures.items():
		print(f"{name:32} {seconds:8.2f} s {seconds / base:7.1f}")
