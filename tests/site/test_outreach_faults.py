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

from customer_tiering.outreach import api, dispatch, jobs
from customer_tiering.outreach.channels import Target
from customer_tiering.outreach.dispatch import dispatch_due
from customer_tiering.outreach.enrol import enrol
from customer_tiering.outreach.exits import stop_enrollments
from tests.site.sleepers import customer, day, output_of, start_process
from tests.site.test_outreach import GREETING, NEWS, new_sequence, statuses, touches
from tests.site.test_sequences import (  # noqa: F401
	CALL,
	MAIL,
	NAME,
	OPEN,
	Receiver,
	alone,
	entered,
	receiver,
	sequence,
)

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
	frappe.db.set_value("Outreach Enrollment", {"customer": late}, "entered_on", day(1))
	frappe.db.set_value("Outreach Enrollment", {"customer": late}, "next_due_on", day(1))
	assert dispatch_due(day(0)) == {"Queued": 1}
	frappe.rename_doc("Customer", early, late, merge=True, force=True)
	frappe.db.commit()
	assert enrollments(late) == ["Active", "Exited Merged"]
	assert dispatch_due(day(1)) == {"Queued": 1}
	assert dispatch_due(day(2)) == {}
	assert statuses(late) == [(0, "Queued"), (1, "Queued")]


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
