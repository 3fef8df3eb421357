"""Mails to customers who fell asleep: through the real queue to a mail server, each once, whatever fails meanwhile."""

import html
import re
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from email.message import EmailMessage
from unittest.mock import patch

import frappe
import pytest

from customer_tiering.outreach import dispatch
from customer_tiering.outreach.clock import moment_of
from customer_tiering.outreach.dispatch import dispatch_due
from customer_tiering.outreach.enrol import enrol
from customer_tiering.outreach.exits import stop_enrollments
from customer_tiering.outreach.turns import turn
from customer_tiering.outreach.unsubscribe import short_url
from customer_tiering.patches.v1_0 import drop_messages_of_who_left
from tests.site.sleepers import (
	clean_slate,
	contact,
	credit,
	customer,
	day,
	fall_asleep,
	forget_jobs,
	invoice,
	output_of,
	sleeper,
	start_process,
	user,
)

SEQUENCE = "Wake Up"
GREETING, NEWS, OFFER = "Wake Up 1 · Greeting", "Wake Up 2 · News", "Wake Up 3 · Offer"
STEPS = [(7, GREETING), (14, NEWS), (21, OFFER)]
# The invoices of these tests are never paid.
ANY_TIME = {"send_from_hour": 0, "send_until_hour": 24, "saturday": 1, "sunday": 1, "hold_overdue": 0}


SEEDED = {
	"Outreach Sequence": f"name = '{SEQUENCE}'",
	"Outreach Step": f"parent = '{SEQUENCE}'",
	"Email Template": f"name IN {(GREETING, NEWS, OFFER)}",
}


@pytest.fixture(autouse=True)
def alone(on_site: None) -> Iterator[None]:
	with clean_slate(), default_account(), as_it_was():
		set_steps(STEPS, enabled=1)
		yield


@contextmanager
def as_it_was() -> Iterator[None]:
	"""The seeded sequence and its templates are put back to the byte."""
	before = {
		table: frappe.db.sql(f"SELECT * FROM `tab{table}` WHERE {which}", as_dict=True)
		for table, which in SEEDED.items()
	}
	try:
		yield
	finally:
		frappe.set_user("Administrator")
		frappe.db.rollback()
		for table, rows in before.items():
			frappe.db.sql(f"DELETE FROM `tab{table}` WHERE {SEEDED[table]}")
			frappe.db.bulk_insert(table, list(rows[0]), [tuple(row.values()) for row in rows])
			for row in rows:
				frappe.clear_document_cache(table, row.name)
		frappe.db.commit()


@contextmanager
def default_account() -> Iterator[None]:
	"""Mails can be queued; a test that looks at what arrives uses the sink, which takes its place."""
	values = {"email_id": "nobody@example.com", "enable_outgoing": 1, "default_outgoing": 1}
	account = frappe.get_doc({"doctype": "Email Account", "name": "Nobody Listens", **values})
	account.email_account_name = account.name
	account.no_smtp_authentication = 1
	account.db_insert()
	frappe.local.outgoing_email_account = {}
	try:
		yield
	finally:
		frappe.set_user("Administrator")
		frappe.db.rollback()
		frappe.db.delete("Email Account", {"name": account.name})
		frappe.local.outgoing_email_account = {}
		frappe.db.commit()


@contextmanager
def alone_with(name: str) -> Iterator[None]:
	"""No other customers, an account, and a sequence of that name that is gone afterwards, before what it leads to."""
	with clean_slate(), default_account():
		try:
			yield
		finally:
			frappe.set_user("Administrator")
			frappe.db.rollback()
			frappe.db.delete("Outreach Experiment", {"sequence": name})
			frappe.delete_doc("Outreach Sequence", name, ignore_missing=True, force=True)
			frappe.db.commit()


def new_sequence(name: str, *steps: dict, **values: object) -> "frappe.Document":
	"""Switched on, entered by hand."""
	values = {"sequence_name": name, "enabled": 1, "entry_by": "Hand", **values}
	document = frappe.get_doc({"doctype": "Outreach Sequence", **values})
	document.extend("steps", [dict(step) for step in steps])
	document.insert()
	frappe.db.commit()
	return document


def set_steps(steps: list[tuple[int, str]], **values) -> None:
	"""Edit the sequence as its form does: rows that stay keep their name."""
	sequence = frappe.get_doc("Outreach Sequence", SEQUENCE)
	rows = {row.email_template: row for row in sequence.steps}
	sequence.set("steps", [])
	for offset, template in steps:
		row = rows[template].as_dict() if template in rows else {"email_template": template}
		sequence.append("steps", {**row, "day_offset": offset, "offer": None})
	sequence.update({**ANY_TIME, **values})
	sequence.save()
	frappe.db.commit()


def write_template(name: str, text: str) -> None:
	frappe.db.set_value("Email Template", name, "response_html", text)
	frappe.clear_document_cache("Email Template", name)


def enrolled(name: str = "Sleepy Ltd", email: str | None = "", **fields) -> str:
	"""A sleeper who has entered the sequence today."""
	name = sleeper(name, email, **fields)
	assert enrol() == 1
	return name


def enrollment(of: str) -> frappe._dict:
	(row,) = frappe.get_all("Outreach Enrollment", {"customer": of}, ["*"])
	return row


def touches(of: str) -> list[frappe._dict]:
	return frappe.get_all("Outreach Touch", {"customer": of}, ["*"], order_by="day_offset")


def statuses(of: str) -> list[tuple[int, str]]:
	return [(touch.day_offset, touch.status) for touch in touches(of)]


def queued() -> list[frappe._dict]:
	return frappe.get_all("Email Queue", fields=["*"], order_by="creation")


def text_of(message: EmailMessage) -> str:
	return message.get_body(("plain",)).get_content()


def html_of(message: EmailMessage) -> str:
	return message.get_body(("html",)).get_content()


class TestFromOrdersToMails:
	def test_three_mails_arrive_on_their_days(self, smtp_sink, monkeypatch: pytest.MonkeyPatch) -> None:
		monkeypatch.setitem(frappe.conf, "host_name", "https://erp.kaffee-und-tee.example")
		name = customer("Müller & Söhne „Kaffee“ 咖啡 ☕", "jo@example.com")
		invoice(name, day(-180))
		fall_asleep()
		assert enrol() == 1
		for offset in (0, 6):
			assert dispatch_due(day(offset)) == {}
		for number, offset in enumerate((7, 14, 21), start=1):
			assert dispatch_due(day(offset - 1)) == {}
			assert dispatch_due(day(offset)) == {"Queued": 1}
			assert dispatch_due(day(offset)) == {}
			assert len(smtp_sink.flush()) == number
		assert enrollment(name).status == "Completed"
		assert dispatch_due(day(100)) == {}
		assert statuses(name) == [(7, "Sent"), (14, "Sent"), (21, "Sent")]
		assert len(queued()) == 3
		for touch, message in zip(touches(name), smtp_sink.messages, strict=True):
			self.check(touch, message)

	def check(self, touch: frappe._dict, message: EmailMessage) -> None:
		assert message["To"] == touch.address == "jo@example.com"
		assert "sender@example.com" in message["From"]
		assert message["Message-ID"] == f"<{touch.message_id}>"
		assert touch.message_id.startswith(touch.name)
		assert message["Subject"] == touch.subject
		queue = frappe.get_doc("Email Queue", touch.email_queue)
		assert (queue.reference_doctype, queue.reference_name) == ("Customer", touch.customer)
		assert [row.recipient for row in queue.recipients] == ["jo@example.com"]
		(url,) = set(re.findall(r"https?://\S*/leave/\S*?(?=[\s)\"]|$)", text_of(message)))
		assert f'href="{url}"' in html_of(message)
		assert (
			message["List-Unsubscribe"].strip() == f"<{short_url(url)}>"
		)  # as delivered: longer ones are encoded beyond recognition
		assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
		for part in (text_of(message), html_of(message), message["Subject"]):
			assert "{{" not in part
			assert "{%" not in part
			assert "None" not in part

	def test_names_are_right_everywhere(self, smtp_sink) -> None:
		name = enrolled("Plain", None)
		stored = '<b>Ümläut</b> & "茶" ☕ {{ 7*7 }}'
		frappe.db.set_value("Customer", name, {"customer_name": stored, "email_id": "direct@example.com"})
		dispatch_due(day(7))
		(message,) = smtp_sink.flush()
		assert message["Subject"] == f"How are you, {stored}?"
		assert "&amp;" not in message["Subject"]
		assert f"Dear {html.escape(stored, quote=False)}," in html_of(message).replace("&quot;", '"')
		assert stored in text_of(message).replace("\\*", "*")  # the plain text is Markdown
		assert "☕" in text_of(message)

	def test_a_newline_in_a_name_makes_no_header(self, smtp_sink) -> None:
		name = enrolled("Inject", None)
		evil = "X\r\nBcc: victim@example.com\r\n\r\nbody"
		frappe.db.set_value("Customer", name, {"customer_name": evil, "email_id": "direct@example.com"})
		dispatch_due(day(7))
		(message,) = smtp_sink.flush()
		assert message["Bcc"] is None
		assert message["Subject"] == "How are you, X Bcc: victim@example.com body?"

	def test_a_late_run_keeps_the_distances(self) -> None:
		name = enrolled()
		assert dispatch_due(day(30)) == {"Queued": 1}
		assert dispatch_due(day(36)) == {}
		assert dispatch_due(day(37)) == {"Queued": 1}
		assert dispatch_due(day(37)) == {}
		assert dispatch_due(day(44)) == {"Queued": 1}
		assert [touch.touched_on for touch in touches(name)] == [day(30), day(37), day(44)]

	def test_nobody_enters_twice_or_for_the_past(self) -> None:
		set_steps(STEPS, enabled=0)
		past = sleeper("Past")
		set_steps(STEPS, enabled=1)
		enrolled("Now")
		assert enrol() == 0
		assert not frappe.db.exists("Outreach Enrollment", {"customer": past})


class TestExits:
	def test_an_order_ends_it_at_once(self, worker: Callable[[], str]) -> None:
		name = enrolled()
		dispatch_due(day(7))
		forget_jobs()
		order = invoice(name, day(0))
		worker()
		row = enrollment(name)
		assert (row.status, row.exit_reason, row.reorder_invoice) == ("Exited", "Ordered", order.name)
		assert dispatch_due(day(14)) == {}

	def test_dispatch_looks_for_orders_itself(self) -> None:
		name = enrolled()
		order = invoice(name, day(0))
		assert dispatch_due(day(7)) == {"Ended": 1}
		assert enrollment(name).reorder_invoice == order.name
		assert touches(name) == []
		order.reload()
		order.cancel()
		amended = frappe.copy_doc(order)
		amended.update(
			{"amended_from": order.name, "docstatus": 0, "set_posting_time": 1, "payment_schedule": []}
		)
		amended.insert()
		for state, named in ((None, order), ("submit", amended), ("cancel", frappe._dict())):
			if state:
				amended.run_method(state)
			stop_enrollments(day(0))
			assert enrollment(name).reorder_invoice == named.name

	def test_what_is_no_order_ends_nothing(self) -> None:
		name = enrolled()
		old = invoice(name, day(-200))
		credit(invoice(name, day(0)))
		credit(old)
		assert stop_enrollments() == 0
		assert enrollment(name).status == "Active"

	def test_an_order_counts_from_its_day_on(self) -> None:
		name = enrolled()
		invoice(name, day(10))
		assert stop_enrollments() == 0
		assert dispatch_due(day(7)) == {"Queued": 1}
		assert dispatch_due(day(14)) == {"Ended": 1}
		assert enrollment(name).ended_on == day(14)

	@pytest.mark.parametrize("when", ["at once", "after the commit"])
	def test_a_queue_that_is_down_stops_no_invoice(self, when: str) -> None:
		name = enrolled()
		down = patch("frappe.utils.background_jobs.get_queue", side_effect=ConnectionError("down"))
		if when == "after the commit":
			down = patch("rq.Queue.enqueue_call", side_effect=ConnectionError("down"))
		with patch("erpnext.accounts.doctype.sales_invoice.sales_invoice.SalesInvoice.on_submit"), down:
			order = invoice(name, day(0))
			frappe.db.commit()
		assert frappe.db.get_value("Sales Invoice", order.name, "docstatus") == 1
		assert stop_enrollments() == 1

	def test_a_disabled_customer_leaves(self) -> None:
		name = enrolled()
		frappe.db.set_value("Customer", name, "disabled", 1)
		assert stop_enrollments() == 1
		assert enrollment(name).exit_reason == "Disabled"

	def test_a_deleted_customer_leaves_and_stops_no_other(self) -> None:
		gone, other = enrolled("AAA"), enrolled("ZZZ")
		frappe.db.delete("Customer", {"name": gone})
		assert dispatch_due(day(7)) == {"Ended": 1, "Queued": 1}
		assert enrollment(gone).status == "Exited"
		assert statuses(other) == [(7, "Queued")]
		frappe.db.delete("Customer", {"name": other})
		assert stop_enrollments() == 1

	@pytest.mark.parametrize("how", ["ours", "global", "this customer", "contact"])
	def test_who_wants_no_mails_gets_none(self, how: str) -> None:
		name = enrolled(email="Jo.No@example.com")
		address = "jo.no@example.com"
		if how == "ours":
			frappe.get_doc(doctype="Outreach Suppression", address=address).insert()
		elif how == "global":
			frappe.get_doc(doctype="Email Unsubscribe", email=address, global_unsubscribe=1).insert()
		elif how == "this customer":
			reference = {"reference_doctype": "Customer", "reference_name": name}
			frappe.get_doc({"doctype": "Email Unsubscribe", "email": address, **reference}).insert()
		else:
			frappe.db.set_value("Contact", {"email_id": address}, "unsubscribed", 1)
		assert dispatch_due(day(7)) == {"Ended": 1}
		assert enrollment(name).exit_reason == "Unsubscribed"
		assert queued() == []


class TestRecipients:
	def test_the_primary_contact_gets_it_once(self) -> None:
		name = enrolled(email="second@example.com")
		contact(name, "first@example.com")
		frappe.db.set_value("Contact", {"email_id": "second@example.com"}, "is_primary_contact", 0)
		assert dispatch_due(day(7)) == {"Queued": 1}
		assert [touch.address for touch in touches(name)] == ["first@example.com"]

	def test_a_primary_contact_without_address_is_passed_over(self) -> None:
		name = enrolled(email="second@example.com")
		contact(name, None)
		dispatch_due(day(7))
		assert [touch.address for touch in touches(name)] == ["second@example.com"]

	def test_without_address_it_waits_for_one(self) -> None:
		name = enrolled(email=None)
		assert dispatch_due(day(7)) == dispatch_due(day(9)) == {"Deferred": 1}
		(touch,) = touches(name)
		assert (touch.status, touch.reason) == ("Deferred", "The customer has no e-mail address.")
		contact(name, "late@example.com")
		assert dispatch_due(day(10)) == {"Queued": 1}
		(touch,) = touches(name)
		assert (touch.status, touch.reason, touch.address) == ("Queued", None, "late@example.com")
		assert dispatch_due(day(16)) == {}
		assert dispatch_due(day(17)) == {"Queued": 1}


class TestCap:
	def test_a_tier_gets_so_many_mails_in_thirty_days(self) -> None:
		name = enrolled()
		tier = "D"
		frappe.db.set_value("Customer", name, "customer_tier", tier)
		frappe.db.set_value("Customer Tier", tier, "monthly_contact_cap", 1)
		try:
			assert dispatch_due(day(7)) == {"Queued": 1}
			assert dispatch_due(day(36)) == {"Deferred": 1}
			assert touches(name)[1].reason == f"Customers in tier {tier} get at most 1 messages in 30 days."
			assert dispatch_due(day(37)) == {"Queued": 1}
		finally:
			frappe.db.set_value("Customer Tier", tier, "monthly_contact_cap", 0)
			frappe.db.commit()


class TestFailures:
	@pytest.mark.parametrize(
		("text", "reason"),
		[
			("{{ customer.customer_name.foo() }}", "foo"),
			("{{ nobody_knows_this }}", "nobody_knows_this"),
			("{{ 1 // 0 }}", "ZeroDivisionError"),
			("{% if %}", "Expected"),
		],
	)
	def test_a_template_that_fails_is_a_failed_touch(self, text: str, reason: str) -> None:
		name = enrolled()
		write_template(GREETING, text)
		assert dispatch_due(day(7)) == {"Failed": 1}
		(touch,) = touches(name)
		assert reason in touch.reason
		assert touch.email_queue is None
		assert queued() == []
		assert dispatch_due(day(14)) == {"Queued": 1}

	def test_the_others_go_on(self) -> None:
		write_template(GREETING, "{% if customer.customer_name == 'AAA' %}{{ x.y }}{% endif %}")
		failed, other = enrolled("AAA"), enrolled("ZZZ")
		assert dispatch_due(day(7)) == {"Failed": 1, "Queued": 1}
		assert (statuses(failed), statuses(other)) == ([(7, "Failed")], [(7, "Queued")])

	def test_a_template_that_is_gone_fails_its_step_alone(self) -> None:
		name = enrolled()
		frappe.delete_doc("Email Template", GREETING, force=True)
		assert dispatch_due(day(7)) == {"Failed": 1}
		assert GREETING in touches(name)[0].reason
		assert dispatch_due(day(14)) == {"Queued": 1}

	def test_numbers_stay_numbers(self) -> None:
		enrolled()
		write_template(GREETING, "{% if days_since_order > 100 %}long{% endif %}")
		assert dispatch_due(day(7)) == {"Queued": 1}

	def test_without_outgoing_account_it_waits(self) -> None:
		name = enrolled()
		accounts = {"enable_outgoing": 1, "default_outgoing": 1}
		defaults = frappe.get_all("Email Account", accounts, pluck="name")
		for account in defaults:
			frappe.db.set_value("Email Account", account, "default_outgoing", 0)
		frappe.local.outgoing_email_account = {}
		assert dispatch_due(day(7)) == {"Deferred": 1}
		(touch,) = touches(name)
		assert "Email Account" in touch.reason
		assert "<" not in touch.reason
		assert touch.status == "Deferred"
		invoice(name, day(0))
		assert dispatch_due(day(8)) == {"Ended": 1}
		(touch,) = touches(name)
		assert (touch.status, touch.reason.endswith(": Ordered")) == ("Skipped", True)
		frappe.db.set_value("Outreach Touch", touch.name, "status", "Deferred")  # as it was left before
		drop_messages_of_who_left.execute()
		assert touches(name)[0].status == "Skipped"

	def test_and_goes_out_when_there_is_one(self, smtp_sink) -> None:
		name = enrolled()
		frappe.db.set_value("Email Account", "Test Sink", "enable_outgoing", 0)
		frappe.local.outgoing_email_account = {}
		assert dispatch_due(day(7)) == {"Deferred": 1}
		frappe.db.set_value("Email Account", "Test Sink", "enable_outgoing", 1)
		frappe.local.outgoing_email_account = {}
		assert dispatch_due(day(7)) == {"Queued": 1}
		assert statuses(name) == [(7, "Queued")]
		assert len(smtp_sink.flush()) == 1

	def test_a_chosen_account_that_is_off_is_waited_for(self, smtp_sink) -> None:
		account = frappe.get_doc("Email Account", "Test Sink").as_dict()
		values = {"email_account_name": "Chosen", "email_id": "chosen@example.com", "default_outgoing": 0}
		keep = ("doctype", "enable_outgoing", "smtp_server", "smtp_port", "no_smtp_authentication")
		chosen = frappe.get_doc({**{field: account[field] for field in keep}, **values}).insert()
		try:
			set_steps(STEPS, email_account=chosen.name)
			enrolled()
			chosen.db_set("enable_outgoing", 0)
			frappe.local.outgoing_email_account = {}
			assert dispatch_due(day(7)) == {"Deferred": 1}
			chosen.db_set("enable_outgoing", 1)
			frappe.local.outgoing_email_account = {}
			assert dispatch_due(day(7)) == {"Queued": 1}
			(message,) = smtp_sink.flush()
			assert "chosen@example.com" in message["From"]
		finally:
			set_steps(STEPS, email_account=None)
			chosen.delete(force=True)
			frappe.db.commit()

	def test_what_nobody_foresaw_stops_no_other(self) -> None:

		broken, other = enrolled("AAA"), enrolled("ZZZ")
		real = dispatch._touch

		def fail(row: frappe._dict, *rest) -> frappe._dict:
			if row.customer == broken:
				raise RuntimeError("nobody foresaw this")
			return real(row, *rest)

		with patch.object(dispatch, "_touch", fail):
			assert dispatch_due(day(7)) == {"Error": 1, "Queued": 1}
		assert statuses(other) == [(7, "Queued")]
		assert dispatch_due(day(7)) == {"Queued": 1}


class TestEditedSequences:
	def test_switched_off_it_waits(self) -> None:
		name = enrolled()
		set_steps(STEPS, enabled=0)
		assert dispatch_due(day(9)) == {}
		set_steps(STEPS, enabled=1)
		assert dispatch_due(day(9)) == {"Queued": 1}
		assert statuses(name) == [(7, "Queued")]
		assert dispatch_due(day(15)) == {}
		assert dispatch_due(day(16)) == {"Queued": 1}

	def test_a_step_removed_brings_no_other_forward(self) -> None:
		name = enrolled()
		dispatch_due(day(7))
		set_steps([(7, GREETING), (21, OFFER)])
		assert dispatch_due(day(14)) == {}
		assert dispatch_due(day(20)) == {}
		assert dispatch_due(day(21)) == {"Queued": 1}
		assert enrollment(name).status == "Completed"

	def test_a_step_removed_at_the_end_completes_it(self) -> None:
		name = enrolled()
		dispatch_due(day(7))
		set_steps([(7, GREETING), (14, NEWS)], send_from_hour=23)
		assert dispatch_due(day(14)) == {"Deferred": 1}
		assert touches(name)[1].deferred_until
		set_steps([(7, GREETING)])
		assert touches(name)[1].deferred_until is None
		dispatch_due(day(14))
		assert enrollment(name).status == "Completed"
		assert statuses(name) == [(7, "Queued"), (14, "Skipped")]

	def test_a_step_put_in_between_is_sent(self) -> None:
		name = enrolled()
		dispatch_due(day(7))
		set_steps([(7, GREETING), (10, "Wake Up 3 · Offer"), (14, NEWS)])
		assert dispatch_due(day(9)) == {}
		assert dispatch_due(day(10)) == {"Queued": 1}
		assert statuses(name) == [(7, "Queued"), (10, "Queued")]

	def test_a_day_put_off_is_waited_for(self) -> None:
		enrolled()
		dispatch_due(day(7))
		set_steps([(7, GREETING), (18, NEWS), (21, OFFER)])
		assert dispatch_due(day(17)) == {}
		assert dispatch_due(day(18)) == {"Queued": 1}

	def test_a_step_that_was_sent_is_not_sent_again_on_another_day(self) -> None:
		name = enrolled()
		dispatch_due(day(7))
		set_steps([(9, GREETING), (14, NEWS), (21, OFFER)])
		assert dispatch_due(day(13)) == {}
		assert dispatch_due(day(14)) == {"Queued": 1}
		assert [touch.email_template for touch in touches(name)] == [GREETING, NEWS]

	def test_a_deleted_sequence_ends_its_enrollments(self) -> None:
		sequence = frappe.copy_doc(frappe.get_doc("Outreach Sequence", SEQUENCE))
		sequence.sequence_name = "Short-lived"
		sequence.insert()
		name = sleeper()
		assert enrol() == 2
		sequence.delete()
		frappe.db.commit()
		rows = frappe.get_all("Outreach Enrollment", {"customer": name}, ["sequence", "status"])
		assert {row.sequence: row.status for row in rows} == {SEQUENCE: "Active", "Short-lived": "Exited"}


DISPATCH = """
from datetime import date
from customer_tiering.outreach import dispatch
def die(*_args, **_values):
	os.kill(os.getpid(), signal.SIGKILL)
{hook}
print(dispatch.dispatch_due(date.fromisoformat("{day}")).get("Queued", 0))
"""
BEFORE_COMMIT = """
real = dispatch._touch
def touch(*values):
	real(*values)
	die()
dispatch._touch = touch
"""
AFTER_COMMIT = """
dispatch.BATCH = 2
real = frappe.db.commit
def commit():
	real()
	if frappe.db.count("Outreach Touch") == 2:
		die()
frappe.db.commit = commit
"""
# With the first of its batches done, and not committed, it waits.
AT_A_BATCH = """
signal.alarm(60)
dispatch.BATCH = 10
real = dispatch.Batch.write
def write(batch):
	real(batch)
	dispatch.Batch.write = real
	print("at a batch", flush=True)
	sys.stdin.readline()
dispatch.Batch.write = write
"""


def dispatcher(hook: str = "", on: date | None = None):
	return start_process(DISPATCH.format(hook=hook, day=on or day(7)))


def one_mail_each(customers: list[str]) -> None:
	assert [statuses(name) for name in customers] == [[(7, "Queued")]] * len(customers)
	rows = [touch.email_queue for name in customers for touch in touches(name)]
	assert sorted(rows) == sorted(row.name for row in queued())


class TestDyingAndRacing:
	@pytest.mark.parametrize("hook", [BEFORE_COMMIT, AFTER_COMMIT], ids=["claimed", "committed"])
	def test_a_dispatcher_that_is_killed(self, hook: str) -> None:
		customers = [enrolled(f"Killed {number}") for number in range(4)]
		process = dispatcher(hook)
		output_of(process)
		assert process.returncode == -signal.SIGKILL
		assert len(queued()) == (0 if hook == BEFORE_COMMIT else 2)
		dispatch_due(day(7))
		one_mail_each(customers)

	def test_two_dispatchers_share_a_hundred(self) -> None:
		customers = a_hundred_enrolled()
		both = [dispatcher(AT_A_BATCH), dispatcher(AT_A_BATCH)]
		assert [process.stdout.readline() for process in both] == ["at a batch\n"] * 2
		for process in both:
			print(file=process.stdin, flush=True)
		assert sum(int(output_of(process)) for process in both) == 100
		one_mail_each(customers)

	def test_a_batch_that_another_is_at_keeps_nobody_waiting(self) -> None:
		customers = a_hundred_enrolled()
		with turn({customers[0]}):  # of the first ten
			process = dispatcher("dispatch.BATCH = 10")
			give_up = time.monotonic() + 60
			while frappe.db.count("Outreach Touch") < 90 and time.monotonic() < give_up:
				time.sleep(0.1)
				frappe.db.rollback()
			assert not statuses(customers[0])
		assert int(output_of(process)) == 100
		one_mail_each(customers)

	def test_idle_workers_are_called_for_very_many(self, monkeypatch: pytest.MonkeyPatch) -> None:
		customers = [enrolled(f"Helped {number}") for number in range(4)]
		called = []
		monkeypatch.setattr(dispatch, "WORTH_A_WORKER", 2)
		monkeypatch.setattr(dispatch, "moment_of", lambda _as_of: moment_of(day(7)))
		monkeypatch.setattr(frappe, "enqueue", lambda job, **_how: called.append(job))
		monkeypatch.setattr(dispatch, "_do_all", lambda due, _moment: Counter(Seen=len(due)))
		assert dispatch_due() == {"Seen": 4}
		assert called == [dispatch.help_dispatch] * 2
		monkeypatch.undo()
		monkeypatch.setattr(dispatch, "moment_of", lambda _as_of: moment_of(day(7)))
		assert dispatch.help_dispatch() == {"Queued": 4}
		one_mail_each(customers)

	def test_one_that_is_held_by_another_is_left_to_it(self) -> None:
		held, free = enrolled("AAA"), enrolled("ZZZ")
		process = dispatcher()  # it takes longer to start than this:
		frappe.db.sql("SELECT name FROM `tabOutreach Enrollment` WHERE customer = %s FOR UPDATE", held)
		out, _errors = process.communicate(timeout=60)
		frappe.db.commit()
		assert out.strip() == "1"
		assert (statuses(held), statuses(free)) == ([], [(7, "Queued")])


def a_hundred_enrolled() -> list[str]:
	"""Straight into the tables."""
	first = enrolled("Number 000")
	row = frappe.get_doc("Outreach Enrollment", enrollment(first).name).as_dict()
	person = frappe.get_doc("Customer", first)
	names = [first]
	for number in range(1, 100):
		name = f"Number {number:03}"
		other = frappe.copy_doc(person)
		other.update({"name": name, "customer_name": name, "customer_primary_contact": None, "docstatus": 0})
		other.email_id = f"number{number}@example.com"
		other.set_parent_in_children()
		other.db_insert()
		entry = frappe.get_doc({**row, "name": f"enrolled{number:03}", "customer": name})
		entry.enrollment_key = name
		entry.db_insert()
		names.append(name)
	return names


def statements_for(number: int) -> int:
	"""How many it takes to queue so many mails, and little else."""
	some = frappe.get_all(
		"Outreach Enrollment", {"status": "Active", "next_due_on": ("<=", day(7))}, pluck="name", limit=number
	)
	frappe.db.set_value(
		"Outreach Enrollment", {"name": ("not in", some), "status": "Active"}, "not_before", day(99)
	)
	frappe.db.commit()
	with patch.object(frappe.db, "sql", wraps=frappe.db.sql) as sql:
		assert dispatch_due(day(7)) == {"Queued": number}
	frappe.db.set_value("Outreach Enrollment", {"status": "Active"}, "not_before", None)
	frappe.db.commit()
	return sql.call_count


def test_ten_times_as_many_mails_take_few_more_statements() -> None:
	a_hundred_enrolled()
	frappe.db.commit()
	statements_for(1)  # what is read once and kept
	few, many = statements_for(5), statements_for(50)
	assert (many - few) / 45 < 3, (few, many)
	assert statuses("Number 000") == [(7, "Queued")]


class TestPermissions:
	@pytest.mark.parametrize("who", ["rep@example.com", "Guest"])
	@pytest.mark.parametrize(
		"function", ["enrol_customers", "stop_sequences", "dispatch_mails", "who_runs_the_workflow"]
	)
	def test_only_managers_run_it(self, who: str, function: str) -> None:
		if who != "Guest":
			user(who, "Sales User")
		frappe.set_user(who)
		with pytest.raises(frappe.PermissionError):
			frappe.get_attr(f"customer_tiering.outreach.api.{function}")()

	def test_a_tiering_manager_runs_it(self, server_scripts: Callable[[bool], None]) -> None:
		from customer_tiering.outreach import api

		server_scripts(False)
		name = sleeper()
		frappe.set_user(user("tiering.manager@example.com", "Tiering Manager"))
		assert (api.enrol_customers(), api.dispatch_mails(), api.stop_sequences()) == (1, {}, 0)
		frappe.db.set_value("Customer", name, "disabled", 1)
		assert api.stop_sequences() == 1
		assert "The app's own schedule runs it" in api.who_runs_the_workflow()

	def test_a_rep_sees_what_is_of_his_customers(self) -> None:
		mine, other = enrolled("Mine"), enrolled("Other")
		dispatch_due(day(7))
		rep = user("rep@example.com", "Sales User")
		permission = frappe.get_doc(doctype="User Permission", user=rep, allow="Customer", for_value=mine)
		permission.insert()
		try:
			frappe.set_user(rep)
			for doctype in ("Outreach Enrollment", "Outreach Touch"):
				assert frappe.get_list(doctype, pluck="customer") == [mine]
				theirs = frappe.get_all(doctype, {"customer": other}, pluck="name")[0]
				assert not frappe.has_permission(doctype, doc=theirs)
				assert not frappe.has_permission(doctype, "write")
			assert not frappe.has_permission("Outreach Suppression")
		finally:
			frappe.set_user("Administrator")
			permission.delete()
			frappe.db.commit()
