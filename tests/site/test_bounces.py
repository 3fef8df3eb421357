"""Notifications of undelivered mails, as they arrive in an Email Account."""

from collections.abc import Iterator
from types import SimpleNamespace

import frappe
import pytest
from frappe.email.receive import InboundMail

from customer_tiering.outreach.dispatch import dispatch_due
from customer_tiering.outreach.exits import stop_enrollments
from tests.site.sleepers import clean_slate, day
from tests.site.test_outreach import default_account, enrollment, touches
from tests.site.test_sequences import MAIL, NAME, entered, sequence

DSN = """From: MAILER-DAEMON@mx.example.net
To: sender@example.com
Subject: Undelivered Mail Returned to Sender
Message-ID: <dsn-{number}@mx.example.net>
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="b"

--b
Content-Type: text/plain

I could not deliver your message.

--b
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.example.net

Final-Recipient: rfc822; {address}
Action: {action}
Status: {status}
Diagnostic-Code: smtp; 550 user unknown

--b
Content-Type: message/rfc822

From: sender@example.com
To: {address}
Message-ID: <{message_id}>
Subject: How are you?

Dear Jo

--b--
"""


@pytest.fixture(autouse=True)
def alone(on_site: None) -> Iterator[None]:
	with clean_slate(), default_account():
		yield
		frappe.db.rollback()
		frappe.delete_doc("Outreach Sequence", NAME, ignore_missing=True, force=True)
		frappe.db.commit()


@pytest.fixture
def name() -> str:
	sequence(*({**MAIL, "day_offset": number} for number in range(5)))
	name = entered()
	assert dispatch_due(day(0)) == {"Queued": 1}
	return name


def arrive(text: str, monkeypatch: pytest.MonkeyPatch) -> InboundMail:
	"""Through the framework's own way of reading an account, but for the server."""
	account = frappe.get_doc("Email Account", "Nobody Listens")
	account.enable_incoming, account.use_imap, account.email_sync_option = 1, 0, "ALL"
	server = SimpleNamespace(get_messages=lambda: {"latest_messages": [text.encode()]}, logout=lambda: None)
	monkeypatch.setattr(account, "get_incoming_server", lambda **_values: server)
	(mail,) = account.get_inbound_mails()
	return mail


def bounce(name: str, action: str = "failed", status: str = "5.1.1", **values: str) -> str:
	touch = touches(name)[-1]
	fields = {"address": touch.address, "message_id": touch.message_id, "number": touch.name, **values}
	return DSN.format(action=action, status=status, **fields)


def test_a_hard_bounce_stops_the_address_at_once(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
	arrive(bounce(name), monkeypatch)
	assert touches(name)[0].bounce == "Hard"
	assert frappe.get_all("Outreach Suppression", pluck="source") == ["Bounce"]
	assert enrollment(name).exit_reason == "Bounced"
	arrive(bounce(name, "failed", "4.2.2"), monkeypatch)
	assert touches(name)[0].bounce == "Hard"


def test_a_warning_of_a_server_that_still_tries_is_no_bounce(
	name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
	arrive(bounce(name, "delayed", "4.4.7"), monkeypatch)
	assert not touches(name)[0].bounce


def test_a_mailbox_that_is_full_is_no_address_that_is_gone(
	name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
	arrive(bounce(name, "failed", "4.2.2"), monkeypatch)
	assert touches(name)[0].bounce == "Soft"
	assert enrollment(name).status == "Active" and not frappe.db.count("Outreach Suppression")


def test_a_soft_one_only_the_third_time(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
	for number in range(3):
		assert enrollment(name).status == "Active"
		arrive(bounce(name, "failed", "4.2.2"), monkeypatch)
		dispatch_due(day(number + 1))
	assert [touch.bounce for touch in touches(name)] == ["Soft"] * 3
	assert enrollment(name).exit_reason == "Bounced"


@pytest.mark.parametrize(
	"values",
	[{"address": "victim@example.com"}, {"message_id": "somebody-else@example.com"}],
	ids=["another address", "no mail of ours"],
)
def test_a_forged_one_stops_nobody(name: str, values: dict, monkeypatch: pytest.MonkeyPatch) -> None:
	arrive(bounce(name, **values), monkeypatch)
	assert frappe.db.count("Outreach Suppression") == 0
	assert enrollment(name).status == "Active"


def test_a_mail_that_can_t_be_read_arrives_nevertheless(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
	from customer_tiering.outreach import email_account

	def fail(_mail: object) -> None:
		raise RuntimeError

	monkeypatch.setattr(email_account, "note_bounce", fail)
	arrive(bounce(name), monkeypatch)
	assert enrollment(name).status == "Active"


@pytest.mark.parametrize(
	("header", "replied"),
	[
		("Auto-Submitted: auto-replied (vacation)", 0),
		("Precedence: bulk", 0),
		("X-Autoreply: yes", 0),
		("Auto-Submitted: no", 1),
	],
)
def test_nobody_has_answered_who_is_out_of_office(
	name: str, monkeypatch: pytest.MonkeyPatch, header: str, replied: int
) -> None:
	frappe.db.set_value("Outreach Sequence", NAME, {"exit_on_reply": 1, "goal": "Reply"})
	frappe.db.set_value("Outreach Touch", {"customer": name}, "creation", day(-1), update_modified=False)
	address = touches(name)[0].address
	mail = arrive(f"From: {address}\nTo: sender@example.com\nSubject: Away\n{header}\n\nBye\n", monkeypatch)
	communication = mail.process()
	try:
		assert communication.sender == address
		assert communication.is_automatic_answer == 1 - replied  # follow-ups, goals and reports go by it, too
		assert stop_enrollments(day(0)) == replied
		assert enrollment(name).goal_reached_on == (day(0) if replied else None)
	finally:
		frappe.delete_doc("Communication", communication.name, force=True)
		frappe.db.commit()
