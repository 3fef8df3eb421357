"""Due dates leave holidays out."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from customer_tiering.engine.working_days import FURTHEST, DaysOff, due_date, weekly_days_off

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


def test_outside_of_a_list_its_weekly_days_off_go_on() -> None:
	first, last = FRIDAY - timedelta(days=28), FRIDAY
	saturdays = {date(2026, 10, 24) + timedelta(days=7 * week) for week in range(4)}
	every_other_monday = {date(2026, 10, 26), date(2026, 11, 9)} - {date(2026, 11, 9)}
	weekly = weekly_days_off(saturdays | every_other_monday, first, last)
	assert weekly == {5}
	off = DaysOff(frozenset(saturdays - {date(2026, 11, 7)}), first, last, weekly)
	assert date(2026, 11, 7) not in off  # a Saturday that the list leaves out
	assert date(2026, 11, 21) in off and date(2026, 10, 17) in off
	assert date(2026, 11, 22) not in off
	assert due_date(FRIDAY, 1, off) == date(2026, 11, 22)
	assert due_date(FRIDAY, 1, DaysOff(frozenset(), first, last, frozenset(range(7)))) == date(2026, 11, 21)


def test_days_off_that_come_every_other_week_are_no_weekly_ones() -> None:
	days = {date(2026, 1, 3) + timedelta(days=14 * number) for number in range(26)}
	assert weekly_days_off(days, date(2026, 1, 4), date(2026, 12, 31)) == frozenset()
