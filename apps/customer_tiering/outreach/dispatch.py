"""Does the steps that are due: a touch and what belongs to it (the Email Queue row, the ToDo) are committed together or not at all."""

from collections import Counter
from datetime import date, datetime

import frappe
from frappe import _
from frappe.utils import strip_html

from customer_tiering.outreach import restored
from customer_tiering.outreach.batch import Batch
from customer_tiering.outreach.broken import is_passing, reason_of
from customer_tiering.outreach.channels import Skip, Target, call_task, email, sms, webhook
from customer_tiering.outreach.clock import moment_of
from customer_tiering.outreach.crowd import REACHED
from customer_tiering.outreach.deferral import Deferral
from customer_tiering.outreach.deliver import start_delivery
from customer_tiering.outreach.exits import end_if_due
from customer_tiering.outreach.key_date import follow_corrections
from customer_tiering.outreach.lateness import is_too_late, missed, skip_if_late
from customer_tiering.outreach.lost_mails import note_lost_mails
from customer_tiering.outreach.names import new_touch_name
from customer_tiering.outreach.offers import promise_for
from customer_tiering.outreach.render import RenderError, site_language
from customer_tiering.outreach.steps import CALL, Due, plan_after
from customer_tiering.outreach.turns import PATIENCE, TurnTaken, turn
from customer_tiering.tiering.lock import ends_the_job
from customer_tiering.tiering.queue import log_exception

BATCH = 100  # enrollments that are done and committed together
WORTH_A_WORKER = 1000  # of them due: some ten seconds of work
HELPERS = 3
QUEUED, FAILED, DEFERRED, SKIPPED = "Queued", "Failed", "Deferred", "Skipped"
ENDED, ERROR = "Ended", "Error"
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
	restored.begin()
	moment = moment_of(as_of)
	with site_language():
		note_lost_mails()
		follow_corrections(moment.date())
		due = _due(moment)
		if not as_of:
			_call_for_help(len(due))
		results = _do_all(due, moment)
	frappe.db.commit()
	start_delivery()
	return dict(results)


def _call_for_help(due: int) -> None:
	"""Idle workers of the bench, some for very many: each takes what no other holds, and finds nothing if it comes late."""
	for number in range(min(due // WORTH_A_WORKER, HELPERS)):
		job = f"customer_tiering.dispatch.{number}"
		try:
			frappe.enqueue(help_dispatch, queue="long", job_id=job, deduplicate=True, timeout=3600)
		except Exception:  # the queue is down: this worker does it alone
			log_exception("No help for the dispatch")
			return


def help_dispatch() -> dict[str, int]:
	"""What a worker does that was called for help."""
	if restored.must_wait():
		return {}
	moment = moment_of(None)
	with site_language():
		return dict(_do_all(_due(moment), moment))


def _do_all(due: list[frappe._dict], moment: datetime) -> Counter:
	"""Batch by batch; at last those that another worker was at, of which it may have left something."""
	results: Counter = Counter()
	waiting = []
	for start in range(0, len(due), BATCH):
		batch = due[start : start + BATCH]
		try:
			results.update(_do(batch, moment, patience=0))
		except TurnTaken:
			waiting.append(batch)
	for batch in waiting:
		results.update(_do(batch, moment))
	return results


DUE = "status = 'Active' AND next_due_on <= %(day)s AND (not_before IS NULL OR not_before <= %(moment)s)"


def _due(moment: datetime) -> list[frappe._dict]:
	return frappe.db.sql(
		f"""SELECT enrollment.name, enrollment.customer FROM `tabOutreach Enrollment` enrollment
		WHERE {DUE} AND EXISTS (
			SELECT 1 FROM `tabOutreach Sequence` sequence WHERE sequence.name = enrollment.sequence AND sequence.enabled = 1
		) ORDER BY next_due_on, name""",
		{"day": moment.date(), "moment": moment},
		as_dict=True,
	)


def _do(due: list[frappe._dict], moment: datetime, patience: int = PATIENCE) -> Counter:
	"""A batch, committed at once; if something goes wrong, one after the other, so that it stops no other.

	Raises TurnTaken if, without patience, another worker writes to one of the customers.
	"""
	try:
		with turn({row.customer for row in due}, patience):  # inside it is seen what others committed
			batch = Batch(_take([row.name for row in due], moment), moment)
			results = Counter(status for each in batch.enrollments for status in _dispatch(each, batch))
			batch.write()
			frappe.db.commit()
			batch.note()
		return results
	except Exception as error:
		frappe.db.rollback()
		if ends_the_job(error) or (isinstance(error, TurnTaken) and not patience):
			raise
		if len(due) > 1:
			return sum((_do([row], moment) for row in due), Counter())
		frappe.log_error(
			title="Outreach dispatch", reference_doctype="Outreach Enrollment", reference_name=due[0].name
		)
		return Counter({ERROR: 1})


def _take(names: list[str], moment: datetime) -> list[frappe._dict]:
	"""Lock the enrollments, and no others that another index would pass, until the next commit; but for those that another worker
	holds or has done already.
	"""
	return frappe.db.sql(
		f"""SELECT * FROM `tabOutreach Enrollment` FORCE INDEX (PRIMARY) WHERE name IN %(names)s AND {DUE}
		ORDER BY next_due_on, name FOR UPDATE SKIP LOCKED""",
		{"names": names, "day": moment.date(), "moment": moment},
		as_dict=True,
	)


def _dispatch(enrollment: frappe._dict, batch: Batch) -> list[str]:
	day = batch.moment.date()
	sequence = batch.sequences[enrollment.sequence]
	if enrollment.name in batch.leavers and end_if_due(
		frappe.get_doc("Outreach Enrollment", enrollment.name), sequence, day
	):
		return [ENDED]
	touches = batch.touches.setdefault(enrollment.name, [])
	results = []
	for due in plan_after(enrollment, sequence, touches, batch.crowd):
		if due.at <= batch.moment:
			batch.see(enrollment.customer)
			touch = _touch(enrollment, sequence, due, batch)
			touches[:] = [*(each for each in touches if each.name != touch.name), touch]
			results.append(touch.status)
	coming = plan_after(enrollment, sequence, touches, batch.crowd)
	_note_what_is_next(enrollment, coming, batch)
	return results if coming or results else [ENDED]


def _note_what_is_next(enrollment: frappe._dict, coming: list[Due], batch: Batch) -> None:
	"""On the enrollment, so that nobody looks at it before."""
	times = [due.at for due in coming]
	state = (
		("Active", None, min(times).date(), min(times))
		if times
		else ("Completed", batch.moment.date(), None, None)
	)
	batch.states.setdefault(state, []).append(enrollment.name)


def _touch(
	enrollment: frappe._dict, sequence: "frappe.Document", due: Due, batch: Batch
) -> "frappe._dict | frappe.Document":
	"""Done, and written sooner or later; of one that is alone at once, so that it says itself if it can't be written."""
	makes_documents = due.step.channel == CALL or due.step.get("offer")  # at once
	can_go_back = makes_documents or batch.is_single
	if can_go_back:
		frappe.db.savepoint("touch")
	touch = _open_touch(enrollment, due)
	try:
		values = _prepare(due, touch, sequence, batch)
	except Exception as error:
		if can_go_back:
			frappe.db.rollback(save_point="touch")
		values = _stopped_by(error, enrollment.name)
	try:
		return _noted(touch, values, due, batch)
	except Exception as error:
		if not batch.is_single:
			raise  # one after the other, then
		frappe.db.rollback(save_point="touch")
		batch.drop()
		failed = _failed(error, enrollment.name)
		return _noted(_open_touch(enrollment, due), failed, due, batch)


def _noted(
	touch: "frappe._dict | frappe.Document", values: dict, due: Due, batch: Batch
) -> "frappe._dict | frappe.Document":
	touch.update({"reason": None, "deferred_until": None, **values, "touched_on": batch.moment.date()})
	touch.touch_key = f"{touch.enrollment}|{touch.step}|{touch.address or ''}"
	if due.touch:
		touch.flags.ignore_links = True  # a template that is gone must not keep the touch from telling so
		touch.save(ignore_permissions=True)
	else:
		batch.add(touch)
	if batch.is_single:
		batch.write()
	if touch.status in REACHED:
		who = {touch.customer, *batch.crowd.addresses_of(touch.customer)}
		batch.written_to |= who
		batch.crowd.written_to.update(each.lower() for each in who)
	if touch.status == QUEUED:
		batch.newest = touch.name
	return touch


def _stopped_by(error: Exception, enrollment: str) -> dict:
	"""What a touch says of what kept it from being sent. Raises what the next attempt may not meet again."""
	if isinstance(error, Deferral):
		return {"status": DEFERRED, "reason": str(error), "deferred_until": error.until}
	if isinstance(error, frappe.OutgoingEmailError):
		return {"status": DEFERRED, "reason": strip_html(str(error))}
	if isinstance(error, Skip):
		return {"status": SKIPPED, "reason": str(error)}
	if isinstance(error, RenderError | frappe.ValidationError):
		return {"status": FAILED, "reason": reason_of(error)}
	return _failed(error, enrollment)


def _failed(error: Exception, enrollment: str) -> dict:
	"""By something that nobody foresaw."""
	if is_passing(error):
		raise error
	frappe.log_error(
		title="Outreach touch", reference_doctype="Outreach Enrollment", reference_name=enrollment
	)
	return {"status": FAILED, "reason": reason_of(error)}


def _prepare(due: Due, touch: frappe._dict, sequence: "frappe.Document", batch: Batch) -> dict:
	"""What the channel did, as values of the touch."""
	if due.step.channel != CALL and due.on <= batch.unknown_until:
		return restored.in_doubt()
	if sequence.name in batch.unreadable:
		raise Deferral(_("The audience of the sequence can't be read: it waits until that is mended."))
	skip_if_late(sequence, touch.customer, due, batch.moment, touch.get("reason"), batch.crowd)
	customer = batch.crowd.customers[touch.customer]
	promise = promise_for(due.step, touch, customer, batch.moment.date())
	target = Target(
		customer,
		sequence,
		due.step,
		touch,
		batch.moment,
		batch.crowd,
		promise,
		batch.outbox,
		_messages_sent(batch.touches[touch.enrollment]),
	)
	try:
		values = PREPARE[due.step.channel](target)
	except Deferral as reason:
		if is_too_late(sequence, touch.customer, due, reason, batch.crowd):
			raise Skip(missed(str(reason))) from reason
		raise
	if promise and not due.step.get("reminds_of"):
		values.update(offer=promise.offer, coupon_code=promise.code, offer_end=promise.end)
	return values


def _messages_sent(touches: list[frappe._dict]) -> int:
	return sum(touch.status in REACHED and touch.channel != CALL for touch in touches)


def _open_touch(enrollment: frappe._dict, due: Due) -> "frappe._dict | frappe.Document":
	"""The touch of this step that was deferred before, or a new one that has its name already."""
	step = due.step
	touch = frappe.get_doc("Outreach Touch", due.touch) if due.touch else None
	touch = touch or frappe._dict(
		name=new_touch_name(),
		customer=enrollment.customer,
		sequence=enrollment.sequence,
		enrollment=enrollment.name,
		step=step.step_key,
	)
	touch.update(
		{
			"day_offset": step.day_offset,
			"channel": step.channel,
			"variant": step.variant,
			"email_template": step.email_template if step.channel == "Email" else None,
		}
	)
	return touch
