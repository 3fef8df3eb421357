"""When a message may go out, on the clock of whoever gets it."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from customer_tiering.engine.send_window import SendWindow

UTC = ZoneInfo("UTC")
OFFICE = SendWindow(frozenset(range(5)), 9, 18)
ZONES = ("Asia/Shanghai", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu")
moments = st.datetimes(datetime(2024, 1, 1), datetime(2027, 1, 1)).map(
	lambda moment: moment.replace(tzinfo=UTC)
)
windows = st.builds(
	lambda days, start, length: SendWindow(days, start, min(24, start + length)),
	st.frozensets(st.integers(0, 6), min_size=1),
	st.integers(0, 23),
	st.integers(1, 24),
)


@pytest.mark.parametrize(
	("moment", "opening"),
	[
		("2026-11-20 08:59", "2026-11-20 09:00"),  # a Friday
		("2026-11-20 09:00", "2026-11-20 09:00"),
		("2026-11-20 17:59", "2026-11-20 17:59"),
		("2026-11-20 18:00", "2026-11-23 09:00"),
		("2026-11-22 12:00", "2026-11-23 09:00"),
	],
)
def test_office_hours(moment: str, opening: str) -> None:
	zone = ZoneInfo("Asia/Shanghai")
	there = datetime.fromisoformat(moment).replace(tzinfo=zone)
	assert OFFICE.opens(there, zone) == datetime.fromisoformat(opening).replace(tzinfo=zone)


def test_it_is_the_reader_s_clock_that_counts() -> None:
	moment = datetime(2026, 11, 20, 2, tzinfo=UTC)  # 10:00 in Shanghai, 21:00 the day before in New York
	assert OFFICE.opens(moment, ZoneInfo("Asia/Shanghai")) == moment
	assert OFFICE.opens(moment, ZoneInfo("America/New_York")) == datetime(2026, 11, 20, 14, tzinfo=UTC)


def test_the_hour_that_is_there_twice() -> None:
	"""In Berlin clocks are put back from 03:00 to 02:00; the second 02:00 is nine o'clock in Shanghai."""
	berlin = ZoneInfo("Europe/Berlin")
	first = datetime(2027, 10, 31, 2, 5, tzinfo=berlin)
	opening = SendWindow(start=9, end=18).opens(first, ZoneInfo("Asia/Shanghai"))
	assert opening.astimezone(UTC) == datetime(2027, 10, 31, 1, tzinfo=UTC)
	assert opening.fold == 1


@given(windows, moments, st.sampled_from(ZONES))
def test_it_opens_at_the_first_open_minute(window: SendWindow, moment: datetime, zone_name: str) -> None:
	zone = ZoneInfo(zone_name)

	def is_open(when: datetime) -> bool:
		local = when.astimezone(zone)
		return local.weekday() in window.days and window.start <= local.hour < window.end

	opening = window.opens(moment, zone)
	assert moment <= opening <= moment + timedelta(days=9)
	if opening != moment:
		assert not is_open(moment)
		between = (opening - moment) / 7
		assert not any(is_open(moment + between * step) for step in range(1, 7))
		assert opening.astimezone(zone).weekday() in window.days


@pytest.mark.parametrize(
	"wrong", [(frozenset(), 9, 18), (frozenset({7}), 9, 18), (frozenset({1}), 18, 9), (frozenset({1}), 0, 25)]
)
def test_what_is_no_window_is_refused(wrong: tuple) -> None:
	with pytest.raises(ValueError, match="not a send window"):
		SendWindow(*wrong)
