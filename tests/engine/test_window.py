"""The window, held against a search day by day."""

from datetime import date, timedelta

import pytest
from dateutil.relativedelta import relativedelta

from customer_tiering.engine.window import window_start

FIRST, LAST = date(2019, 1, 1), date(2029, 12, 31)
DAY = timedelta(days=1)


@pytest.mark.parametrize("months", range(1, 37))
def test_window_start_is_the_first_day_that_still_counts(months: int) -> None:
	"""An order counts from its day until the day before the same day some months later."""
	earliest = FIRST - relativedelta(months=months, days=5)
	as_of = FIRST
	while as_of <= LAST:
		while earliest + relativedelta(months=months) <= as_of:
			earliest += DAY
		assert window_start(as_of, months) == earliest, as_of
		as_of += DAY


@pytest.mark.parametrize(
	("as_of", "start"),
	[
		(date(2025, 2, 27), date(2024, 2, 28)),
		(date(2025, 2, 28), date(2024, 3, 1)),
		(date(2024, 2, 28), date(2023, 3, 1)),
		(date(2024, 2, 29), date(2023, 3, 1)),
		(date(2024, 3, 1), date(2023, 3, 2)),
		(date(2024, 12, 31), date(2024, 1, 1)),
	],
)
def test_a_year_by_hand(as_of: date, start: date) -> None:
	assert window_start(as_of, 12) == start


@pytest.mark.parametrize(
	("as_of", "start"),
	[
		(date(2025, 4, 29), date(2025, 3, 30)),
		(date(2025, 4, 30), date(2025, 4, 1)),
		(date(2025, 3, 31), date(2025, 3, 1)),
		(date(2025, 2, 28), date(2025, 2, 1)),
	],
)
def test_a_month_by_hand(as_of: date, start: date) -> None:
	assert window_start(as_of, 1) == start
