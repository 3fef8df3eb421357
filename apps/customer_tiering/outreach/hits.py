"""Keeps what was opened and clicked, and counts of it what readers did.

Kept are the time, the link and what program it was. Who asked is not: an IP address is personal data (CJEU C-582/14), hashed as
well, as there are few enough to try; and none of the rules needs it.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import groupby
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

import frappe
from frappe.utils import add_days, get_system_timezone, get_url, now_datetime

from customer_tiering.engine.hits import CLICK, COUNTED, OPEN, PREFETCHED, SWEEP_SECONDS, Hit, judge
from customer_tiering.outreach.tracked_links import Wanted
from customer_tiering.outreach.tracking import ALL, CLICKS, tracking_of
from customer_tiering.tiering.behaviour import record_behaviour

KEPT_DAYS = 180
# Nobody reads one mail as often: whoever asks for more fills our disk.
MOST = 200
BATCH = 200
# A request is judged when all that could change the verdict has come in.
SETTLED = timedelta(seconds=6 * SWEEP_SECONDS)

HITS = """
	SELECT hit.name, hit.touch, hit.kind, hit.happened_on, COALESCE(hit.target, '') AS target, hit.head,
		COALESCE(hit.user_agent, '') AS user_agent, hit.verdict = '' AND hit.happened_on <= %(until)s AS is_new
	FROM `tabOutreach Hit` hit WHERE hit.touch IN %(touches)s
	ORDER BY hit.touch, hit.happened_on, hit.creation, hit.name"""

TOUCHES = """
	SELECT touch.name, touch.links, touch.email_template, customer.name AS customer, template.name AS template,
		IF(queue.status = 'Sent', queue.modified, NULL) AS delivered
	FROM `tabOutreach Touch` touch
	LEFT JOIN `tabCustomer` customer ON customer.name = touch.customer
	LEFT JOIN `tabEmail Template` template ON template.name = touch.email_template
	LEFT JOIN `tabEmail Queue` queue ON queue.name = touch.email_queue
	WHERE touch.name IN %(touches)s"""

COUNT = """
	UPDATE `tabOutreach Touch` SET opens = opens + %(opens)s, clicks = clicks + %(clicks)s,
		first_opened_on = COALESCE(first_opened_on, %(opened)s), first_clicked_on = COALESCE(first_clicked_on, %(clicked)s),
		prefetched = GREATEST(prefetched, %(prefetched)s)
	WHERE name = %(touch)s"""


def note_hit(wanted: Wanted, asked_at: datetime) -> None:
	"""Keep the request at hand, in a row that nobody judged yet. The caller commits. `asked_at` has a time zone.

	Not kept is what is asked not to be (Do Not Track, Global Privacy Control), what may not be any more, and a colleague's look.
	"""
	if frappe.request.method not in ("GET", "HEAD") or _asks_not_to() or _is_colleague():
		return
	customer = frappe.db.get_value("Outreach Touch", wanted.touch, "customer")
	may = tracking_of(customer) if customer else None
	if may != ALL and not (may == CLICKS and wanted.kind == CLICK):
		return
	if frappe.db.count("Outreach Hit", {"touch": wanted.touch}) >= MOST:
		return
	now = now_datetime()
	row = {
		"name": frappe.generate_hash(length=12),
		"creation": now,
		"modified": now,
		"owner": "Guest",
		"modified_by": "Guest",
		"touch": wanted.touch,
		"kind": wanted.kind,
		"happened_on": asked_at.astimezone(ZoneInfo(get_system_timezone())).replace(tzinfo=None),
		"target": wanted.target,
		"head": int(frappe.request.method == "HEAD"),
		"user_agent": (frappe.get_request_header("User-Agent") or "")[:140],
		"verdict": "",
	}
	frappe.db.bulk_insert("Outreach Hit", list(row), [list(row.values())])


def judge_hits(now: datetime | None = None) -> int:
	"""Judge what came in until a minute ago and count it; returns how many requests. Commits. Workers share the work."""
	until = (now or now_datetime()) - SETTLED
	judged = 0
	while touches := _waiting(until):
		touches = _lock(touches)
		for touch in _read(touches, until) if touches else ():
			judged += _count(*touch)
		frappe.db.commit()
		if not touches:  # another worker has them
			break
	return judged


def forget_hits() -> None:
	"""The counts stay on the touches."""
	frappe.db.delete("Outreach Hit", {"happened_on": ("<", add_days(now_datetime(), -KEPT_DAYS))})
	frappe.db.commit()


def on_customer_trash(customer: "frappe.Document", method: str | None = None) -> None:
	frappe.db.sql(
		"""DELETE hit FROM `tabOutreach Hit` hit JOIN `tabOutreach Touch` touch ON touch.name = hit.touch
		WHERE touch.customer = %s""",
		customer.name,
	)


def _asks_not_to() -> bool:
	return "1" in (frappe.get_request_header("DNT"), frappe.get_request_header("Sec-GPC"))


def _is_colleague() -> bool:
	"""Somebody who looks at the mail in the Desk."""
	user = frappe.session.user
	return user != "Guest" and frappe.db.get_value("User", user, "user_type", cache=True) == "System User"


def _waiting(until: datetime) -> list[str]:
	frappe.db.commit()
	return frappe.db.sql(
		"""SELECT DISTINCT touch.name FROM `tabOutreach Hit` hit JOIN `tabOutreach Touch` touch ON touch.name = hit.touch
		WHERE hit.verdict = '' AND hit.happened_on <= %s ORDER BY touch.name LIMIT %s""",
		(until, BATCH),
		pluck=True,
	)


def _lock(touches: list[str]) -> list[str]:
	"""Those that no other worker has; what follows sees what others committed before."""
	frappe.db.commit()
	return frappe.db.sql(
		"SELECT name FROM `tabOutreach Touch` WHERE name IN %s ORDER BY name FOR UPDATE SKIP LOCKED",
		(touches,),
		pluck=True,
	)


def _read(touches: list[str], until: datetime) -> Iterator[tuple[frappe._dict, list[frappe._dict]]]:
	"""Each touch with its requests that are new, each with its verdict."""
	given = {"touches": touches, "until": until}
	known = {touch.name: touch for touch in frappe.db.sql(TOUCHES, given, as_dict=True)}
	rows = frappe.db.sql(HITS, given, as_dict=True)
	for name, group in groupby(rows, key=lambda row: row.touch):
		hits, touch = list(group), known[name]
		asked = [Hit(row.happened_on, row.kind, row.target, bool(row.head), row.user_agent) for row in hits]
		for row, verdict in zip(hits, judge(asked, touch.delivered, touch.links), strict=True):
			row.verdict = verdict
		yield touch, [row for row in hits if row.is_new]


def _count(touch: frappe._dict, hits: list[frappe._dict]) -> int:
	by_verdict: dict[str, list[str]] = {}
	for hit in hits:
		by_verdict.setdefault(hit.verdict, []).append(hit.name)
	for verdict, names in by_verdict.items():
		frappe.db.sql("UPDATE `tabOutreach Hit` SET verdict = %s WHERE name IN %s", (verdict, names))
	counted = [hit for hit in hits if hit.verdict in COUNTED]
	opens, clicks = ([hit.happened_on for hit in counted if hit.kind == kind] for kind in (OPEN, CLICK))
	prefetched = int(PREFETCHED in by_verdict)
	if counted or prefetched:
		values = {
			"touch": touch.name,
			"opens": len(opens),
			"clicks": len(clicks),
			"opened": min(opens, default=None),
			"clicked": min(clicks, default=None),
			"prefetched": prefetched,
		}
		frappe.db.sql(COUNT, values)
	for hit in counted if touch.customer else ():
		_tell_interests(touch, hit)
	return len(hits)


def _tell_interests(touch: frappe._dict, hit: frappe._dict) -> None:
	"""What the mail was about, and which page of ours the link leads to."""
	own = hit.kind == CLICK and urlsplit(hit.target).hostname == urlsplit(get_url()).hostname
	route = hit.target if own and urlsplit(hit.target).path.strip("/") else None
	if touch.template or route:
		record_behaviour(
			touch.customer,
			hit.kind,
			email_template=touch.template,
			route=route,
			on=hit.happened_on,
			reference_doctype="Outreach Touch",
			reference_name=touch.name,
		)
