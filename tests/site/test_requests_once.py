"""A text message or a webhook is handed over once at most: whoever dies, and whatever answer is lost."""

import signal
from collections.abc import Iterator

import frappe
import pytest

from customer_tiering.outreach import deliver, restored
from customer_tiering.outreach.deliver import ATTEMPTS, deliver_waiting
from customer_tiering.outreach.dispatch import dispatch_due
from tests.site.sleepers import contact, day, output_of, start_process
from tests.site.test_outreach import touches
from tests.site.test_reports import as_user
from tests.site.test_sequences import (  # noqa: F401
	NAME,
	SMS,
	Receiver,
	alone,
	entered,
	receiver,
	sequence,
	sms_gateway,
)

HANGS_UP = 0


@pytest.fixture(params=["SMS", "Webhook"])
def waiting(request, receiver: Receiver) -> Iterator[str]:  # noqa: F811
	"""A customer to whom one is to go, by a gateway that takes it."""
	webhook = {"day_offset": 0, "channel": "Webhook", "webhook_url": receiver.url}
	with sms_gateway(receiver.url):
		sequence(SMS if request.param == "SMS" else webhook)
		name = entered(email=None)
		contact(name, "jo@example.com", phone_nos=[{"phone": "+49 170 1234567", "is_primary_mobile_no": 1}])
		assert dispatch_due(day(0)) == {"Queued": 1}
		yield name


def state(customer: str) -> str:
	frappe.db.commit()
	return touches(customer)[0].status


def time_passes() -> None:
	"""Until what was put off is tried again."""
	frappe.db.set_value("Outreach Touch", {"status": "Queued"}, "deferred_until", day(-1))
	frappe.db.commit()


def test_it_is_tried_again_only_where_it_surely_was_not_taken(waiting: str, receiver: Receiver) -> None:  # noqa: F811
	name = touches(waiting)[0].name
	for answers, status, times in (
		((503, 429, 200), "Sent", 3),
		((503,) * (ATTEMPTS + 1), "Failed", ATTEMPTS),
		((404, 200), "Failed", 1),
		((500, 200), "In Doubt", 1),
		((HANGS_UP, 200), "In Doubt", 1),
	):
		again = {"status": "Queued", "attempts": 0, "reason": None}
		frappe.db.set_value("Outreach Touch", name, again)
		receiver.requests.clear()
		restored.forget()  # that it went out
		restored.begin()
		for answer in answers:
			receiver.status, receiver.hangs_up = answer, answer == HANGS_UP
			time_passes()
			deliver_waiting()
		assert (state(waiting), len(receiver.requests)) == (status, times)
		reason = touches(waiting)[0].reason
		assert reason is None if status == "Sent" else answers[0] == HANGS_UP or str(answers[0]) in reason


def test_it_is_tried_again_when_there_was_nobody_to_take_it(waiting: str, receiver: Receiver) -> None:  # noqa: F811
	closed = "http://127.0.0.1:9/"
	with sms_gateway(closed):
		frappe.db.set_value("Outreach Step", {"parent": NAME}, "webhook_url", closed)
		assert deliver_waiting() == {"Queued": 1}
	assert "connection" in touches(waiting)[0].reason
	assert deliver_waiting() == {}  # not at once
	time_passes()
	frappe.db.set_value("Outreach Step", {"parent": NAME}, "webhook_url", receiver.url)
	with sms_gateway(receiver.url):
		assert deliver_waiting() == {"Sent": 1}


def test_nobody_waits_for_ever(waiting: str, receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
	"""Nor does it take away the time limit of the worker's job."""
	monkeypatch.setattr(deliver, "PATIENCE", 1)
	receiver.waits = 2
	signal.alarm(1000)
	try:
		assert deliver_waiting() == {"In Doubt": 1}
		assert 990 < signal.alarm(0) < 1000
	finally:
		signal.alarm(0)


DIES = """
from customer_tiering.outreach import deliver
def die(*_values, **_options):
	os.kill(os.getpid(), signal.SIGKILL)
{hook} = die
deliver.deliver_waiting()
"""
KILLED = {"before it is handed over": "deliver._send", "after it was taken": "deliver._note"}


@pytest.mark.parametrize("hook", KILLED.values(), ids=KILLED)
def test_a_worker_that_is_killed(waiting: str, receiver: Receiver, hook: str) -> None:  # noqa: F811
	process = start_process(DIES.format(hook=hook))
	output_of(process)
	assert process.returncode == -signal.SIGKILL
	taken = int("note" in hook)
	assert (state(waiting), len(receiver.requests)) == ("Sending", taken)
	assert deliver_waiting() == {}  # for all that anybody knows it is still under way
	frappe.db.set_value("Outreach Touch", {"customer": waiting}, "modified", day(-1), update_modified=False)
	assert deliver_waiting() == {}
	assert (state(waiting), len(receiver.requests)) == ("In Doubt", taken)


@pytest.mark.parametrize("answer", [503, 404, HANGS_UP])
def test_whatever_goes_wrong_the_keys_of_the_other_side_are_not_told(
	waiting: str,
	receiver: Receiver,  # noqa: F811
	answer: int,
) -> None:
	secret = receiver.url.replace("/hook", "/hook?apikey=S3CRET")
	touch = touches(waiting)[0]
	with sms_gateway(secret if answer else secret.replace("127.0.0.1", "127.0.0.2")):
		if touch.channel == "Webhook":
			sequence = frappe.get_doc("Outreach Sequence", touch.sequence)
			sequence.steps[0].webhook_url = secret
			sequence.save()
		receiver.status, receiver.hangs_up = answer, answer == HANGS_UP
		deliver_waiting()
	kept = frappe.get_doc("Outreach Touch", touch.name)
	versions = frappe.get_all("Version", {"docname": touch.sequence}, pluck="data")
	assert kept.reason and "S3CRET" not in f"{kept.as_json()} {versions}"
	user = as_user("Sales User")
	sequence = frappe.get_doc("Outreach Sequence", touch.sequence)
	sequence.apply_fieldlevel_read_permissions()
	assert "http" not in sequence.as_json(), user
	frappe.set_user("Administrator")
