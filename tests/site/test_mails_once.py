"""A mail is handed to the mail server once at most: whoever dies, whatever answer is lost, and however many workers send the queue."""

import signal
import threading
from datetime import timedelta

import frappe
import pytest
from frappe.utils import now_datetime

from customer_tiering.outreach.dispatch import dispatch_due
from customer_tiering.outreach.lost_mails import STALE_MINUTES, note_lost_mails
from tests.site.sleepers import day, output_of, start_process
from tests.site.test_outreach import statuses, touches
from tests.site.test_sequences import MAIL, alone, entered, sequence  # noqa: F401


@pytest.fixture
def mail(smtp_sink) -> str:
	"""A customer with one mail in the queue, and the server that it is to go to."""
	sequence(MAIL)
	name = entered()
	assert dispatch_due(day(0)) == {"Queued": 1}
	return name


def queue_of(customer: str) -> "frappe.Document":
	return frappe.get_doc("Email Queue", touches(customer)[-1].email_queue)


def states(customer: str) -> tuple[str, str]:
	return touches(customer)[-1].status, queue_of(customer).status


def test_a_server_that_takes_it_and_hangs_up_gets_it_once(mail: str, smtp_sink) -> None:
	smtp_sink.hangs_up = True
	smtp_sink.flush()
	assert states(mail) == ("In Doubt", "Error")
	smtp_sink.hangs_up = False
	smtp_sink.flush()
	dispatch_due(day(0))
	assert states(mail) == ("In Doubt", "Error")
	assert len(smtp_sink.messages) == 1
	queue_of(mail).retry_sending()  # somebody looked and decided
	frappe.db.commit()
	smtp_sink.flush()
	dispatch_due(day(0))
	assert states(mail) == ("Sent", "Sent")


def test_a_server_that_refuses_it_gets_it_again(mail: str, smtp_sink) -> None:
	before = {"creation": day(-3), "touched_on": day(-2)}
	frappe.db.set_value("Outreach Touch", {"customer": mail}, before)
	smtp_sink.answer = "451 Later, please"
	assert smtp_sink.flush() == [] and touches(mail)[0].sent_at is None
	assert states(mail) == ("Queued", "Not Sent")
	smtp_sink.answer = "250 OK"
	assert len(smtp_sink.flush()) == 1
	assert states(mail) == ("Queued", "Sent")
	(touch,) = touches(mail)  # from today on the customer can have read it
	assert (touch.touched_on, touch.sent_at.date()) == (day(0), day(0))


def test_two_who_send_the_queue_send_it_once(mail: str, smtp_sink) -> None:
	first, second = queue_of(mail), queue_of(mail)  # both saw it before either began
	first.send()
	second.send()
	assert len(smtp_sink.messages) == 1
	assert states(mail) == ("Queued", "Sent")


def test_one_that_another_worker_holds_is_left_to_it(mail: str, smtp_sink) -> None:
	process = start_process(
		"from frappe.email.queue import flush; flush()"
	)  # it takes longer to start than this:
	frappe.db.sql("SELECT name FROM `tabEmail Queue` FOR UPDATE")
	output_of(process)
	assert smtp_sink.messages == []
	assert len(smtp_sink.flush()) == 1


def test_what_was_sent_while_the_note_of_it_failed_is_in_doubt(mail: str, smtp_sink, monkeypatch) -> None:
	from frappe.email.doctype.email_queue_recipient.email_queue_recipient import EmailQueueRecipient

	def fail(*_values, **_options) -> None:
		raise frappe.QueryDeadlockError("Deadlock found")

	monkeypatch.setattr(EmailQueueRecipient, "update_db", fail)
	smtp_sink.flush()
	monkeypatch.undo()
	smtp_sink.flush()
	assert states(mail) == ("In Doubt", "Error")
	assert len(smtp_sink.messages) == 1


def test_the_framework_sends_none_again_that_was_left_behind(mail: str, smtp_sink) -> None:
	"""Frappe 16 puts what stands as Sending for a quarter of an hour back into the queue."""
	queue = queue_of(mail)
	queue.update_status("Sending", commit=True)
	queue.update_status(status="Not Sent", retry=1, commit=True)
	assert smtp_sink.flush() == []
	assert states(mail) == ("In Doubt", "Error")


def test_mails_of_others_are_sent_as_ever(smtp_sink) -> None:
	frappe.sendmail(recipients=["jo@example.com"], subject="A rep's", message="Hello", delayed=True)
	smtp_sink.hangs_up = True
	smtp_sink.flush()
	smtp_sink.hangs_up = False
	assert len(smtp_sink.flush()) == 2


PAUSES = """
from customer_tiering.outreach import dispatch
real = dispatch._touch
def touch(*values):
	status = real(*values)
	print("touched", flush=True)
	sys.stdin.readline()
	return status
dispatch._touch = touch
dispatch.dispatch_due()
"""


def test_two_dispatchers_write_to_a_shared_address_one_after_the_other() -> None:
	sequence(MAIL)
	names = [entered(name, email="shared@example.com") for name in ("One", "Two")]
	frappe.db.set_value("Outreach Enrollment", {"customer": "Two"}, "status", "Completed")
	other = start_process(PAUSES)
	assert other.stdout.readline() == "touched\n"  # but not committed yet
	frappe.db.set_value("Outreach Enrollment", {"customer": "Two"}, "status", "Active")
	timer = threading.Timer(1, lambda: print(file=other.stdin, flush=True))
	timer.start()
	assert dispatch_due(day(0)) == {"Skipped": 1}
	output_of(other)
	assert [statuses(name) for name in names] == [[(0, "Queued")], [(0, "Skipped")]]


FLUSH = """
from frappe.email.doctype.email_queue.email_queue import EmailQueue, SendMailContext
from frappe.email.queue import flush
import smtplib
def die(*_values, **_options):
	os.kill(os.getpid(), signal.SIGKILL)
{hook} = die
flush()
"""
KILLED = {
	"before it is under way": "EmailQueue.can_send_now",
	"while it is handed over": "smtplib.SMTP.data",
	"after the server took it": "SendMailContext.update_recipient_status_to_sent",
}


@pytest.mark.parametrize("hook", KILLED.values(), ids=KILLED)
def test_a_sender_that_is_killed(mail: str, smtp_sink, hook: str) -> None:
	process = start_process(FLUSH.format(hook=hook))
	output_of(process)
	assert process.returncode == -signal.SIGKILL
	sent = int("update" in hook)
	if "can_send" in hook:
		assert len(smtp_sink.flush()) == 1
		assert states(mail) == ("Queued", "Sent")
		return
	assert len(smtp_sink.flush()) == sent
	assert states(mail) == ("Queued", "Sending")  # for all that anybody knows it is still under way
	long_ago = now_datetime() - timedelta(minutes=STALE_MINUTES + 1)
	frappe.db.set_value("Email Queue", queue_of(mail).name, "modified", long_ago, update_modified=False)
	note_lost_mails()
	assert statuses(mail) == [(0, "In Doubt")]
	assert len(smtp_sink.flush()) == sent
