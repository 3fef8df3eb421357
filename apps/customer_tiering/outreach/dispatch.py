"""Queues the mails that are due: a touch and its Email Queue row are committed together or not at all."""

from collections import Counter
from datetime import date

import frappe
from frappe import _
from frappe.utils import add_days, get_url, getdate, strip_html, validate_email_address

from customer_tiering.outreach.exits import end_if_due
from customer_tiering.outreach.recipients import recipient_of
from customer_tiering.outreach.render import RenderError, merge_values, render
from customer_tiering.outreach.unsubscribe import unsubscribe_url
from customer_tiering.tiering.owner import owner_of

QUEUED, FAILED, DEFERRED, ENDED, ERROR = "Queued", "Failed", "Deferred", "Ended", "Error"
CAP_DAYS = 30


class Deferral(Exception):
	"""Why a mail can't go now; it is tried again."""


def dispatch_due(as_of: date | None = None) -> dict[str, int]:
	"""Queue every mail that is due on `as_of` (default today) and say how many were queued, failed and so on.

	Any number of workers may run at once: each takes enrollments that no other one holds.
	"""
	day = as_of or getdate()
	results: Counter = Counter()
	for name in _due(day):
		frappe.db.commit()  # from here on it is seen what others committed, other dispatchers above all
		try:
			if _take(name, day):
				results[_dispatch(frappe.get_doc("Outreach Enrollment", name), day)] += 1
		except Exception:
			frappe.db.rollback()
			frappe.log_error(
				title="Outreach dispatch", reference_doctype="Outreach Enrollment", reference_name=name
			)
			results[ERROR] += 1
	frappe.db.commit()
	results.pop(None, None)
	return dict(results)


def _due(day: date) -> list[str]:
	sequences = frappe.get_all("Outreach Sequence", filters={"enabled": 1}, pluck="name")
	return frappe.get_all(
		"Outreach Enrollment",
		filters={"status": "Active", "next_due_on": ("<=", day), "sequence": ("in", sequences or [""])},
		order_by="next_due_on, name",
		pluck="name",
	)


def _take(name: str, day: date) -> bool:
	"""Lock the enrollment until the next commit; False if another worker holds it or was faster."""
	rows = frappe.db.sql(
		"""SELECT name FROM `tabOutreach Enrollment`
		WHERE name = %s AND status = 'Active' AND next_due_on <= %s FOR UPDATE SKIP LOCKED""",
		(name, day),
	)
	return bool(rows)


def _dispatch(enrollment: "frappe.Document", day: date) -> str | None:
	if end_if_due(enrollment, day):
		return ENDED
	sequence = frappe.get_cached_doc("Outreach Sequence", enrollment.sequence)
	step = _plan(enrollment, sequence, day)
	if not step:
		return ENDED
	if getdate(enrollment.next_due_on) > day:  # the steps were edited meanwhile
		return None
	status = _touch(enrollment, sequence, step, day)
	if status != DEFERRED:
		_plan(enrollment, sequence, day)
	return status


def _plan(enrollment: "frappe.Document", sequence: "frappe.Document", day: date) -> "frappe.Document | None":
	"""The first step after those done, its day noted on the enrollment; None if all are done.

	It keeps its distance from the last one that was done, also when that one was late.
	"""
	done = frappe.get_all(
		"Outreach Touch",
		filters={"enrollment": enrollment.name, "status": ("!=", DEFERRED)},
		fields=["step", "day_offset", "touched_on"],
		order_by="day_offset desc",
	)
	last_offset = done[0].day_offset if done else -1
	day_zero = add_days(done[0].touched_on, -last_offset) if done else enrollment.entered_on
	steps_done = {touch.step for touch in done}
	for step in sequence.steps:
		if step.name not in steps_done and step.day_offset > last_offset:
			enrollment.db_set("next_due_on", add_days(day_zero, step.day_offset))
			return step
	enrollment.db_set({"status": "Completed", "ended_on": day, "next_due_on": None})
	return None


def _touch(
	enrollment: "frappe.Document", sequence: "frappe.Document", step: "frappe.Document", day: date
) -> str:
	touch = _open_touch(enrollment, step)
	frappe.db.savepoint("touch")
	try:
		values = {"status": QUEUED, "reason": None, **_queue(touch, sequence, step, day)}
	except (Deferral, frappe.OutgoingEmailError) as reason:
		frappe.db.rollback(save_point="touch")
		values = {"status": DEFERRED, "reason": strip_html(str(reason))}
	except (RenderError, frappe.ValidationError) as error:
		frappe.db.rollback(save_point="touch")
		values = {"status": FAILED, "reason": strip_html(str(error)) or type(error).__name__}
	touch.update({**values, "touched_on": day})
	touch.touch_key = f"{touch.enrollment}|{touch.step}|{touch.address or ''}"
	touch.flags.ignore_links = True  # a template that is gone must not keep the touch from telling so
	if touch.get("creation"):
		touch.save(ignore_permissions=True)
	else:
		touch.insert(ignore_permissions=True, set_name=touch.name)
	return touch.status


def _open_touch(enrollment: "frappe.Document", step: "frappe.Document") -> "frappe.Document":
	"""The touch of this step that was deferred before, or a new one that has its name already."""
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
	touch: "frappe.Document", sequence: "frappe.Document", step: "frappe.Document", day: date
) -> dict[str, str]:
	"""Insert the Email Queue row; returns what the touch keeps of it."""
	customer = frappe.get_doc("Customer", touch.customer)
	_hold_to_cap(customer, day)
	recipient = recipient_of(customer)
	if not recipient:
		raise Deferral(_("The customer has no e-mail address."))
	if not validate_email_address(recipient.address):
		raise Deferral(_("The address {0} is not valid.").format(recipient.address))
	values = merge_values(customer, recipient.name, day, unsubscribe_url(touch.name))
	mail = render(frappe.get_doc("Email Template", step.email_template), values)
	queue = frappe.sendmail(
		recipients=[recipient.address],
		sender=_sender(sequence),
		reply_to=_rep_address(customer),
		subject=mail.subject,
		message=mail.html,
		reference_doctype="Customer",
		reference_name=customer.name,
		message_id=f"{touch.name}@{_host()}",
		add_unsubscribe_link=0,
		delayed=True,
	)
	if not queue:
		frappe.throw(_("The mail queue did not take the mail to {0}.").format(recipient.address))
	return {
		"address": recipient.address,
		"subject": mail.subject,
		"email_queue": queue.name,
		"message_id": queue.message_id,
	}


def _hold_to_cap(customer: "frappe.Document", day: date) -> None:
	"""The tier's mails a month, over all sequences."""
	tier = customer.customer_tier
	cap = frappe.db.get_value("Customer Tier", tier, "monthly_contact_cap") if tier else 0
	sent = {"customer": customer.name, "status": QUEUED, "touched_on": (">", add_days(day, -CAP_DAYS))}
	if cap and frappe.db.count("Outreach Touch", sent) >= cap:
		raise Deferral(
			_("Customers in tier {0} get at most {1} mails in {2} days.").format(tier, cap, CAP_DAYS)
		)


def _rep_address(customer: "frappe.Document") -> str | None:
	"""The mails are signed by the rep, so the rep gets the answers."""
	owner = owner_of(customer)
	return frappe.db.get_value("User", owner, "email") if owner else None


def _sender(sequence: "frappe.Document") -> str | None:
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


def _host() -> str:
	return get_url().split("://")[-1].split("/")[0].split(":")[0]
