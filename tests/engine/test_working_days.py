"""Due dates leave holidays out."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from customer_tiering.engine.working_days import FURTHEST, due_date

FRIDAY = date(2026, 11, 20)
WEEKENDS = {date(2026, 11, 21) + timedelta(days=7 * week + day) for week in range(60) for day in (0, 1)}


@pytest.mark.parametrize(
	("day", "days", "due"),
	[
		(FRIDAY, 0, FRIDAY),
		(FRIDAY, 1, date(2026, 11, 23)),
		(FRIDAY, 5, date(2026, 11, 27)),
		(FRIDAY, 6, date(2026, 11, 30)),
		(date(2026, 11, 21), 0, date(2026, 11, 23)),  # a Saturday
		(date(2026, 11, 21), 1, date(2026, 11, 23)),
	],
)
def test_weekends(day: date, days: int, due: date) -> None:
	assert due_date(day, days, WEEKENDS) == due


def test_a_holiday_in_the_week() -> None:
	assert due_date(FRIDAY, 1, WEEKENDS | {date(2026, 11, 23)}) == date(2026, 11, 24)


@given(st.integers(0, 60), st.sets(st.integers(0, 100)))
def test_it_is_a_working_day_with_so_many_before_it(days: int, off: set[int]) -> None:
	holidays = {FRIDAY + timedelta(days=number) for number in off}
	due = due_date(FRIDAY, days, holidays)
	between = [FRIDAY + timedelta(days=number) for number in range(1, (due - FRIDAY).days + 1)]
	worked = sum(day not in holidays for day in between)
	assert due not in holidays
	assert worked == days or (days == 0 and worked == 1 and FRIDAY in holidays)


def test_a_list_without_a_working_day_keeps_nobody() -> None:
	holidays = {FRIDAY + timedelta(days=number) for number in range(FURTHEST + 10)}
	assert due_date(FRIDAY, 3, holidays) == FRIDAY + timedelta(days=3)
