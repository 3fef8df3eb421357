"""Delivery status notifications: which of our mails didn't arrive. A hard bounce stops the address, soft ones the third time.

A server that says that it still tries has not given up: such a warning is no bounce.
"""

import re
from email.message import Message

import frappe
from frappe.utils import add_days, nowdate

SOFT_LIMIT, SOFT_DAYS = 3, 90
HARD, SOFT = "Hard", "Soft"
MESSAGE_ID = re.compile(r"^Message-ID:\s*<([^<>\s]+)>", re.IGNORECASE | re.MULTILINE)


def note_bounce(mail: Message) -> None:
	"""Note what the mail tells about ours, if it is such a notification; does nothing for any other mail.

	It counts only for the address that the mail which it quotes went to: else anybody could stop anybody's mails.
	"""
	from flufl.bounce import all_failures

	_delayed, failed = (_addresses(found) for found in all_failures(mail))
	if not failed:
		return
	not_for_good = _not_for_good(mail)
	for touch in _touches(mail):
		if touch.address in failed and touch.bounce != HARD:
			_note(touch, SOFT if touch.address in not_for_good else HARD)


def _note(touch: frappe._dict, kind: str) -> None:
	from customer_tiering.outreach.exits import leave_if_due
	from customer_tiering.outreach.suppress import suppress

	frappe.db.set_value("Outreach Touch", touch.name, "bounce", kind)
	if kind == SOFT and _soft_bounces(touch.address) < SOFT_LIMIT:
		return
	suppress(touch.address, "Bounce", customer=touch.customer)
	leave_if_due(touch.customer)


def _not_for_good(mail: Message) -> set[str]:
	"""Addresses that a server gave up, but for a reason that may pass: a full mailbox (RFC 3463, class 4)."""
	found = set()
	for part in mail.walk():
		if part.get_content_type() == "message/delivery-status" and part.is_multipart():
			for block in part.get_payload():
				address = (block.get("Final-Recipient") or block.get("Original-Recipient") or "").split(";")[
					-1
				]
				if (block.get("Status") or "").strip().startswith("4."):
					found.add(address.strip(" <>").lower())
	return found


def _soft_bounces(address: str) -> int:
	since = {"address": address, "bounce": SOFT, "touched_on": (">", add_days(nowdate(), -SOFT_DAYS))}
	return frappe.db.count("Outreach Touch", since)


def _touches(mail: Message) -> list[frappe._dict]:
	"""Our mails that the notification quotes."""
	own = (mail.get("Message-ID") or "").strip(" <>")
	quoted = {found for found in MESSAGE_ID.findall(mail.as_string()) if found != own}
	quoted |= {name.strip("<>") for name in (mail.get("In-Reply-To") or "").split()}
	if not quoted:
		return []
	return frappe.get_all(
		"Outreach Touch",
		filters={"message_id": ("in", sorted(quoted))},
		fields=["name", "address", "customer", "bounce"],
	)


def _addresses(found: set) -> set[str]:
	return {
		(address.decode("ascii", "replace") if isinstance(address, bytes) else address).lower()
		for address in found
	}
