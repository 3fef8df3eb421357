"""The way out of our messages, and back: a signed link that doesn't expire, a page to choose, and nothing a guesser could learn.

What is said behind a link is said for the person whom its message went to: for that address, and, where the same contact is known
to have one, for the address of the other channel. What stops an address for another reason (it bounced, the framework's own list)
stays as it is.
"""

import json
from typing import NamedTuple

import frappe
from frappe import _

from customer_tiering.outreach.address import comparable
from customer_tiering.outreach.consent import GIVEN, WITHDRAWN, last_word, needs_consent, note
from customer_tiering.outreach.crowd import Crowd
from customer_tiering.outreach.exits import leave_if_due
from customer_tiering.outreach.suppress import left_by, lift, suppress
from customer_tiering.outreach.touch_link import comes_too_often, link_of, refuse, say, touch_behind

PAGE = "leave"
SHORT_PAGE = "o"  # the same page: with what follows it must fit into one line of a mail's header
PURPOSE = "unsubscribe"
SEQUENCE, ALL, TRACKING = "sequence", "all", "tracking"
EMAIL, SMS = "Email", "SMS"
SOURCE = "Preference Page"


class Reader(NamedTuple):
	"""Whom a message went to: the addresses by channel, the one that it went to first."""

	customer: str
	sequence: str
	addresses: dict[str, str]

	@property
	def channel(self) -> str:
		return next(iter(self.addresses))


def unsubscribe_url(touch: str) -> str:
	return link_of(PAGE, PURPOSE, touch)


def short_url(url: str) -> str:
	"""The same link, for headers."""
	return url.replace(f"/{PAGE}/", f"/{SHORT_PAGE}/", 1)


def touch_of(token: object) -> str | None:
	"""The touch whose link carries this token, None for a forged one."""
	return touch_behind(token, PURPOSE)


def reader_of(touch: str) -> Reader | None:
	"""None if the touch, or whom it went to, is known no more."""
	fields = ["address", "channel", "customer", "sequence", "text"]
	row = frappe.db.get_value("Outreach Touch", touch, fields, as_dict=True)
	own = _own_addresses(row) if row else {}
	if not own:
		return None
	for contact in Crowd([row.customer]).contacts.get(row.customer, ()):
		known = {EMAIL: contact.email_id, SMS: contact.mobile_no}
		known = {channel: comparable(address) for channel, address in known.items() if comparable(address)}
		if any(known.get(channel) == address for channel, address in own.items()):
			return Reader(row.customer, row.sequence, {**own, **{c: known[c] for c in known if c not in own}})
	return Reader(row.customer, row.sequence, own)


def _own_addresses(touch: frappe._dict) -> dict[str, str]:
	"""A webhook's address is that of another system; the reader's stand in what it was sent."""
	if touch.channel == "Webhook":
		sent = json.loads(touch.text or "{}")
		found = {EMAIL: sent.get("email"), SMS: sent.get("mobile")}
	else:
		found = {SMS if touch.channel == SMS else EMAIL: touch.address}
	return {channel: comparable(address) or address for channel, address in found.items() if address}


class Choice(NamedTuple):
	"""What a reader may choose for a channel: to leave it, to come (back) to it, or either."""

	channel: str
	may_leave: bool
	may_come: bool


def choices(reader: Reader) -> list[Choice]:
	found = []
	for channel, address in reader.addresses.items():
		said = last_word(channel, address)
		scopes = left_by(address)
		left = not all(scopes) or bool(said and said.decision == WITHDRAWN)
		asked = not said and needs_consent(reader.customer, channel)
		found.append(Choice(channel, not left, bool(left or scopes or asked)))
	return found


@frappe.whitelist(allow_guest=True, methods=["POST"])
def unsubscribe(t: object = None, scope: object = ALL, channel: object = None) -> None:
	"""Stop our messages to whom the link was sent: all of its channel (or another one), or those of its sequence. Or go on, but
	track them no more.

	Answers the same whatever it finds behind a valid link.
	"""
	touch = touch_of(t)
	if not touch:
		refuse()
		return
	if scope == TRACKING:
		refuse_tracking(touch)
		_say(touch, t, _("We will not see any more whether you open our mails or follow their links."))
		return
	leave(touch, SEQUENCE if scope == SEQUENCE else ALL, channel if channel in (EMAIL, SMS) else None)
	if scope == SEQUENCE:
		_say(touch, t, _("You will get none of these any more. Others of our messages may still come."))
		return
	_say(touch, t, _("You will get no more such messages. Your orders and invoices are not affected."))


@frappe.whitelist(allow_guest=True, methods=["POST"])
def subscribe(t: object = None, channel: object = None) -> None:
	"""Consent to our messages of a channel, again or for the first time. Answers the same whatever it finds behind a valid link."""
	touch = touch_of(t)
	if not touch:
		refuse()
		return
	if comes_too_often("subscribe", touch):  # who leaves is never kept from it
		return
	come_back(touch, SMS if channel == SMS else EMAIL)
	_say(touch, t, _("You will get our messages. You can leave them at any time."))


def leave(touch: str, scope: str, channel: str | None = None) -> None:
	reader = reader_of(touch)
	if not reader or (channel and channel not in reader.addresses):
		return
	channel = channel or reader.channel
	address = reader.addresses[channel]
	if channel == reader.channel:
		frappe.db.set_value("Outreach Touch", touch, "unsubscribed", 1, update_modified=False)
	suppress(
		address,
		"Link in a mail",
		customer=reader.customer,
		sequence=reader.sequence if scope == SEQUENCE else None,
	)
	if scope == ALL:
		note(WITHDRAWN, reader.customer, channel, address, SOURCE)
	leave_if_due(reader.customer)


def come_back(touch: str, channel: str) -> None:
	reader = reader_of(touch)
	address = reader.addresses.get(channel) if reader else None
	if address:
		lift(address)
		note(GIVEN, reader.customer, channel, address, SOURCE)


def refuse_tracking(touch: str) -> None:
	customer = frappe.db.get_value("Outreach Touch", touch, "customer")
	if customer:  # who has the form open is told that it was changed
		frappe.db.set_value("Customer", customer, "mail_tracking", "Refused")


def _say(touch: str, token: str, text: str) -> None:
	say(_("Thank you"), text, touch, back=f"/{PAGE}/{token}")
