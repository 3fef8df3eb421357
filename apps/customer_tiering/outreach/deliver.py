"""Sends what can't be sent in a transaction: text messages and webhooks, each in a state that says what is known of it.

A text message is tried once: one of which nobody knows whether it went out stays *In Doubt*. A webhook carries a key by which the
other side knows it again, so it is tried again.
"""

import frappe
import requests
from frappe import _
from frappe.utils import add_to_date, now_datetime, strip_html

from customer_tiering.outreach import restored
from customer_tiering.outreach.channels import sms, webhook

CHANNELS = ("SMS", "Webhook")
ATTEMPTS = 6
STALE_MINUTES = 30


def deliver_waiting() -> dict[str, int]:
	"""Send all that is queued; returns the number of touches by what became of them. Workers share the work."""
	if restored.must_wait():
		return {}
	_look_after_the_dead()
	results: dict[str, int] = {}
	names = frappe.get_all(
		"Outreach Touch", {"status": "Queued", "channel": ("in", CHANNELS)}, pluck="name", order_by="creation"
	)
	for name in names:
		touch = _begin(name)
		if touch:
			values = _send(touch)
			frappe.db.set_value("Outreach Touch", name, values)
			frappe.db.commit()
			if values["status"] == "Sent":
				restored.note_sent(name)
			results[values["status"]] = results.get(values["status"], 0) + 1
	return results


def start_delivery() -> None:
	"""Have a worker do it, if something is waiting."""
	if frappe.db.exists("Outreach Touch", {"status": "Queued", "channel": ("in", CHANNELS)}):
		frappe.enqueue(
			deliver_waiting, queue="long", job_id="customer_tiering.deliver", deduplicate=True, timeout=3600
		)


def _begin(name: str) -> "frappe._dict | None":
	"""Take it, so that everybody sees it is under way; None if another worker was faster."""
	frappe.db.commit()
	rows = frappe.db.sql(
		"""SELECT name, channel, address, text, step, sequence, attempts FROM `tabOutreach Touch`
		WHERE name = %s AND status = 'Queued' FOR UPDATE SKIP LOCKED""",
		name,
		as_dict=True,
	)
	if rows:
		frappe.db.set_value("Outreach Touch", name, {"status": "Sending", "attempts": rows[0].attempts + 1})
	frappe.db.commit()
	return rows[0] if rows else None


def _send(touch: frappe._dict) -> dict[str, str | None]:
	try:
		if touch.channel == "SMS":
			sms.send(touch.address, touch.text)
		else:
			webhook.send(touch.address, touch.name, touch.text)
	except requests.HTTPError as error:
		code = error.response.status_code
		return _failed(
			touch, _("The other side answered {0}.").format(code), code in (408, 425, 429) or code >= 500
		)
	except Exception as error:
		frappe.db.rollback()
		return _unknown(touch, strip_html(str(error))[:500] or type(error).__name__)
	return {"status": "Sent", "reason": None}


def _failed(touch: frappe._dict, reason: str, for_now: bool) -> dict[str, str]:
	again = for_now and touch.channel == "Webhook" and touch.attempts + 1 < ATTEMPTS
	return {"status": "Queued" if again else "Failed", "reason": reason}


def _unknown(touch: frappe._dict, reason: str) -> dict[str, str]:
	if touch.channel == "SMS":
		return {"status": "In Doubt", "reason": reason}
	return _failed(touch, reason, for_now=True)


def _look_after_the_dead() -> None:
	"""What a worker left that died: a webhook is queued again, a text message is in doubt."""
	stale = {
		"status": "Sending",
		"channel": ("in", CHANNELS),
		"modified": ("<", add_to_date(now_datetime(), minutes=-STALE_MINUTES)),
	}
	for touch in frappe.get_all("Outreach Touch", stale, ["name", "channel", "attempts"]):
		reason = _("The worker that sent it died.")
		touch.attempts -= 1
		frappe.db.set_value("Outreach Touch", touch.name, _unknown(touch, reason))
	frappe.db.commit()
