"""Money to the thousandth."""

import pandas as pd

from customer_tiering.engine.money import rounded, thousandths


def test_every_cent_is_ten_thousandths() -> None:
	cents = range(-100_000, 100_000)
	money = pd.Series([cent / 100 for cent in cents])
	assert thousandths(money).tolist() == [10 * cent for cent in cents]
	assert rounded(money).tolist() == money.tolist()


def test_what_floats_lose_in_adding_comes_back() -> None:
	assert rounded(pd.Series([0.1 + 0.2, 29999.999999996])).tolist() == [0.3, 30000.0]
	assert thousandths(pd.Series([0.1 + 0.2, 29999.999999996])).tolist() == [300, 30_000_000]


def test_the_largest_sums_are_exact() -> None:
	assert thousandths(pd.Series([9_999_999_999.99, 9_000_000_000_000.0])).tolist() == [
		9_999_999_999_990,
		9_000_000_000_000_000,
	]
