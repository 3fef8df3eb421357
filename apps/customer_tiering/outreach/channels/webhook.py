"""Whatever else there is (WeCom, DingTalk, another system): JSON by POST, after the touch is committed."""

import json

import requests
from frappe.utils import get_url

from customer_tiering.outreach.channels import Target
from customer_tiering.outreach.channels.texts import values_for
from customer_tiering.outreach.holds import hold
from customer_tiering.outreach.recipients import Recipient, mobile_of, recipient_of
from customer_tiering.outreach.render import render_text

TIMEOUT = 20


def reader(target: Target) -> Recipient | None:
	"""Whom it is about, if there is somebody."""
	hold(target.customer, target.sequence, "", target.moment, target.crowd)  # the address is nobody's own
	return _mail(target) or _mobile(target)


def prepare(target: Target) -> dict[str, str]:
	reader(target)
	address = target.step.webhook_url
	return {"status": "Queued", "address": address, "text": json.dumps(payload(target), default=str)}


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
