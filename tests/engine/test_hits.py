"""Whose requests count: a table of what scanners, proxies and readers do, and the walk through all links against its definition."""

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from customer_tiering.engine.hits import (
	CLICK,
	COUNTED,
	EARLY,
	EARLY_SECONDS,
	HEAD,
	OPEN,
	PREFETCHED,
	PROXY,
	READER,
	READING_MINUTES,
	REPEATED,
	SCANNER,
	SWEEP,
	SWEEP_SECONDS,
	Hit,
	judge,
)

SENT = datetime(2026, 3, 2, 9)
BROWSER = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36"
CUBOT = "Mozilla/5.0 (Linux; Android 9; CUBOT X19) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/96.0 Mobile Safari/537.36"
GMAIL = "Mozilla/5.0 (Windows NT 5.1; rv:11.0) Gecko Firefox/11.0 (via ggpht.com GoogleImageProxy)"
YAHOO = "YahooMailProxy; https://help.yahoo.com/kb/yahoo-mail-proxy-SLN28749.html"
HEADLESS = BROWSER.replace("Chrome/", "HeadlessChrome/")


def hit(seconds: float, kind: str = OPEN, target: str = "", agent: str = BROWSER, head: bool = False) -> Hit:
	return Hit(SENT + timedelta(seconds=seconds), kind, target, head, agent)


def click(seconds: float, target: str = "https://a.example", **more: object) -> Hit:
	return hit(seconds, CLICK, target, **more)


LATER = EARLY_SECONDS
PAUSE = READING_MINUTES * 60


@pytest.mark.parametrize(
	("hits", "verdicts"),
	[
		([hit(LATER)], [READER]),
		([hit(LATER - 1)], [EARLY]),
		([hit(-1), click(LATER - 0.001)], [EARLY, EARLY]),
		([hit(LATER, agent=CUBOT)], [READER]),
		([hit(LATER, agent=GMAIL), hit(LATER + PAUSE, agent=YAHOO)], [PROXY, PROXY]),
		([hit(LATER - 1, agent=GMAIL)], [EARLY]),
		([click(LATER, agent=GMAIL)], [SCANNER]),
		([hit(9, agent="Mozilla/5.0"), hit(9999, agent="Mozilla/5.0"), hit(10000)], [PREFETCHED, PREFETCHED, READER]),
		([click(LATER, agent="Mozilla/5.0")], [SCANNER]),
		([click(LATER, head=True), click(LATER + 1)], [HEAD, READER]),
		([hit(LATER, agent="")], [SCANNER]),
		([hit(LATER, agent=agent) for agent in ("curl/8.5.0", "python-requests/2.31", HEADLESS)], [SCANNER] * 3),
		([hit(LATER, agent=agent) for agent in ("Slackbot-LinkExpanding 1.0", "Googlebot/2.1", "BarracudaCentral")], [SCANNER] * 3),
		# a reading is counted once, and one after the pause again
		([hit(100), hit(101), hit(100 + PAUSE - 1), hit(100 + PAUSE)], [READER, REPEATED, REPEATED, READER]),
		# what doesn't count starts no reading
		([hit(1), hit(100)], [EARLY, READER]),
		# links are counted one by one
		([click(100), click(200, "https://b.example"), click(201)], [READER, READER, REPEATED]),
	],
)  # fmt: skip
def test_whose_request_it_was(hits: list[Hit], verdicts: list[str]) -> None:
	assert judge(hits, SENT, links=3) == verdicts


def test_nothing_is_early_of_a_mail_whose_sending_is_not_known() -> None:
	assert judge([hit(1)], None, links=1) == [READER]


def test_a_walk_through_all_links_takes_the_picture_along_and_leaves_the_reader_who_comes_later() -> None:
	walk = [hit(99), click(100, "a"), hit(101), click(103, "b"), click(100 + SWEEP_SECONDS, "c")]
	later = [click(500, "a"), hit(501)]
	assert judge([*walk, *later], SENT, links=3) == [READER, *[SWEEP] * 4, READER, REPEATED]
	assert SWEEP not in judge([*walk[:-1], click(100 + SWEEP_SECONDS + 1, "c")], SENT, links=3)
	assert SWEEP not in judge(walk, SENT, links=4)


def test_a_click_on_the_only_link_is_no_walk() -> None:
	assert judge([click(100)], SENT, links=1) == [READER]


HITS = st.lists(
	st.builds(
		hit,
		st.integers(0, 4000),
		st.sampled_from([OPEN, CLICK, CLICK]),
		st.sampled_from(["a", "b", "c"]),
		st.sampled_from([BROWSER, BROWSER, GMAIL, "Mozilla/5.0", "curl/8"]),
		st.booleans(),
	),
	max_size=14,
).map(sorted)


@given(HITS, st.integers(1, 3))
def test_walks_are_found_as_they_are_defined(hits: list[Hit], links: int) -> None:
	"""In any span of so many seconds that holds a click on every link, whatever looked like a reader is none."""
	for one, verdict in zip(hits, judge(hits, SENT, links), strict=True):
		spans = [
			[other for other in hits if 0 <= (other.at - SENT).total_seconds() - start <= SWEEP_SECONDS]
			for start in range(int((one.at - SENT).total_seconds()) - SWEEP_SECONDS, 4001)
			if start <= (one.at - SENT).total_seconds() <= start + SWEEP_SECONDS
		]
		walked = links > 1 and any(
			len({h.target for h in span if h.kind == CLICK}) >= links for span in spans
		)
		assert (verdict == SWEEP) == (walked and verdict not in (HEAD, SCANNER, PREFETCHED, EARLY))


@given(HITS, st.integers(1, 3), st.data())
def test_what_is_judged_stays_when_more_comes_in(hits: list[Hit], links: int, data: st.DataObject) -> None:
	until = SENT + timedelta(seconds=data.draw(st.integers(0, 4000)))
	settled = [one for one in hits if one.at < until - timedelta(seconds=SWEEP_SECONDS)]
	known = [one for one in hits if one.at < until]
	assert judge(hits, SENT, links)[: len(settled)] == judge(known, SENT, links)[: len(settled)]


@given(HITS, st.integers(1, 3))
def test_no_two_that_count_are_of_one_reading(hits: list[Hit], links: int) -> None:
	last: dict[tuple, datetime] = {}
	for one, verdict in zip(hits, judge(hits, SENT, links), strict=True):
		if verdict in COUNTED:
			before = last.get((one.kind, one.target))
			assert before is None or one.at - before >= timedelta(minutes=READING_MINUTES)
			last[one.kind, one.target] = one.at
