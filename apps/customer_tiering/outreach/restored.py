"""Notices that the database was put back from a backup, or copied: then nobody knows which messages went out already.

The newest touch is also noted beside the database, in a small file in the site's private folder, and so is the newest mail that
was handed over. A database that lacks what the file says is older than the file; touches without a file are a copy of a site.
Entering, dispatch and delivery wait then, until a manager says that they may go on.

Who entered in the unknown time is unknown too, and would enter again. If what was due is to be left out, these customers enter as of
then (`entry_day`, and `go_on` for audiences): what they got in that time is left out as well, and what comes later comes.
"""

import json
from datetime import date, datetime
from pathlib import Path

import frappe
from frappe import _
from frappe.utils import add_days, format_datetime, get_datetime, getdate, now_datetime

from customer_tiering.outreach import broken

FILE = "customer_tiering_outreach.json"
SETTINGS = "Tiering Settings"
SENT_OR_SO = {
	"channel": ("in", ("Email", "SMS", "Webhook")),
	"status": ("in", ("Queued", "Sending", "Sent", "In Doubt")),
}
# The first and the last day of which it is unknown what was sent, and until when a signal may be of that time
UNKNOWN = ("unknown_from", "unknown_until", "unknown_entries_until")
UNSENT = ("Not Sent", "Partially Sent")


def begin() -> None:
	"""From the first dispatch on there is a file."""
	if not _says_something(_read()):
		_note()


def note_queued(touch: str) -> None:
	"""The newest touch that was committed."""
	_note(queued=touch)


def note_sent(touch: str) -> None:
	"""The newest touch of which a message was handed over."""
	_note(sent=touch)


def must_wait() -> bool:
	"""Whether this database doesn't know what was sent."""
	known = _read()
	if not _says_something(known):
		return bool(frappe.db.exists("Outreach Touch", SENT_OR_SO))
	return _is_unknown(known.get("queued")) or _is_sent_here_not(known.get("sent"))


def period() -> tuple[datetime, datetime]:
	"""From when until when messages may have gone out that this database doesn't know of."""
	newest, known = _newest_touch(), _read()
	until = get_datetime(known.get("at") or now_datetime())
	since = newest.creation if newest else get_datetime(known.get("begun") or until)
	return min(since, until), until


def message() -> str:
	"""What happened, and what it means."""
	first, last = (format_datetime(each) for each in period())
	if not _says_something(_read()):
		return _(
			"No message goes out: this database was copied from another site, or put back together with its files. What the"
			" other site sent since {0}, and who entered a sequence there, is unknown here. If that site still sends, let"
			" this one wait."
		).format(first)
	return _(
		"No message goes out: this database was put back from a backup. It does not know what was sent from {0} to {1}, nor who"
		" entered a sequence in that time: these customers could get the same again."
	).format(first, last)


def go_on(leave_out: bool) -> None:
	"""Send again. With `leave_out`, what was due in the period stands as in doubt instead of going out, also for those who would
	have entered in it. Commits.
	"""
	if not must_wait():
		return
	first, last = period()
	unknown = (first.date(), last.date(), add_days(getdate(), 1)) if leave_out else (None, None, None)
	for field, day in zip(UNKNOWN, unknown, strict=True):
		frappe.db.set_single_value(SETTINGS, field, day)
	if leave_out:
		_doubt_what_waits()
		_enter_as_of_then(first.date(), last.date())
	said = _("{0} let sending go on, on {1}, after messages between {2} and {3} had become unknown.").format(
		frappe.utils.get_fullname(), *(format_datetime(each) for each in (now_datetime(), first, last))
	)
	frappe.db.set_single_value(SETTINGS, "sending_confirmed", said)
	frappe.db.commit()
	forget()
	newest = _newest_touch()
	_note(queued=newest.name if newest else None)


def _enter_as_of_then(first: date, last: date) -> None:
	"""Whoever entered by an audience, so many a day."""
	from customer_tiering.outreach.audience_entry import enrol_audience

	by_audience = {"enabled": 1, "entry_by": "Audience"}
	for name in frappe.get_all("Outreach Sequence", by_audience, pluck="name", order_by="name"):
		for number in range((last - first).days + 1):
			enrol_audience(name, add_days(first, number))


def entry_day(event: frappe._dict) -> date:
	"""As of which day a customer enters by a signal.

	An order of the unknown time, typed in again, counts on its own day. A signal that time alone brings, until the run after sending
	went on, may have been there in the unknown time: it counts on the first day of that.
	"""
	first, last, entries_until = (_day(field) for field in UNKNOWN)
	if not first or not last:
		return event.as_of
	if frappe.db.get_value("Tiering Event", event.name, "cause") == "Order":
		on = event.last_order_date
		return on if on and first <= on <= last else event.as_of
	return first if event.as_of <= entries_until else event.as_of


def _day(field: str) -> date | None:
	day = getdate(frappe.db.get_single_value(SETTINGS, field) or date.min)
	return day if day > date.min else None  # as which the framework reads an empty one


def unknown_until() -> date:
	"""What was due on this day or before may have been sent already; the first of all days if all is known."""
	return _day("unknown_until") or date.min


def in_doubt() -> dict[str, str]:
	"""What a touch says of itself that may have been sent by the database that is gone."""
	return {"status": "In Doubt", "reason": _("It may have been sent before the database was put back.")}


def tell_managers() -> None:
	"""In their notifications, once. Commits."""
	known = _read()
	if known.get("told"):
		return
	broken.tell_managers(message(), SETTINGS, SETTINGS)
	frappe.db.commit()
	_write({**known, "told": True})


def forget() -> None:
	_file().unlink(missing_ok=True)


def _says_something(known: dict) -> bool:
	return "at" in known


def _is_unknown(touch: str | None) -> bool:
	return bool(touch) and not frappe.db.exists("Outreach Touch", touch)


def _is_sent_here_not(touch: str | None) -> bool:
	"""Still to be sent, says the database, though it went out."""
	row = frappe.db.get_value("Outreach Touch", touch, ["status", "channel", "email_queue"], as_dict=True)
	if not row or row.status != "Queued":
		return False
	return row.channel != "Email" or frappe.db.get_value("Email Queue", row.email_queue, "status") in UNSENT


def _doubt_what_waits() -> None:
	"""Mails in the queue, text messages and webhooks that the backup still had to send."""
	waiting = frappe.db.sql(
		"""SELECT touch.name, queue.name AS queue FROM `tabOutreach Touch` touch
		LEFT JOIN `tabEmail Queue` queue ON queue.name = touch.email_queue
		WHERE (touch.channel = 'Email' AND touch.status = 'Queued' AND queue.status IN ('Not Sent', 'Partially Sent', 'Sending'))
			OR (touch.channel IN ('SMS', 'Webhook') AND touch.status IN ('Queued', 'Sending'))""",
		as_dict=True,
	)
	for row in waiting:
		frappe.db.set_value("Outreach Touch", row.name, in_doubt())
		if row.queue:
			frappe.db.set_value("Email Queue", row.queue, {"status": "Error", "error": in_doubt()["reason"]})


def _newest_touch() -> frappe._dict | None:
	fields = ["name", "creation"]
	rows = frappe.get_all("Outreach Touch", SENT_OR_SO, fields, order_by="creation desc", limit=1)
	return rows[0] if rows else None


def _note(**values: str | None) -> None:
	now = str(now_datetime())
	_write({"begun": now, **_read(), **values, "at": now})


def _read() -> dict:
	try:
		return json.loads(_file().read_text())
	except (FileNotFoundError, ValueError):
		return {}


def _write(values: dict) -> None:
	"""Whole or not at all, also if many do so at once."""
	half = _file().with_suffix(f".{frappe.generate_hash(length=8)}")
	half.write_text(json.dumps(values))
	half.replace(_file())


def _file() -> Path:
	return Path(frappe.get_site_path("private", FILE))
