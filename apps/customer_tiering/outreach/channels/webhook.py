"""Whatever else there is (WeCom, DingTalk, another system): JSON by POST, after the touch is committed."""

import json

import frappe
import requests
from frappe import _
from frappe.utils import get_url

from customer_tiering.outreach.channels import Skip, Target
from customer_tiering.outreach.channels.same_address import skip_if_reached
from customer_tiering.outreach.channels.texts import values_for
from customer_tiering.outreach.consent import is_withdrawn, last_word
from customer_tiering.outreach.holds import hold
from customer_tiering.outreach.recipients import Recipient, mobile_of, recipient_of
from customer_tiering.outreach.reminders import step_of
from customer_tiering.outreach.render import render_text
from customer_tiering.outreach.suppress import is_suppressed
from customer_tiering.outreach.web_address import host_of, is_inside, is_usable

TIMEOUT = 20


def reader(target: Target) -> Recipient | None:
	"""Whom it is about, if there is somebody."""
	found = _mail(target) or _mobile(target)
	known = recipient_of(target.customer, target.crowd) or mobile_of(target.customer, target.crowd)
	if known and not found:
		raise Skip(_("{0} has unsubscribed, or mails to it came back.").format(known.address))
	skip_if_reached(target.touch, "", target.moment.date(), target.crowd)
	hold(target.customer, target.sequence, "", target.moment, target.crowd)  # the address is nobody's own
	return found


def prepare(target: Target) -> dict[str, str]:
	reader(target)
	host = host_of(target.step.webhook_url)
	return {"status": "Queued", "address": host, "text": json.dumps(payload(target), default=str)}


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
	found = recipient_of(target.customer, target.crowd, target.step.get("buying_role"))
	return _unless_left(target, "Email", found)


def _mobile(target: Target) -> Recipient | None:
	found = mobile_of(target.customer, target.crowd, target.step.get("buying_role"))
	return _unless_left(target, "SMS", found)


def _unless_left(target: Target, channel: str, found: Recipient | None) -> Recipient | None:
	"""The other system doesn't know who wants nothing more: it is not told an address that it mustn't write to."""
	name, crowd = target.customer.name, target.crowd
	if not found or is_withdrawn(last_word(channel, found.address, crowd)):
		return None
	left = found.address in crowd.stopped and is_suppressed(found.address, name, target.sequence.name)
	return None if left else found


class NoAddress(Exception):
	"""Why there is nowhere to send it."""


def address_for(touch: frappe._dict) -> str:
	"""The address of the touch's step as it is now: a touch, which everybody sees, keeps none. Raises NoAddress."""
	rows = frappe.get_all(
		"Outreach Step",
		{"parent": touch.sequence, "step_key": step_of(touch.step), "channel": "Webhook"},
		["variant", "webhook_url", "webhook_inside"],
	)
	rows = [row for row in rows if (row.variant or None) == (touch.variant or None)]
	if not rows:
		raise NoAddress(_("The step, and with it the webhook's address, is no more."))
	return usable_address(rows[0])


def usable_address(step: frappe._dict) -> str:
	"""Raises NoAddress."""
	if not is_usable(step.webhook_url or ""):
		raise NoAddress(_("The webhook's address can't be used."))
	if is_inside(step.webhook_url) and not step.webhook_inside:  # a name may stand for another host by now
		raise NoAddress(
			_("The webhook's address is inside your own network, which no System Manager has allowed.")
		)
	return step.webhook_url


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
