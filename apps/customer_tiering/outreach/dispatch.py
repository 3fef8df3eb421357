"""Queues the mails that are due: a touch and its Email Queue row are committed together or not at all."""

from collections import Counter
from datetime import date

import frappe
from frappe import _
from frappe.utils import add_days, cint, get_url, getdate

from customer_tiering.outreach.exits import end_if_due
from customer_tiering.outreach.recipients import Recipient, recipient_of
from customer_tiering.outreach.render import Mail, RenderError, merge_values, render
from customer_tiering.outreach.unsubscribe import unsubscribe_url

QUEUED, FAILED, DEFERRED, ENDED = "Queued", "Failed", "Deferred", "Ended"


class Deferral(Exception):
	"""Why a mail can't go now; it is tried again."""


def dispatch_due(as_of: date | None = None) -> dict[str, int]:
	"""Queue every mail that is due on `as_of` (default today) and say how many were queued, failed and so on.

	Any number of workers may run at once: each takes enrollments that no other one holds.
	"""
	day = as_of or getdate()
	results: Counter = Counter()
	last = ""
	while name := _take_next(day, last):
		results[_dispatch(frappe.get_doc("Outreach Enrollment", name), day)] += 1
		frappe.db.commit()
		last = name
	frappe.db.commit()
	return dict(results)


def _take_next(day: date, after: str) -> str | None:
	rows = frappe.db.sql(
		"""SELECT enrollment.name FROM `tabOutreach Enrollment` enrollment
		WHERE enrollment.status = 'Active' AND enrollment.next_due_on <= %s AND enrollment.name > %s
			AND enrollment.sequence IN (SELECT name FROM `tabOutreach Sequence` WHERE enabled = 1)
		ORDER BY enrollment.name LIMIT 1 FOR UPDATE SKIP LOCKED""",
		(day, after),
	)
	return rows[0][0] if rows else None


def _dispatch(enrollment: "frappe.Document", day: date) -> str:
	if end_if_due(enrollment, day):
		return ENDED
	sequence = frappe.get_cached_doc("Outreach Sequence", enrollment.sequence)
	step = _next_step(sequence, cint(enrollment.last_day))
	if not step:
		enrollment.db_set({"status": "Completed", "ended_on": day, "next_due_on": None})
		return ENDED
	touch = _touch(enrollment, step)
	frappe.db.savepoint("touch")
	try:
		_queue(touch, enrollment, sequence, step, day)
	except Deferral as reason:
		frappe.db.rollback(save_point="touch")
		_save(touch, DEFERRED, day, reason=str(reason))
		return DEFERRED
	except Exception as error:
		frappe.db.rollback(save_point="touch")
		_save(touch, FAILED, day, reason=str(error) or type(error).__name__)
		if not isinstance(error, RenderError):
			frappe.log_error(
				title="Outreach touch failed",
				reference_doctype="Customer",
				reference_name=enrollment.customer,
			)
	_advance(enrollment, sequence, step, day)
	return touch.status


def _next_step(sequence: "frappe.Document", after_day: int) -> "frappe.Document | None":
	later = [step for step in sequence.steps if cint(step.day_offset) > after_day]
	return min(later, key=lambda step: cint(step.day_offset), default=None)


def _touch(enrollment: "frappe.Document", step: "frappe.Document") -> "frappe.Document":
	"""The touch of this step: the one that was deferred before, or a new one that has its name already."""
	name = frappe.db.get_value("Outreach Touch", {"enrollment": enrollment.name, "step": step.name}, "name")
	if name:
		return frappe.get_doc("Outreach Touch", name)
	return frappe.get_doc(
		doctype="Outreach Touch",
		name=frappe.generate_hash(length=20),
		customer=enrollment.customer,
		sequence=enrollment.sequence,
		enrollment=enrollment.name,
		step=step.name,
		day_offset=step.day_offset,
		email_template=step.email_template,
	)


def _queue(
	touch: "frappe.Document",
	enrollment: "frappe.Document",
	sequence: "frappe.Document",
	step: "frappe.Document",
	day: date,
) -> None:
	"""Insert the Email Queue row and the touch that claims it; raises Deferral, RenderError or what the queue says."""
	customer = frappe.get_doc("Customer", enrollment.customer)
	recipient = recipient_of(customer)
	if not recipient:
		raise Deferral(_("The customer has no e-mail address."))
	sender = _sender(sequence)
	values = merge_values(customer, recipient.name, day, unsubscribe_url(touch.name))
	mail = render(frappe.get_doc("Email Template", step.email_template), values)
	queue = _send(touch, customer, recipient, sender, mail)
	if not queue:
		raise frappe.InvalidEmailAddressError(_("The address {0} is not valid.").format(recipient.address))
	touch.update({"address": recipient.address, "subject": mail.subject, "email_queue": queue.name})
	touch.message_id = queue.message_id
	_save(touch, QUEUED, day)


def _sender(sequence: "frappe.Document") -> str | None:
	from frappe.email.doctype.email_account.email_account import EmailAccount

	if sequence.email_account:
		return frappe.db.get_value("Email Account", sequence.email_account, "email_id")
	account = EmailAccount.find_default_outgoing()
	if not account:
		raise Deferral(
			_("There is no default outgoing Email Account. Set one up, or choose one in the sequence.")
		)
	return None


def _send(
	touch: "frappe.Document",
	customer: "frappe.Document",
	recipient: Recipient,
	sender: str | None,
	mail: Mail,
) -> "frappe.Document | None":
	return frappe.sendmail(
		recipients=[recipient.address],
		sender=sender,
		subject=mail.subject,
		message=mail.html,
		reference_doctype="Customer",
		reference_name=customer.name,
		message_id=f"{touch.name}@{_host()}",
		add_unsubscribe_link=0,
		delayed=True,
	)


def _host() -> str:
	return get_url().split("://")[-1].split("/")[0].split(":")[0]


def _save(touch: "frappe.Document", status: str, day: date, reason: str | None = None) -> None:
	touch.update({"status": status, "reason": reason, "touched_on": day})
	touch.touch_key = f"{touch.enrollment}|{touch.step}|{touch.address or ''}"
	if touch.get("creation"):
		touch.save(ignore_permissions=True)
	else:
		touch.insert(ignore_permissions=True, set_name=touch.name)


def _advance(
	enrollment: "frappe.Document", sequence: "frappe.Document", step: "frappe.Document", day: date
) -> None:
	"""The next mail keeps its distance from this one, also when this one was late."""
	following = _next_step(sequence, cint(step.day_offset))
	values = {"last_day": step.day_offset}
	if following:
		values["next_due_on"] = add_days(day, following.day_offset - step.day_offset)
	else:
		values |= {"status": "Completed", "ended_on": day, "next_due_on": None}
	enrollment.db_set(values)
