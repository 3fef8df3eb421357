"""A cadence comes round for everybody once a period, on days that are spread, however often one looks."""

from collections import Counter
from datetime import date, timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from customer_tiering.engine.cadence import DAYS_OF_MONTH, LENGTHS, periods_begun

START = date(2024, 1, 1)
CADENCES = st.tuples(st.integers(1, 4), st.sampled_from(["Days", "Weeks", "Months"]))
NAMES = [f"Customer {number}" for number in range(40)]


def every_day(cadence: tuple[int, str], days: int) -> dict[str, list[tuple[date, int]]]:
	"""What one who looks every day finds for each customer."""
	found = {name: [] for name in NAMES}
	for number in range(days):
		day = START + timedelta(days=number)
		for name, period in periods_begun(NAMES, "Rule", *cadence, day - timedelta(days=1), day).items():
			found[name].append((day, period))
	return found


@given(CADENCES, st.integers(0, 200), st.integers(0, 200))
def test_whoever_was_away_finds_the_latest_and_no_other(cadence: tuple, away: int, days: int) -> None:
	after, until = START + timedelta(days=away), START + timedelta(days=away + days)
	seen = {
		name: [period for day, period in found if after < day <= until]
		for name, found in every_day(cadence, away + days + 1).items()
	}
	assert periods_begun(NAMES, "Rule", *cadence, after, until) == {
		name: periods[-1] for name, periods in seen.items() if periods
	}


@given(CADENCES)
def test_each_period_begins_once_and_follows_the_one_before(cadence: tuple) -> None:
	every, unit = cadence
	for found in every_day(cadence, 400).values():
		periods = [period for _day, period in found]
		assert periods == list(range(periods[0], periods[0] + len(periods)))
		gaps = [(later - day).days for (day, _), (later, _) in pairwise(found)]
		if unit == "Months":
			assert all(28 * every <= gap <= 31 * every for gap in gaps)
		else:
			assert set(gaps) <= {every * LENGTHS[unit]}


def test_a_new_rule_does_not_ask_for_everybody_on_one_day() -> None:
	names = [f"CUST-{number:05d}" for number in range(28_000)]
	spread = Counter()
	for number in range(28):
		day = date(2024, 2, 1) + timedelta(days=number)
		spread[day] = len(periods_begun(names, "Monthly", 1, "Months", day - timedelta(days=1), day))
	assert sum(spread.values()) == len(names)
	assert max(spread.values()) < 1.2 * len(names) / DAYS_OF_MONTH


def test_two_rules_do_not_ask_for_the_same_customers_on_the_same_day() -> None:
	names = [f"CUST-{number:05d}" for number in range(2800)]
	day, before = date(2024, 2, 10), date(2024, 2, 9)
	first = periods_begun(names, "Monthly", 1, "Months", before, day)
	second = periods_begun(names, "Quarterly", 1, "Months", before, day)
	assert len(first.keys() & second.keys()) < len(first) / 4
