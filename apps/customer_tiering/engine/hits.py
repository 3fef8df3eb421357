"""Which requests for a mail's picture and links were a reader's: the rest are machines', and don't count.

None of the rules is sure by itself, as machines pass themselves off as browsers; together they take out what they agree on.
"""

import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

OPEN, CLICK = "Open", "Click"

READER, PROXY = "Reader", "Reader's Mail Provider"
COUNTED = (READER, PROXY)
PREFETCHED, REPEATED = "Prefetched", "Same Reading"
HEAD, SCANNER, EARLY, SWEEP = "HEAD Request", "Known Scanner", "Right after Delivery", "All Links at Once"
VERDICTS = (*COUNTED, PREFETCHED, REPEATED, HEAD, SCANNER, EARLY, SWEEP)

# Gateways look before they deliver, or at once: Mautic discards 2 s, others 10 to 60 s, counted from the sender's side. Nobody
# is handed a mail, reads it and clicks within half a minute of its leaving us.
EARLY_SECONDS = 30
# The span that users of Mautic found (mautic/mautic#9798) and Maestra documents for scanners that walk through a mail.
SWEEP_SECONDS = 10
# A mail that is looked at again within the half hour that web analytics take for one visit is read once.
READING_MINUTES = 30

# Apple's Mail Privacy Protection loads the pictures of every mail, read or not, as this and nothing else (ua-parser/uap-core#509).
APPLE = "Mozilla/5.0"
# Gmail and Yahoo load pictures for a reader when the mail is opened, and keep them: the time is the reader's, the rest is not
# (Validity, "Provider categories in Everest"; Gmail's announcement of its image proxy of December 2013).
PROXIES = re.compile("GoogleImageProxy|YahooMailProxy", re.IGNORECASE)
# What machines call themselves: self-declared robots (CUBOT is a telephone), programs' HTTP libraries, previews of messengers, and
# mail gateways; the most frequent ones of the lists crawler-user-agents and JayBizzle/Crawler-Detect.
SCANNER_NAMES = re.compile(
	r"(?<!cu)bot(?![a-z])|crawl|spider|preview|scanner|headless|phantomjs|validator"
	r"|^curl/|^wget/|python|^java/|go-http-client|okhttp|libwww|httpclient|^axios/|^ruby|^node"
	r"|facebookexternalhit|whatsapp|telegram|slack|barracuda|proofpoint|mimecast|forcepoint",
	re.IGNORECASE,
)


class Hit(NamedTuple):
	"""One request: when (site's time zone), "Open" or "Click", of which link, whether it was a HEAD request, and who it says it was."""

	at: datetime
	kind: str
	target: str
	head: bool
	agent: str


def judge(hits: Sequence[Hit], delivered: datetime | None, links: int) -> list[str]:
	"""The verdict on each request for one mail, in the order given, which must be that of time.

	`delivered` is when the mail left (None: not known, nothing is too early); `links` how many different links it has. A verdict
	depends on no request that is more than SWEEP_SECONDS later.
	"""
	swept = _swept(hits, links)
	last: dict[tuple[str, str], datetime] = {}
	verdicts = []
	for number, hit in enumerate(hits):
		verdict = _machine(hit, delivered) or (SWEEP if number in swept else _reader(hit, last))
		if verdict in COUNTED:
			last[hit.kind, hit.target] = hit.at
		verdicts.append(verdict)
	return verdicts


def _machine(hit: Hit, delivered: datetime | None) -> str | None:
	"""What gives a single request away."""
	if hit.head:
		return HEAD
	is_proxy, is_apple = bool(PROXIES.search(hit.agent)), hit.agent == APPLE
	if hit.kind == OPEN and is_apple:
		return PREFETCHED
	if hit.kind == CLICK and (is_proxy or is_apple):  # these two only load pictures
		return SCANNER
	if not hit.agent or (SCANNER_NAMES.search(hit.agent) and not is_proxy):
		return SCANNER
	return EARLY if delivered and hit.at < delivered + timedelta(seconds=EARLY_SECONDS) else None


def _reader(hit: Hit, last: dict[tuple[str, str], datetime]) -> str:
	"""`last` says when the same was counted last."""
	before = last.get((hit.kind, hit.target))
	if before and hit.at < before + timedelta(minutes=READING_MINUTES):
		return REPEATED
	return PROXY if PROXIES.search(hit.agent) else READER


def _swept(hits: Sequence[Hit], links: int) -> set[int]:
	"""Numbers of the requests within a span in which every link was asked for; of a mail with one link that says nothing."""
	found: set[int] = set()
	for first in hits if links > 1 else ():
		until = first.at + timedelta(seconds=SWEEP_SECONDS)
		span = [number for number, hit in enumerate(hits) if first.at <= hit.at <= until]
		if len({hits[number].target for number in span if hits[number].kind == CLICK}) >= links:
			found.update(span)
	return found
