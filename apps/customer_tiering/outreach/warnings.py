"""What somebody who switches a sequence on should know, though nothing forbids it."""

from collections.abc import Iterator

import frappe
from frappe import _
from frappe.utils import cint, escape_html

from customer_tiering.outreach.crowd import Crowd


def warn(sequence: "frappe.Document") -> None:
	"""Show it all, after a sequence that is switched on was saved."""
	if not sequence.enabled:
		return
	switched_on = not sequence.get_doc_before_save() or sequence.has_value_changed("enabled")
	found = [*_always(sequence), *(_at_first(sequence) if switched_on else ())]
	if found:
		frappe.msgprint("<br><br>".join(found), title=_("Look at This First"), indicator="orange")


def _always(sequence: "frappe.Document") -> Iterator[str]:
	"""What keeps steps from going out."""
	from customer_tiering.outreach.channels.email import outgoing_problem

	problem = outgoing_problem(sequence) if _has(sequence, "Email") else None
	if problem:
		waits = _("The mails of {0} wait until that is mended.").format(
			frappe.bold(escape_html(sequence.name))
		)
		yield f"{problem} {waits}"
	if _has(sequence, "SMS") and not frappe.db.get_single_value("SMS Settings", "sms_gateway_url"):
		yield _("SMS Settings have no gateway: text messages wait until there is one.")
	if (
		_has(sequence, "Email")
		and (sequence.exit_on_reply or sequence.goal == "Reply")
		and not Crowd([]).read_here
	):
		yield _(
			"Nobody here will know who has replied: answers go to the rep's own address, and this site reads no mailbox. Switch on incoming mail in an Email Account; answers go there as well then."
		)
	weights: dict[int, int] = {}
	for step in sequence.steps:
		weights[step.day_offset] = weights.get(step.day_offset, 0) + (
			cint(step.weight) if step.variant else 1
		)
	for day in (day for day, weight in weights.items() if not weight):
		yield _("Day {0}: no variant has a weight, so nobody gets this step.").format(day)


def _at_first(sequence: "frappe.Document") -> Iterator[str]:
	company = frappe.defaults.get_global_default("company")
	if company and _has(sequence, "Email") and not Crowd([]).address_of(company):
		yield _(
			"The mails show no postal address at their end, as the law asks for in many countries: {0} has no Address."
		).format(frappe.bold(escape_html(company)))


def _has(sequence: "frappe.Document", channel: str) -> bool:
	return any(step.channel == channel for step in sequence.steps)
