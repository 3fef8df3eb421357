"""Some messages come on their day or not at all: good wishes for a birthday."""

from datetime import datetime

import frappe
from frappe import _

from customer_tiering.outreach.channels import Skip
from customer_tiering.outreach.clock import day_there
from customer_tiering.outreach.crowd import Crowd
from customer_tiering.outreach.deferral import Deferral
from customer_tiering.outreach.steps import Due, is_bound


def skip_if_late(
	sequence: "frappe.Document", customer: str, due: Due, moment: datetime, why: str | None, crowd: Crowd
) -> None:
	"""Raise Skip if the day of the step is over where the customer lives; `why`: what kept it back."""
	if _is_over(sequence, customer, due, moment, crowd):
		raise Skip(missed(why))


def is_too_late(sequence: "frappe.Document", customer: str, due: Due, reason: Deferral, crowd: Crowd) -> bool:
	"""Whether what is put off now could only come after its day."""
	return reason.until is not None and _is_over(sequence, customer, due, reason.until, crowd)


def missed(why: str | None) -> str:
	return _("It could not go out on its day. {0}").format(why or "").strip()


def _is_over(sequence: "frappe.Document", customer: str, due: Due, moment: datetime, crowd: Crowd) -> bool:
	return is_bound(sequence, due.step.channel) and day_there(customer, moment, crowd) > due.on
