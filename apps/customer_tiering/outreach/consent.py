"""Consent to be written to, by channel and address: the last word counts, and every word is kept (DocType Outreach Consent)."""

from datetime import datetime, timedelta

import frappe
from frappe import _
from frappe.utils import now_datetime

from customer_tiering.outreach.address import comparable
from customer_tiering.outreach.channels import Skip
from customer_tiering.outreach.crowd import Crowd, last_words
from customer_tiering.outreach.deferral import Deferral
from customer_tiering.outreach.law import EVERYWHERE, law_country

SETTINGS = {"Email": "mail_consent", "SMS": "sms_consent"}
LISTED = "In the Countries Listed"
GIVEN, WITHDRAWN = "Given", "Withdrawn"


def ask_consent(customer: str, channel: str, address: str, crowd: Crowd) -> None:
	"""Raise Skip if the customer withdrew it, Deferral if it is needed and was not given."""
	said = last_word(channel, address, crowd)
	if is_withdrawn(said):
		raise Skip(_("Consent was withdrawn on {0}.").format(frappe.format(said.decided_on, "Date")))
	if not said and needs_consent(customer, channel, crowd):
		raise Deferral(_("The customer has not consented to this channel."))


def is_withdrawn(word: frappe._dict | None) -> bool:
	return bool(word and word.decision == WITHDRAWN)


def last_word(channel: str, address: str, crowd: Crowd | None = None) -> frappe._dict | None:
	"""`crowd`: customers one of whom has the address."""
	address = comparable(address)
	return (crowd.consents if crowd else last_words([address])).get((channel, address))


def needs_consent(customer: str, channel: str, crowd: Crowd | None = None) -> bool:
	settings = frappe.get_cached_doc("Tiering Settings")
	needed = settings.get(SETTINGS[channel])
	if needed == LISTED:
		return law_country(customer, crowd) in {
			row.country for row in settings.get("consent_countries") or ()
		}
	return needed == EVERYWHERE


def note(decision: str, customer: str, channel: str, address: str, source: str) -> None:
	"""The reader's own word, unless it is the last one anyhow; of a customer who is no more the list of suppressions knows."""
	said = last_word(channel, address)
	if (said and said.decision == decision) or not frappe.db.exists("Customer", customer):
		return
	values = {"customer": customer, "channel": channel, "address": address, "decision": decision}
	values["decided_on"] = _after(said)
	row = frappe.get_doc({"doctype": "Outreach Consent", **values, "source": source})
	row.insert(ignore_permissions=True)


def _after(said: frappe._dict | None) -> datetime:
	"""Now; after what was noted while the clock ran ahead, so that the last word stays the last one."""
	now = now_datetime()
	return max(now, said.decided_on + timedelta(seconds=1)) if said else now
