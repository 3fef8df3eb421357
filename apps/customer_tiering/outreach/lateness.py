"""Some messages come on their day or not at all: good wishes for a birthday."""

from datetime import date, datetime

import frappe
from frappe import _

from customer_tiering.outreach.channels import Skip
from customer_tiering.outreach.deferral import Deferral
from customer_tiering.outreach.steps import CALL


def skip_if_late(
	sequence: "frappe.Document", channel: str, on: date, moment: datetime, why: str | None
) -> None:
	"""Raise Skip if the day of the step is over; `why`: what kept it back."""
	if _is_bound(sequence, channel) and moment.date() > on:
		raise Skip(missed(why))


def is_too_late(sequence: "frappe.Document", channel: str, on: date, reason: Deferral) -> bool:
	"""Whether what is put off now could only come after its day."""
	return _is_bound(sequence, channel) and reason.until is not None and reason.until.date() > on


def missed(why: str | None) -> str:
	return _("It could not go out on its day. {0}").format(why or "").strip()


def _is_bound(sequence: "frappe.Document", channel: str) -> bool:
	return bool(sequence.get("only_on_its_day")) and channel != CALL
