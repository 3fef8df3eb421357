"""Sends what can't be sent in a transaction: text messages and webhooks, each in a state that says what is known of it.

One that the other side surely did not take is tried again, over some days: a gateway may be down for a weekend. One of which nobody knows whether it was taken is *In Doubt*, and
never sent again by itself; the key that a webhook carries lets whoever sends it once more by hand do no harm.
"""

from datetime import timedelta
from time import time

import frappe
import requests
from frappe import _
from frappe.utils import add_to_date, now_datetime
from urllib3.exceptions import NewConnectionError

from customer_tiering.outreach import restored
from customer_tiering.outreach.channels import Skip, sms, webhook
from customer_tiering.outreach.deferral import Deferral
from customer_tiering.outreach.failure import reason_of
from customer_tiering.outreach.last_look import look
from customer_tiering.outreach.recipients import as_typed
from customer_tiering.outreach.sent import note_left
from customer_tiering.tiering.lock import ends_the_job
from customer_tiering.tiering.time_limit import time_limit

CHANNELS = ("SMS", "Webhook")
PAUSES = (5, 30, 120, 360, 720, 1440, 1440)  # minutes, after each attempt but the last
ATTEMPTS = len(PAUSES) + 1
STALE_MINUTES = 30
PATIENCE = 30  # seconds; the framework waits for a gateway as long as that keeps the line open
NOT_TAKEN_YET = (408, 425, 429, 503)  # answers that promise the request did nothing
DUE = """
	SELECT name FROM `tabOutreach Touch` WHERE status = 'Queued' AND channel IN %(channels)s
		AND (deferred_until IS NULL OR deferred_until <= %(now)s) ORDER BY creation
"""
SLOT = 600  # seconds in which delivery is started once: the job of a worker that was killed counts as running for longer


def deliver_waiting() -> dict[str, int]:
	"""Send all that is queued; returns the number of touches by what became of them. Workers share the work."""
	if restored.must_wait():
		return {}
	_look_after_the_dead()
	results: dict[str, int] = {}
	for name in _due():
		touch, values = _begin_alone(name)
		if touch:
			values = _send(touch)
			_note(name, values)
		if values:
			results[values["status"]] = results.get(values["status"], 0) + 1
	return results


def _due() -> list[str]:
	return frappe.db.sql(DUE, {"channels": CHANNELS, "now": now_datetime()}, pluck=True)


def _note(name: str, values: dict[str, str | None]) -> None:
	frappe.db.set_value("Outreach Touch", name, values)
	has_left = values["status"] == "Sent"
	if has_left:
		note_left(name)
	frappe.db.commit()
	if has_left:
		restored.note_sent(name)


def start_delivery() -> None:
	"""Have a worker do it, if something is waiting."""
	if _due():
		slot = int(time() // SLOT)
		job = f"customer_tiering.deliver.{slot}"
		frappe.enqueue(deliver_waiting, queue="long", job_id=job, deduplicate=True, timeout=3600)


def _begin_alone(name: str) -> "tuple[frappe._dict | None, dict | None]":
	"""As `_begin`; one that can't be begun waits, and the others don't."""
	try:
		return _begin(name)
	except Exception as error:
		if ends_the_job(error):
			raise
		frappe.db.rollback()
		frappe.log_error(title="Outreach delivery", reference_doctype="Outreach Touch", reference_name=name)
		frappe.db.commit()
		return None, None


def _begin(name: str) -> "tuple[frappe._dict | None, dict | None]":
	"""Take it, so that everybody sees it is under way: the touch, or what it says of why it isn't sent (now). None of both if
	another worker was faster.
	"""
	frappe.db.commit()
	rows = frappe.db.sql(
		"""SELECT name, customer, channel, address, text, step, variant, sequence, attempts FROM `tabOutreach Touch`
		WHERE name = %s AND status = 'Queued' FOR UPDATE SKIP LOCKED""",
		name,
		as_dict=True,
	)
	if not rows:
		frappe.db.commit()
		return None, None
	kept_back = _kept_back(name)
	under_way = {"status": "Sending", "attempts": rows[0].attempts + 1}
	frappe.db.set_value("Outreach Touch", name, kept_back or under_way)
	frappe.db.commit()
	return (None, kept_back) if kept_back else (rows[0], None)


def _kept_back(name: str) -> dict | None:
	try:
		look(name, now_datetime())
	except Skip as reason:
		return {"status": "Skipped", "reason": str(reason), "deferred_until": None}
	except Deferral as reason:
		return {"status": "Queued", "reason": str(reason), "deferred_until": reason.until}
	return None


def _send(touch: frappe._dict) -> dict[str, str | None]:
	try:
		with time_limit(PATIENCE):
			if touch.channel == "SMS":
				sms.send(as_typed(touch.customer, touch.address), touch.text)
			else:
				webhook.send(webhook.address_for(touch), touch.name, touch.text)
	except webhook.NoAddress as error:
		return {"status": "Failed", "reason": str(error)}
	except requests.HTTPError as error:
		return _refused(touch, error)
	except Exception as error:
		frappe.db.rollback()
		reason = reason_of(error)
		return _not_taken(touch, reason) if _never_left(error) else _unknown(reason)
	return {"status": "Sent"}


def _refused(touch: frappe._dict, error: requests.HTTPError) -> dict[str, object]:
	reason, code = reason_of(error), error.response.status_code
	if code in NOT_TAKEN_YET:
		return _not_taken(touch, reason)
	return _unknown(reason) if code >= 500 else {"status": "Failed", "reason": reason}


def _never_left(error: Exception) -> bool:
	"""Whether there was nobody to take it."""
	cause = getattr(error.args[0], "reason", None) if error.args else None
	return isinstance(error, requests.ConnectTimeout) or isinstance(cause, NewConnectionError)


def _not_taken(touch: frappe._dict, reason: str) -> dict[str, object]:
	if touch.attempts >= len(PAUSES):
		return {"status": "Failed", "reason": reason, "deferred_until": None}
	again = now_datetime() + timedelta(minutes=PAUSES[touch.attempts])
	return {"status": "Queued", "reason": reason, "deferred_until": again}


def _unknown(reason: str) -> dict[str, str]:
	return {"status": "In Doubt", "reason": reason}


def _look_after_the_dead() -> None:
	"""What a worker that died had begun to send."""
	stale = {
		"status": "Sending",
		"channel": ("in", CHANNELS),
		"modified": ("<", add_to_date(now_datetime(), minutes=-STALE_MINUTES)),
	}
	for name in frappe.get_all("Outreach Touch", stale, pluck="name"):
		said = _unknown(_("The worker that sent it died."))
		frappe.db.set_value("Outreach Touch", {"name": name, "status": "Sending"}, said)
	frappe.db.commit()
