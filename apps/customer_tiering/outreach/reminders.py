"""Reminds of a code before it ends: a touch of its own, derived from the one that brought the code. Its key makes it single."""

from datetime import timedelta

import frappe
from frappe.utils import add_days, getdate

ENDING = "-r"  # keys of steps have no hyphen


def is_reminder(touch: frappe._dict) -> bool:
	return touch.step.endswith(ENDING)


def step_of(key: str) -> str:
	"""The key of the step itself, also of one that reminds of its code."""
	return key.removesuffix(ENDING)


def reminder_of(touch: frappe._dict) -> tuple[frappe._dict, "timedelta"] | None:
	"""The step that reminds of the touch's code, and how long after the touch; None if there is nothing to remind of."""
	if not touch.get("coupon_code") or touch.get("redeemed_in") or not touch.get("offer_end"):
		return None
	offer = _offer(touch.offer)
	if not offer or not offer.reminder_days:
		return None
	by_mail = touch.channel == "Email"
	if touch.channel == "Call Task" or not (offer.reminder_template if by_mail else offer.reminder_text):
		return None
	on = getdate(add_days(touch.offer_end, -offer.reminder_days))
	after = on - getdate(touch.touched_on)
	step = frappe._dict(
		step_key=f"{touch.step}{ENDING}",
		day_offset=touch.day_offset + after.days,
		channel=touch.channel,
		variant=touch.variant,
		email_template=offer.reminder_template if by_mail else None,
		message=None if by_mail else offer.reminder_text,
		reminds_of=touch.coupon_code,
	)
	return step, after


def _offer(name: str | None) -> "frappe.Document | None":
	try:
		return frappe.get_cached_doc("Outreach Offer", name) if name else None
	except frappe.DoesNotExistError:
		frappe.clear_last_message()
		return None
