"""A database that was put back from a backup, or copied, sends nothing until a manager says so; then nobody gets anything twice."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import frappe
import pytest
from frappe.utils import getdate

from customer_tiering.outreach import api, restored
from customer_tiering.outreach.dispatch import dispatch_due
from customer_tiering.outreach.enrol import enrol
from tests.site.sleepers import contact, customer, day, sleeper, user
from tests.site.test_outreach import NEWS, enrollment, statuses, touches
from tests.site.test_sequences import CALL, MAIL, SMS, alone, entered, sequence, sms_gateway  # noqa: F401

LATER = {**MAIL, "day_offset": 3, "email_template": NEWS}
# All that an evening of mails writes
TABLES = ("Outreach Enrollment", "Outreach Touch", "Email Queue", "Email Queue Recipient", "Singles", "ToDo")


class Backup:
	"""A dump of these tables by the database's own program, and the way back."""

	def __init__(self, folder: Path) -> None:
		self.file = folder / "backup.sql"
		conf = frappe.conf
		self.login = [
			f"--host={conf.db_host}",
			f"--port={conf.db_port}",
			f"--user={conf.db_name}",
			f"--password={conf.db_password}",
		]
		frappe.db.commit()
		tables = [conf.db_name, *(f"tab{name}" for name in TABLES if name != "Singles"), "tabSingles"]
		self.file.write_bytes(self.run("mariadb-dump", *tables))

	def restore(self) -> None:
		frappe.db.commit()
		self.run("mariadb", frappe.conf.db_name, given=self.file.read_bytes())
		frappe.db.commit()
		frappe.clear_cache()

	def run(self, program: str, *arguments: str, given: bytes | None = None) -> bytes:
		command = [program, "--no-defaults", "--protocol=tcp", *self.login, *arguments]
		return subprocess.run(command, input=given, capture_output=True, check=True).stdout


@pytest.fixture(autouse=True)
def settings() -> Iterator[None]:
	frappe.db.delete("Notification Log", {"document_name": "Tiering Settings"})
	yield
	frappe.set_user("Administrator")
	frappe.db.rollback()
	for field in (*restored.UNKNOWN, "sending_confirmed"):
		frappe.db.set_single_value("Tiering Settings", field, None)
	frappe.db.delete("Notification Log", {"document_name": "Tiering Settings"})
	frappe.db.commit()


def test_a_backup_put_back_waits_and_then_doubles_nothing(smtp_sink, tmp_path: Path) -> None:
	manager = user("restored@example.com", "Tiering Manager")
	sequence(MAIL, LATER, {**CALL, "day_offset": 1})
	early, late = entered("Early"), entered("Late")
	frappe.db.set_value("Outreach Enrollment", {"customer": late}, "not_before", f"{day(0)} 13:00:00")
	assert dispatch_due(day(0)) == {"Queued": 1}
	backup = Backup(tmp_path)  # the first mail waits in the queue, the second isn't due
	assert len(smtp_sink.flush()) == 1
	frappe.db.set_value("Outreach Enrollment", {"customer": late}, "not_before", None)
	assert dispatch_due(day(0)) == {"Queued": 1}
	assert len(smtp_sink.flush()) == 2
	backup.restore()
	frappe.db.set_value("Outreach Enrollment", {"customer": late}, "not_before", None)
	assert (statuses(early), statuses(late)) == ([(0, "Queued")], [])

	assert dispatch_due(day(0)) == dispatch_due(day(1)) == {}
	assert len(smtp_sink.flush()) == 2
	frappe.set_user(manager)
	state = api.sending_state()
	assert state["may_go_on"] and "put back from a backup" in state["waits"]
	assert (
		frappe.db.count("Notification Log", {"for_user": manager, "document_name": "Tiering Settings"}) == 1
	)

	api.go_on_sending(1)
	frappe.set_user("Administrator")
	assert api.sending_state()["waits"] is None
	assert "let sending go on" in frappe.db.get_single_value("Tiering Settings", "sending_confirmed")
	assert dispatch_due(day(0)) == {"In Doubt": 1}
	assert (statuses(early), statuses(late)) == ([(0, "In Doubt")], [(0, "In Doubt")])
	assert len(smtp_sink.flush()) == 2
	assert dispatch_due(day(1)) == {"Sent": 2}  # calls are in the backup or are not
	assert dispatch_due(day(3)) == {"Queued": 2}
	assert len(smtp_sink.flush()) == 4


def test_who_entered_after_the_backup_enters_again_but_gets_nothing_twice(smtp_sink, tmp_path: Path) -> None:
	by_audience = {"entry_by": "Audience", "audience_filters": '[["Customer", "annual_value", ">", 0]]'}
	sequence(MAIL, LATER, **by_audience, enters_once=1, entries_per_day=2)
	for number in range(5):
		frappe.db.set_value("Customer", customer(f"Worth {number}"), "annual_value", number)
	backup = Backup(tmp_path)
	restored.begin()
	assert (enrol(day(0)), enrol(day(0))) == (2, 0)
	assert dispatch_due(day(0)) == {"Queued": 2}
	assert len(smtp_sink.flush()) == 2
	backup.restore()
	assert enrol(day(1)) == 0  # until somebody says so
	restored.go_on(leave_out=True)
	assert dispatch_due(day(0)) == {"In Doubt": 2}
	assert enrol(day(1)) == 2
	assert dispatch_due(day(1)) == {"Queued": 2}
	assert dispatch_due(day(3)) == {"Queued": 2}
	got = [message["To"] for message in smtp_sink.flush()]
	assert sorted(got) == [f"worth_{number}@example.com" for number in (1, 2, 3, 3, 4, 4)]


def test_a_signal_of_the_unknown_time_counts_as_of_then() -> None:
	days = (day(-4), day(-2), day(1))
	for field, on in zip(restored.UNKNOWN, days, strict=True):
		frappe.db.set_single_value("Tiering Settings", field, on)
	sleeper()
	(event,) = frappe.get_all("Tiering Event", fields=["*"])
	assert restored.entry_day(event) == day(-4)
	assert restored.entry_day(frappe._dict(event, as_of=day(2))) == day(2)
	frappe.db.set_value("Tiering Event", event.name, "cause", "Order")
	for ordered, counts in ((day(-3), day(-3)), (day(-1), day(0)), (None, day(0))):
		assert restored.entry_day(frappe._dict(event, last_order_date=ordered)) == counts
	frappe.db.set_single_value("Tiering Settings", "unknown_from", None)
	assert restored.entry_day(event) == day(0)


def test_whoever_says_so_sends_again(smtp_sink, tmp_path: Path) -> None:
	sequence(MAIL)
	name = entered()
	backup = Backup(tmp_path)
	dispatch_due(day(0))
	backup.restore()
	assert dispatch_due(day(0)) == {}
	api.go_on_sending(0)
	assert dispatch_due(day(0)) == {"Queued": 1}
	assert enrollment(name).status == "Completed"


def test_a_mail_that_only_the_backup_still_has_to_send_waits(smtp_sink, tmp_path: Path) -> None:
	sequence(MAIL)
	name = entered()
	dispatch_due(day(0))
	backup = Backup(tmp_path)
	assert len(smtp_sink.flush()) == 1  # nothing was queued since
	assert not restored.must_wait()
	backup.restore()
	assert len(smtp_sink.flush()) == 1
	assert restored.must_wait()
	restored.go_on(leave_out=True)
	assert statuses(name) == [(0, "In Doubt")]
	assert len(smtp_sink.flush()) == 1


def test_a_copy_of_the_site_waits_and_a_new_site_does_not() -> None:
	assert not restored.must_wait()
	sequence(MAIL)
	entered()
	dispatch_due(day(0))
	assert not restored.must_wait()
	restored.forget()  # the database alone was copied to another host
	assert restored.must_wait()
	assert "copied" in restored.message()
	assert dispatch_due(day(1)) == dispatch_due(day(1)) == {}
	restored.go_on(leave_out=False)
	assert not restored.must_wait()
	assert restored.unknown_until() < day(-1)


def test_a_text_message_waits_too() -> None:
	from customer_tiering.outreach.deliver import deliver_waiting

	sequence(SMS)
	name = entered(email=None)
	contact(name, "jo@example.com", phone_nos=[{"phone": "+49 170 1234567", "is_primary_mobile_no": 1}])
	with sms_gateway("http://127.0.0.1:9/"):
		dispatch_due(day(0))
		restored.forget()
		assert deliver_waiting() == {}
		restored.go_on(leave_out=True)
		assert touches(name)[0].status == "In Doubt"
		assert restored.unknown_until() == getdate()
		assert deliver_waiting() == {}


def test_only_managers_may_go_on() -> None:
	frappe.set_user(user("rep@example.com", "Sales User"))
	for function in (api.sending_state, lambda: api.go_on_sending(1)):
		with pytest.raises(frappe.PermissionError):
			function()
