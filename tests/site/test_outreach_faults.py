"""Outreach where something goes wrong around it: double clicks, merged customers, broken audiences, texts that are too long."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_string
from functools import partial
from threading import Timer
from unittest.mock import Mock, patch

import frappe
import pytest
from frappe.utils import now_datetime
from rq.timeouts import JobTimeoutException

from customer_tiering.outreach import api, deliver, dispatch, jobs
from customer_tiering.outreach.channels import Target
from customer_tiering.outreach.deliver import deliver_waiting
from customer_tiering.outreach.dispatch import dispatch_due
from customer_tiering.outreach.enrol import enrol
from customer_tiering.outreach.exits import stop_enrollments
from customer_tiering.outreach.unsubscribe import ALL, leave
from tests.site.sleepers import contact, customer, day, invoice, output_of, sleeper, start_process
from tests.site.test_outreach import GREETING, NEWS, new_sequence, statuses, touches
from tests.site.test_reports import as_user
from tests.site.test_sequences import (  # noqa: F401
	CALL,
	MAIL,
	NAME,
	OPEN,
	SMS,
	Receiver,
	alone,
	entered,
	receiver,
	sequence,
	sms_gateway,
)

HOOK = {"day_offset": 0, "channel": "Webhook"}
NEXT = {**MAIL, "day_offset": 1, "email_template": NEWS}


def enrollments(of: str) -> list[str]:
	"""Their status, and why they ended."""
	rows = frappe.get_all("Outreach Enrollment", {"customer": of}, ["status", "exit_reason"])
	return sorted(f"{row.status} {row.exit_reason or ''}".strip() for row in rows)


ENTERS = """
from customer_tiering.outreach import api, by_hand
real = by_hand.enter
def enter(row):
	print("entering", flush=True)
	sys.stdin.readline()
	return real(row)
by_hand.enter = enter
frappe.set_user("Administrator")
print(api.enrol_by_hand({sequence!r}, {customers!r}))
frappe.db.commit()
"""


class TestTwiceAtOnce:
	def test_a_double_click_enters_once(self) -> None:
		sequence(MAIL, re_entry_days=0)
		name = customer()
		first = start_process(ENTERS.format(sequence=NAME, customers=[name]))
		assert first.stdout.readline() == "entering\n"  # but not committed yet
		frappe.db.get_value("Customer", name)  # as a request that has begun to read
		Timer(1, lambda: print(file=first.stdin, flush=True)).start()
		assert api.enrol_by_hand(NAME, [name]) == {
			"entered": 0,
			"refused": [f"{name} is in the sequence already."],
			"waiting": [],
		}
		output_of(first)
		assert enrollments(name) == ["Active"]

	def test_who_is_in_it_twice_gets_each_step_once(self) -> None:
		sequence(MAIL, re_entry_days=0)
		name = entered()
		again(name)
		assert dispatch_due(day(0)) == {"Queued": 1, "Skipped": 1}

	def test_who_comes_back_gets_it_again(self) -> None:
		sequence(MAIL, re_entry_days=0)
		name = entered()
		assert dispatch_due(day(0)) == {"Queued": 1}
		assert api.enrol_by_hand(NAME, [name])["entered"] == 1
		assert dispatch_due(day(1)) == {"Queued": 1}


def again(customer: str) -> str:
	"""A second enrollment, as there can be one on a site of before."""
	row = frappe.get_doc("Outreach Enrollment", {"customer": customer}).as_dict()
	document = frappe.get_doc({**row, "name": None, "enrollment_key": f"{customer} again"}).insert()
	frappe.db.commit()
	return document.name


def test_merged_customers_are_in_a_sequence_once() -> None:
	sequence(MAIL, NEXT)
	late, early = entered("Late Ltd"), entered("Early Ltd")
	ordered = invoice(late, day(-1))  # before the other one began
	frappe.db.set_value("Sales Invoice", ordered.name, "outstanding_amount", 0)
	frappe.db.set_value("Outreach Enrollment", {"customer": late}, "last_order_date", day(-1))
	frappe.db.set_value("Customer", early, "mail_tracking", "Refused")
	frappe.db.set_value("Outreach Enrollment", {"customer": late}, "entered_on", day(1))
	frappe.db.set_value("Outreach Enrollment", {"customer": late}, "next_due_on", day(1))
	assert dispatch_due(day(0)) == {"Queued": 1}
	frappe.rename_doc("Customer", early, late, merge=True, force=True)
	frappe.db.commit()
	assert enrollments(late) == ["Active", "Exited Merged"]
	assert dispatch_due(day(1)) == {"Queued": 1}
	assert dispatch_due(day(2)) == {}
	assert statuses(late) == [(0, "Queued"), (1, "Queued")]
	assert frappe.db.get_value("Customer", late, "mail_tracking") == "Refused"


class TestBrokenSequences:
	def test_one_audience_that_is_gone_stops_no_other_sequence(self) -> None:
		audience = {**OPEN, "entry_by": "Audience", "enters_once": 1, "exit_out_of_audience": 1}
		broken = new_sequence("A Broken One", MAIL, NEXT, **audience)
		try:
			sequence(MAIL, **audience)
			name = customer()
			assert enrol() == 2
			broken.db_set("audience_filters", '[["Customer", "no_such_field", "=", 1]]')
			other = customer("Other Ltd")
			frappe.db.delete("Notification Log", {"document_name": broken.name})
			frappe.db.commit()
			assert enrol() == enrol(day(1)) + 1 == 1
			assert dispatch_due(day(0)) == {"Deferred": 1, "Queued": 2}
			frappe.db.set_value("Customer", other, "disabled", 1)
			assert stop_enrollments(day(0)) == 0  # it has got its mail
			frappe.db.set_value("Customer", name, "disabled", 1)
			assert stop_enrollments(day(0)) == 1
			told = frappe.get_all("Notification Log", {"document_name": broken.name}, ["for_user", "subject"])
			assert "Administrator" in [row.for_user for row in told]
			assert len({row.for_user for row in told}) == len(told)
			assert "no_such_field" in told[0].subject
		finally:
			frappe.delete_doc("Outreach Sequence", broken.name, force=True)
			frappe.db.commit()

	def test_a_signal_waits_until_its_audience_can_be_read(self) -> None:
		broken = sequence(MAIL, entry_by="Signal", entry_signal="Became Dormant")
		broken.db_set("audience_filters", '[["Customer", "no_such_field", "=", 1]]')
		name = sleeper()
		frappe.db.commit()
		assert enrol() == enrol() == 0
		assert frappe.db.count("Notification Log", {"document_name": NAME, "for_user": "Administrator"}) == 1
		broken.db_set("audience_filters", None)
		assert enrol() == 1
		assert enrollments(name) == ["Active"]

	def test_a_job_ends_when_its_time_is_up(self, monkeypatch: pytest.MonkeyPatch) -> None:
		sequence(MAIL)
		names = [entered("One Ltd"), entered("Other Ltd")]
		monkeypatch.setattr(dispatch, "_dispatch", Mock(side_effect=JobTimeoutException))
		with pytest.raises(JobTimeoutException):
			dispatch_due(day(0))
		assert dispatch._dispatch.call_count == 1
		monkeypatch.setattr(jobs, "is_in_charge", lambda step: False)
		monkeypatch.setattr(jobs, "enrol", Mock(side_effect=JobTimeoutException, __name__="enrol"))
		with pytest.raises(JobTimeoutException):
			jobs.run_outreach_hourly()
		monkeypatch.undo()
		frappe.db.rollback()
		assert dispatch_due(day(0)) == {"Queued": len(names)}

	def test_the_hourly_run_goes_on(self, monkeypatch: pytest.MonkeyPatch) -> None:
		done = []

		def fail() -> None:
			raise KeyError("nobody foresaw this")

		monkeypatch.setattr(jobs, "is_in_charge", lambda step: False)
		monkeypatch.setattr(jobs, "enrol", fail)
		for name in ("stop_enrollments", "dispatch_due", "finish_experiments", "forget_hits"):
			function = partial(done.append, name)
			function.__name__ = name
			monkeypatch.setattr(jobs, name, function)
		jobs.run_outreach_hourly()
		assert len(done) == 4

	@pytest.mark.parametrize(
		("step", "values"),
		[({"day_offset": 99999999}, {}), ({}, {"entry_delay_days": 99999}), ({}, {"re_entry_days": 99999})],
	)
	def test_there_are_only_so_many_days(self, step: dict, values: dict) -> None:
		with pytest.raises(frappe.ValidationError, match="can't be more than 36500"):
			sequence({**MAIL, **step}, **values)


class TestWhatCanNotBeWritten:
	@pytest.mark.parametrize("text", ["{{ 'x' * 10 ** 9 }}", "{% for i in range(10 ** 9) %}{% endfor %}"])
	def test_a_text_that_never_comes_to_its_end(self, text: str) -> None:
		with pytest.raises(frappe.ValidationError, match="the text can't be filled in"):
			sequence({**SMS, "message": text})

	def test_a_long_subject_and_a_long_text(self, receiver: Receiver) -> None:  # noqa: F811
		hook = {"day_offset": 0, "channel": "Webhook", "webhook_url": receiver.url, "message": "长" * 11000}
		sequence(MAIL, hook)
		name = entered()
		with template(subject="{{ contact_name }} {{ 'L' * 160 }}"):
			assert dispatch_due(day(0)) == {"Queued": 2}
		by_channel = {touch.channel: touch for touch in touches(name)}
		assert by_channel["Email"].subject == f"Jo {'L' * 137}"
		queued = frappe.get_doc("Email Queue", by_channel["Email"].email_queue)
		assert message_from_string(queued.message)["Subject"].replace("\n", "") == f"Jo {'L' * 160}"
		assert json.loads(by_channel["Webhook"].text)["text"] == "长" * 11000

	@pytest.mark.parametrize(
		"what", [KeyError("nobody foresaw this"), {"status": "Queued", "address": "x" * 200}]
	)
	def test_a_touch_says_what_nobody_foresaw(self, what: Exception | dict) -> None:
		sequence(MAIL, CALL)
		names = [entered(name) for name in ("One", "Two", "Three")]
		real = dispatch.PREPARE["Email"]

		def prepare(target: Target) -> dict:
			if target.customer.name != "Two":
				return real(target)
			if isinstance(what, Exception):
				raise what
			return what

		with patch.dict(dispatch.PREPARE, Email=prepare):
			assert dispatch_due(day(0)) == {"Queued": 2, "Failed": 1, "Sent": 3}
		states = {touch.channel: touch for touch in touches(names[1])}
		assert (states["Email"].status, states["Call Task"].status) == ("Failed", "Sent")
		assert re.search("KeyError|DataError", states["Email"].reason)
		assert frappe.db.count("Email Queue") == 2
		assert dispatch_due(day(0)) == {}

	def test_what_passes_is_tried_again(self) -> None:
		sequence(MAIL)
		entered()
		gone = frappe.QueryDeadlockError("Deadlock found")
		with patch.dict(dispatch.PREPARE, Email=Mock(side_effect=gone)):
			assert dispatch_due(day(0)) == {"Error": 1}
		assert dispatch_due(day(0)) == {"Queued": 1}


@contextmanager
def template(**values: str) -> Iterator[None]:
	before = frappe.db.get_value("Email Template", GREETING, list(values), as_dict=True)
	frappe.db.set_value("Email Template", GREETING, values)
	frappe.clear_document_cache("Email Template", GREETING)
	try:
		yield
	finally:
		frappe.db.set_value("Email Template", GREETING, before)
		frappe.clear_document_cache("Email Template", GREETING)
		frappe.db.commit()


class TestWhoLeftByNumber:
	def test_who_has_only_a_number(self, receiver: Receiver) -> None:  # noqa: F811
		hook = {**HOOK, "webhook_url": receiver.url}
		values = {"entry_by": "Audience", "re_entry_days": 1}
		sequence(hook, {**hook, "day_offset": 1}, **values)
		name = mobile(customer(email=None))
		assert enrol() == 1
		assert dispatch_due(day(0)) == {"Queued": 1}
		leave(touches(name)[0].name, ALL)
		assert enrollments(name) == ["Exited Unsubscribed"]
		assert deliver_waiting() == {"Skipped": 1}
		assert enrol(day(3)) == 0
		again(name)
		frappe.db.set_value(
			"Outreach Enrollment", {"customer": name}, {"status": "Active", "next_due_on": day(0)}
		)
		frappe.db.commit()
		assert stop_enrollments(day(0)) == 2

	def test_who_is_marked_as_unsubscribed(self, receiver: Receiver) -> None:  # noqa: F811
		sequence({**HOOK, "webhook_url": receiver.url}, SMS)
		name = mobile(entered(email=None), unsubscribed=1)
		assert dispatch_due(day(0)) == {"Ended": 1}
		assert touches(name) == []

	def test_who_leaves_texts_keeps_the_mails(self) -> None:
		sequence(MAIL, {**SMS, "day_offset": 1}, {**NEXT, "day_offset": 2})
		name = mobile(entered(email=None), "jo@example.com")
		with sms_gateway("http://127.0.0.1:9"):
			assert dispatch_due(day(0)) == {"Queued": 1}
			leave(touches(name)[0].name, ALL, "SMS")
			assert dispatch_due(day(1)) == {"Skipped": 1}
			assert dispatch_due(day(2)) == {"Queued": 1}
			assert enrollments(name) == ["Completed"]


def mobile(customer: str, email: str | None = None, **fields: object) -> str:
	phones = [{"phone": "+49 170 1234567", "is_primary_mobile_no": 1}]
	contact(customer, email, phone_nos=phones, **fields)
	frappe.db.commit()
	return customer


class TestMeanwhile:
	"""Between the dispatcher and the mail server, or the gateway, things happen."""

	@pytest.mark.parametrize("what", ["left", "disabled", "ordered", "off", "night"])
	@pytest.mark.parametrize("channel", ["Email", "Webhook"])
	def test_it_is_asked_again(self, receiver: Receiver, smtp_sink, channel: str, what: str) -> None:  # noqa: F811
		sequence(MAIL if channel == "Email" else {**HOOK, "webhook_url": receiver.url})
		name = entered()
		assert dispatch_due(day(0)) == {"Queued": 1}
		(touch,) = touches(name)
		undo = MEANWHILE[what](name, touch.name)
		frappe.clear_document_cache("Outreach Sequence", NAME)
		frappe.db.commit()
		arrived = smtp_sink.messages if channel == "Email" else receiver.requests
		send = smtp_sink.flush if channel == "Email" else deliver_waiting
		send()
		assert arrived == []
		(touch,) = touches(name)
		assert touch.reason
		assert touch.status == ("Queued" if undo else "Skipped")
		if undo:
			send()
			assert touch.deferred_until > now_datetime()
			frappe.db.set_value("Outreach Sequence", NAME, undo)
			frappe.db.set_value("Outreach Touch", touch.name, "deferred_until", None)
			frappe.db.set_value("Email Queue", {"status": "Not Sent"}, "send_after", day(-1))
			frappe.db.commit()
			send()
			assert len(arrived) == 1
			assert touches(name)[0].reason is None


def _disable(name: str, _touch: str) -> None:
	frappe.db.set_value("Customer", name, "disabled", 1)


def _switch_off(*_names: str) -> dict:
	frappe.db.set_value("Outreach Sequence", NAME, "enabled", 0)
	return {"enabled": 1}


def _night(*_names: str) -> dict:
	hour = now_datetime().hour
	hours = (
		{"send_from_hour": 22, "send_until_hour": 24}
		if hour < 20
		else {"send_from_hour": 0, "send_until_hour": 2}
	)
	frappe.db.set_value("Outreach Sequence", NAME, hours)
	return {"send_from_hour": 0, "send_until_hour": 24}


def _order(name: str, _touch: str) -> None:
	invoice(name, day(0))


MEANWHILE = {
	"left": lambda _name, touch: leave(touch, ALL),
	"disabled": _disable,
	"ordered": _order,
	"off": _switch_off,
	"night": _night,
}


def test_a_worker_that_died_keeps_no_other_from_starting(
	monkeypatch: pytest.MonkeyPatch,
	receiver: Receiver,  # noqa: F811
) -> None:
	started = []
	monkeypatch.setattr(frappe, "enqueue", lambda _method, **options: started.append(options["job_id"]))
	sequence({**HOOK, "webhook_url": receiver.url})
	entered()
	dispatch_due(day(0))
	monkeypatch.setattr(deliver, "time", lambda: 2e9)
	deliver.start_delivery()
	assert len(set(started)) == 2


class TestEditing:
	def test_a_step_that_comes_back_is_not_sent_again(self) -> None:
		document = sequence(MAIL, CALL, NEXT)
		name = entered()
		assert dispatch_due(day(0)) == {"Queued": 1, "Sent": 1}
		steps = [row.as_dict(no_default_fields=True) for row in document.steps]
		for kept in ([steps[2]], steps):
			document.reload()
			kept = [{**row, "step_key": None} if row["day_offset"] == 0 else row for row in kept]
			document.set("steps", kept)
			document.save()
			frappe.db.commit()
		assert dispatch_due(day(0)) == {}
		assert dispatch_due(day(1)) == {"Queued": 1}
		assert len(touches(name)) == 3

	def test_who_moves_a_step_before_others_is_told_who_misses_it(self) -> None:
		document = sequence(MAIL, NEXT, {**NEXT, "day_offset": 6})
		entered()
		dispatch_due(day(0))
		dispatch_due(day(1))
		document.reload()
		document.steps[2].day_offset = 0
		frappe.clear_messages()
		document.save()
		assert "1 customers who are under way are past this day" in str(frappe.get_message_log())

	def test_a_copy_is_another_sequence(self) -> None:
		first = sequence({**MAIL, "variant": "A"}, {**MAIL, "variant": "B", "email_template": NEWS})
		copy = frappe.copy_doc(first)
		copy.sequence_name = "Tried Again"
		copy.insert()
		try:
			keys = [{row.step_key for row in document.steps} for document in (first, copy)]
			assert len(keys[0]) == len(keys[1]) == 1 and keys[0] != keys[1]
			frappe.db.set_value(
				"Outreach Step", {"parent": copy.name}, "step_key", keys[0].pop()
			)  # as before
			name = entered()
			api.enrol_by_hand(copy.name, [name])
			assert dispatch_due(day(0)) == {"Queued": 2}
		finally:
			frappe.delete_doc("Outreach Sequence", copy.name, force=True)
			frappe.db.commit()


class TestCalls:
	def test_the_last_order_is_known_before_the_first_run(self) -> None:
		sequence(MAIL, hold_overdue=0)
		old, backlog = customer("Old Ltd"), customer("Backlog Ltd")
		for name in (old, backlog):
			invoice(name, day(-400))
		assert frappe.db.get_value("Customer", old, "last_order_date") is None
		api.enrol_by_hand(NAME, [old])
		api.enrol_backlog(NAME, json.dumps([["Customer", "name", "=", backlog]]), 5)
		assert dispatch_due(day(0)) == {"Queued": 2}
		invoice(old, day(0))
		assert stop_enrollments(day(0)) == 0  # both are done
		assert frappe.get_all("Outreach Enrollment", pluck="last_order_date") == [day(-400)] * 2

	@pytest.mark.parametrize("value", ["true", "yes", "", "2", -1])
	def test_going_on_takes_nothing_but_yes_and_no(self, value: object) -> None:
		with pytest.raises(frappe.ValidationError, match="must be 0 or 1"):
			api.go_on_sending(value)

	def test_who_may_not_is_told_so_first(self) -> None:
		sequence(MAIL)
		with pytest.raises(frappe.ValidationError, match="up to 500"):
			api.enrol_by_hand(NAME, "no JSON")
		as_user("Accounts User")
		with pytest.raises(frappe.PermissionError):
			api.enrol_by_hand(NAME, "no JSON")
