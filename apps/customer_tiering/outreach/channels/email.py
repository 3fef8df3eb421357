"""A mail: its Email Queue row is inserted in the touch's own transaction."""

import frappe
from frappe import _
from frappe.utils import get_url, validate_email_address

from customer_tiering.outreach.channels import Target
from customer_tiering.outreach.channels.reader import ask_for
from customer_tiering.outreach.channels.texts import values_for
from customer_tiering.outreach.crowd import Crowd
from customer_tiering.outreach.deferral import Deferral
from customer_tiering.outreach.recipients import Recipient, recipient_of, unusable_address
from customer_tiering.outreach.render import render
from customer_tiering.outreach.tracking import with_tracking

LONGEST_SUBJECT = 140  # letters that a touch keeps


def reader(target: Target) -> Recipient:
	"""Who gets it."""
	recipient = recipient_of(target.customer, target.crowd, target.step.get("buying_role"))
	if not recipient:
		typed = unusable_address(target.customer, target.crowd)
		raise Deferral(
			_("The address {0} is not valid.").format(typed)
			if typed
			else _("The customer has no e-mail address.")
		)
	if not validate_email_address(recipient.address):
		raise Deferral(_("The address {0} is not valid.").format(recipient.address))
	ask_for(target, recipient.address)
	return recipient


def prepare(target: Target) -> dict[str, str]:
	customer, sequence, step, touch, _moment, crowd, _promise, outbox, _messages_sent = target
	recipient = reader(target)
	values = values_for(target, recipient.name)
	mail = render(frappe.get_cached_doc("Email Template", step.email_template), values, step.preview_text)
	mail, tracking = with_tracking(mail, touch.name, customer.name, crowd)
	# The framework's sender logs into a site when it is imported
	from customer_tiering.outreach.mail import queue_mail

	queue = queue_mail(
		mail,
		to=recipient.address,
		sender=sender_of(sequence),
		reply_to=answers_to(sequence, customer, crowd),
		customer=customer.name,
		message_id=f"{touch.name}@{_host()}",
		leave_url=values["unsubscribe_url"],
		outbox=outbox,
	)
	if not queue:
		frappe.throw(_("The mail queue did not take the mail to {0}.").format(recipient.address))
	return {
		"status": "Queued",
		"address": recipient.address,
		"subject": mail.subject[:LONGEST_SUBJECT],  # the mail has it whole
		"email_queue": queue.name,
		"message_id": queue.message_id,
		**tracking,
	}


def answers_to(
	sequence: "frappe.Document", customer: "frappe.Document", crowd: Crowd | None = None
) -> str | None:
	"""The mails are signed by the rep, so the rep gets the answers; and so does an account that this site reads, for else nobody
	here knows of them. None: whoever sends them.
	"""
	crowd = crowd or Crowd([customer.name])
	rep = crowd.users.get(crowd.owner_of(customer.name))
	read = crowd.read_here
	watched = read.get(sequence.email_account) or next(iter(read.values()), None)
	rep_is_read = rep and rep.email in read.values()
	both = [rep.email if rep else None, None if rep_is_read else watched]
	return ", ".join(dict.fromkeys(filter(None, both))) or None


def sender_of(sequence: "frappe.Document") -> str | None:
	"""The address of the sequence's account; None for the default account."""
	if not sequence.email_account:
		return None
	address = frappe.db.get_value(
		"Email Account", {"name": sequence.email_account, "enable_outgoing": 1}, "email_id"
	)
	if not address:
		raise Deferral(
			_("The Email Account {0} is not switched on for outgoing mail.").format(sequence.email_account)
		)
	return address


def outgoing_problem(sequence: "frappe.Document") -> str | None:
	"""Why no mail of this sequence can go out now."""
	from frappe.email.doctype.email_account.email_account import EmailAccount

	try:
		address = sender_of(sequence)
	except Deferral as reason:
		return str(reason)
	if EmailAccount.find_outgoing(match_by_email=address):
		return None
	return _("This site has no outgoing Email Account that is the default.")


def _host() -> str:
	return get_url().split("://")[-1].split("/")[0].split(":")[0]
