"""Does the steps that are due: a touch and what belongs to it (the Email Queue row, the ToDo) are committed together or not at all."""

from collections import Counter
from datetime import date, datetime, time

import frappe
from frappe.utils import get_datetime, strip_html

from customer_tiering.outreach import restored
from customer_tiering.outreach.channels import Skip, Target, call_task, email, sms, webhook
from customer_tiering.outreach.clock import moment_of
from customer_tiering.outreach.deferral import Deferral
from customer_tiering.outreach.deliver import start_delivery
from customer_tiering.outreach.exits import end_if_due
from customer_tiering.outreach.lost_mails import note_lost_mails
from customer_tiering.outreach.names import new_touch_name
from customer_tiering.outreach.offers import promise_for
from customer_tiering.outreach.render import RenderError, site_language
from customer_tiering.outreach.steps import CALL, Due, plan
from customer_tiering.outreach.turns import turn

FAILED, DEFERRED, SKIPPED, ENDED, ERROR = "Failed", "Deferred", "Skipped", "Ended", "Error"
PREPARE = {
	"Email": email.prepare,
	"SMS": sms.prepare,
	"Webhook": webhook.prepare,
	"Call Task": call_task.prepare,
}


def dispatch_due(as_of: date | datetime | None = None) -> dict[str, int]:
	"""Do every step that is due and say how many were queued, failed and so on.

	`as_of`: a moment on the site's clock; a day means its noon, nothing means now. Any number of workers may run at once: each
	takes enrollments that no other one holds. Does nothing where the database doesn't know what was sent.
	"""
	frappe.db.commit()
	if restored.must_wait():
		restored.tell_managers()
		return {}
	moment = moment_of(as_of)
	results: Counter = Counter()
	sequences: dict = {}  # as they stand when the run comes to them
	with site_language():
		note_lost_mails()
		for name, customer in _due(moment):
			try:
				with turn([customer]):  # inside it is seen what others committed, other dispatchers above all
					if _take(name, moment):
						enrollment = frappe.get_doc("Outreach Enrollment", name)
						if enrollment.sequence not in sequences:
							sequences[enrollment.sequence] = frappe.get_doc(
								"Outreach Sequence", enrollment.sequence
							)
						results.update(_dispatch(enrollment, sequences[enrollment.sequence], moment))
						frappe.db.commit()
			except Exception:
				frappe.db.rollback()
				frappe.log_error(
					title="Outreach dispatch", reference_doctype="Outreach Enrollment", reference_name=name
				)
				results[ERROR] += 1
	frappe.db.commit()
	start_delivery()
	return dict(results)


DUE = "status = 'Active' AND next_due_on <= %(day)s AND (not_before IS NULL OR not_before <= %(moment)s)"


def _due(moment: datetime) -> list[tuple[str, str]]:
	return frappe.db.sql(
		f"""SELECT enrollment.name, enrollment.customer FROM `tabOutreach Enrollment` enrollment
		WHERE {DUE} AND EXISTS (
			SELECT 1 FROM `tabOutreach Sequence` sequence WHERE sequence.name = enrollment.sequence AND sequence.enabled = 1
		) ORDER BY next_due_on, name""",
		{"day": moment.date(), "moment": moment},
	)


def _take(name: str, moment: datetime) -> bool:
	"""Lock the enrollment until the next commit; False if another worker holds it or was faster."""
	rows = frappe.db.sql(
		f"SELECT name FROM `tabOutreach Enrollment` WHERE name = %(name)s AND {DUE} FOR UPDATE SKIP LOCKED",
		{"name": name, "day": moment.date(), "moment": moment},
	)
	return bool(rows)


def _dispatch(enrollment: "frappe.Document", sequence: "frappe.Document", moment: datetime) -> list[str]:
	if end_if_due(enrollment, sequence, moment.date()):
		return [ENDED]
	results = [
		_touch(enrollment, sequence, due, moment)
		for due in plan(enrollment, sequence)
		if due.on <= moment.date() and (not due.deferred_until or get_datetime(due.deferred_until) <= moment)
	]
	if not _note_what_is_next(enrollment, plan(enrollment, sequence), moment) and not results:
		return [ENDED]
	return results


def _note_what_is_next(enrollment: "frappe.Document", coming: list[Due], moment: datetime) -> bool:
	"""On the enrollment, so that nobody looks at it before; False if there is nothing more to come."""
	if not coming:
		enrollment.db_set(
			{"status": "Completed", "ended_on": moment.date(), "next_due_on": None, "not_before": None}
		)
		return False
	times = [
		max(datetime.combine(due.on, time()), get_datetime(due.deferred_until or due.on)) for due in coming
	]
	enrollment.db_set({"next_due_on": min(times).date(), "not_before": min(times)})
	return True


def _touch(enrollment: "frappe.Document", sequence: "frappe.Document", due: Due, moment: datetime) -> str:
	touch = _open_touch(enrollment, due)
	customer = frappe.get_doc("Customer", touch.customer)
	frappe.db.savepoint("touch")
	values = {"reason": None, "deferred_until": None}
	try:
		values.update(_prepare(due, touch, customer, sequence, moment))
	except Deferral as reason:
		frappe.db.rollback(save_point="touch")
		values.update(status=DEFERRED, reason=str(reason), deferred_until=reason.until)
	except frappe.OutgoingEmailError as reason:
		frappe.db.rollback(save_point="touch")
		values.update(status=DEFERRED, reason=strip_html(str(reason)))
	except Skip as reason:
		frappe.db.rollback(save_point="touch")
		values.update(status=SKIPPED, reason=str(reason))
	except (RenderError, frappe.ValidationError) as error:
		frappe.db.rollback(save_point="touch")
		values.update(status=FAILED, reason=strip_html(str(error)) or type(error).__name__)
	touch.update({**values, "touched_on": moment.date()})
	touch.touch_key = f"{touch.enrollment}|{touch.step}|{touch.address or ''}"
	touch.flags.ignore_links = True  # a template that is gone must not keep the touch from telling so
	if touch.get("creation"):
		touch.save(ignore_permissions=True)
	else:
		touch.insert(ignore_permissions=True, set_name=touch.name)
	if touch.status == "Queued":
		frappe.db.after_commit.add(lambda: restored.note_queued(touch.name))
	return touch.status


def _prepare(
	due: Due,
	touch: "frappe.Document",
	customer: "frappe.Document",
	sequence: "frappe.Document",
	moment: datetime,
) -> dict:
	"""What the channel did, as values of the touch."""
	if due.step.channel != CALL and due.on <= restored.unknown_until():
		return restored.in_doubt()
	promise = promise_for(due.step, touch, customer, moment.date())
	target = Target(customer, sequence, due.step, touch, moment, promise)
	values = PREPARE[due.step.channel](target)
	if promise and not due.step.get("reminds_of"):
		values.update(offer=promise.offer, coupon_code=promise.code, offer_end=promise.end)
	return values


def _open_touch(enrollment: "frappe.Document", due: Due) -> "frappe.Document":
	"""The touch of this step that was deferred before, or a new one that has its name already."""
	step = due.step
	touch = frappe.get_doc("Outreach Touch", due.touch) if due.touch else None
	touch = touch or frappe.get_doc(
		doctype="Outreach Touch",
		name=new_touch_name(),
		customer=enrollment.customer,
		sequence=enrollment.sequence,
		enrollment=enrollment.name,
		step=step.step_key,
	)
	return touch.update(
		{
			"day_offset": step.day_offset,
			"channel": step.channel,
			"variant": step.variant,
			"email_template": step.email_template if step.channel == "Email" else None,
		}
	)
