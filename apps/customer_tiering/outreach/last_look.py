"""Whether a message that waited for the mail server, or for a gateway, may still go: the reader may have left, and night may have come."""

import json
from datetime import datetime, timedelta

import frappe
from frappe import _

from customer_tiering.outreach.channels import Skip
from customer_tiering.outreach.clock import opens_at
from customer_tiering.outreach.consent import is_withdrawn, last_word
from customer_tiering.outreach.deferral import Deferral
from customer_tiering.outreach.exits import first_order_since
from customer_tiering.outreach.held_back import left_sentence
from customer_tiering.outreach.merged import MERGED
from customer_tiering.outreach.render import site_language
from customer_tiering.outreach.suppress import is_suppressed

PATIENCE = timedelta(hours=1)  # until a sequence that is switched off is looked at again

FIND = """
	SELECT touch.customer, touch.sequence, touch.channel, touch.address, touch.text,
		customer.name AS name, customer.disabled, sequence.enabled, sequence.exit_on_order,
		enrollment.status, enrollment.exit_reason, enrollment.last_order_date
	FROM `tabOutreach Touch` touch
	LEFT JOIN `tabCustomer` customer ON customer.name = touch.customer
	LEFT JOIN `tabOutreach Sequence` sequence ON sequence.name = touch.sequence
	LEFT JOIN `tabOutreach Enrollment` enrollment ON enrollment.name = touch.enrollment
	WHERE touch.name = %s
"""


def look(touch: str, moment: datetime) -> None:
	"""Raises Skip for a message that nobody is to get any more, Deferral for one that has to wait."""
	with site_language():
		row = frappe.db.sql(FIND, touch, as_dict=True)[0]
		_who_left(row, moment)
		for channel, address in readers(row).items():
			_who_wants_none(row, channel, address)
		if not row.enabled:
			raise Deferral(_("The sequence is switched off."), moment + PATIENCE)
		opening = opens_at(frappe.get_cached_doc("Outreach Sequence", row.sequence), row, moment)
		if opening > moment:
			raise Deferral(_("Outside the hours in which the sequence sends."), opening)


def readers(touch: frappe._dict) -> dict[str, str]:
	"""By channel the addresses of those whom a message is for; a webhook's are in what it says."""
	if touch.channel != "Webhook":
		return {touch.channel: touch.address} if touch.address else {}
	said = json.loads(touch.text or "{}")
	found = {"Email": said.get("email"), "SMS": said.get("mobile")}
	return {channel: address for channel, address in found.items() if address}


def _who_left(row: frappe._dict, moment: datetime) -> None:
	if not row.name or row.enabled is None:
		raise Skip(_("The customer, or the sequence, was deleted meanwhile."))
	if row.disabled:
		raise Skip(_("The customer was disabled meanwhile."))
	if row.status == "Exited" and row.exit_reason != MERGED:
		raise Skip(left_sentence(row.exit_reason or row.status))
	if row.exit_on_order and first_order_since(row, moment.date()):
		raise Skip(_("The customer ordered meanwhile."))


def _who_wants_none(row: frappe._dict, channel: str, address: str) -> None:
	if is_suppressed(address, row.customer, row.sequence):
		raise Skip(_("{0} has unsubscribed, or mails to it came back.").format(address))
	said = last_word(channel, address)
	if is_withdrawn(said):
		raise Skip(_("Consent was withdrawn on {0}.").format(frappe.format(said.decided_on, "Date")))
