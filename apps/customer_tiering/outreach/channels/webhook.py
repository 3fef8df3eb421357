"""Whatever else there is (WeCom, DingTalk, another system): JSON by POST, after the touch is committed."""

import json
from urllib.parse import urlsplit

import frappe
import requests
from frappe.utils import get_url

from customer_tiering.outreach.channels import Target
from customer_tiering.outreach.channels.reader import ask_for
from customer_tiering.outreach.channels.same_address import skip_if_reached
from customer_tiering.outreach.channels.texts import values_for
from customer_tiering.outreach.holds import hold
from customer_tiering.outreach.recipients import Recipient, mobile_of, recipient_of
from customer_tiering.outreach.reminders import ENDING
from customer_tiering.outreach.render import render_text

TIMEOUT = 20


def reader(target: Target) -> Recipient | None:
	"""Whom it is about, if there is somebody: asked as by mail, or, who has no mail address, as by text message."""
	mail = _mail(target)
	found = mail or _mobile(target)
	if found:
		ask_for(target, found.address, "Email" if mail else "SMS")
	else:
		skip_if_reached(target.touch, "", target.moment.date(), target.crowd)
		hold(target.customer, target.sequence, "", target.moment, target.crowd)
	return found


def prepare(target: Target) -> dict[str, str]:
	reader(target)
	host = host_of(target.step.webhook_url)
	return {"status": "Queued", "address": host, "text": json.dumps(payload(target), default=str)}


def host_of(url: str | None) -> str:
	"""What may be shown of an address: such as WeCom's and DingTalk's carry a key."""
	try:
		return urlsplit(url or "").hostname or url or ""
	except ValueError:
		return ""


def url_of(touch: frappe._dict) -> str | None:
	"""Where the step of a touch posts to; None if the sequence, which alone knows, has it no more."""
	rows = frappe.get_all(
		"Outreach Step",
		filters={
			"parent": touch.sequence,
			"step_key": touch.step.removesuffix(ENDING),
			"channel": "Webhook",
		},
		fields=["variant", "webhook_url"],
		order_by="idx",
	)
	rows.sort(key=lambda row: (row.variant or "") != (touch.variant or ""))
	return rows[0].webhook_url if rows else None


def payload(target: Target) -> dict:
	"""What the other system gets; `id` is the same however often it is sent."""
	customer, sequence, step, touch, *_ = target
	email, mobile = _mail(target), _mobile(target)
	values = values_for(target, (email or mobile or (None, None))[1])
	return {
		"id": touch.name,
		"site": get_url(),
		"sequence": sequence.name,
		"day": step.day_offset,
		"variant": step.variant or None,
		"customer_id": customer.name,
		"email": email and email.address,
		"mobile": mobile and mobile.address,
		"text": render_text(step.message or "", values),
		**values,
	}


def _mail(target: Target) -> Recipient | None:
	return recipient_of(target.customer, target.crowd, target.step.get("buying_role"))


def _mobile(target: Target) -> Recipient | None:
	return mobile_of(target.customer, target.crowd, target.step.get("buying_role"))


def send(url: str, touch: str, text: str) -> None:
	"""Raises requests.RequestException, an HTTPError if the other side refuses it."""
	answer = requests.post(
		url,
		data=text.encode(),
		headers={"Content-Type": "application/json", "Idempotency-Key": touch},
		timeout=TIMEOUT,
		allow_redirects=False,
	)
	if answer.status_code >= 300:  # one that sends us elsewhere did not take it
		raise requests.HTTPError(response=answer)
