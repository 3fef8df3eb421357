"""What a marketer does day by day, and what stands in the way of a mistake."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, time, timedelta
from unittest.mock import patch
from zoneinfo import ZoneInfo

import frappe
import pytest
from frappe.permissions import add_permission

from customer_tiering.outreach import api, clock
from customer_tiering.outreach.channels.email import answers_to
from customer_tiering.outreach.dispatch import dispatch_due
from customer_tiering.outreach.enrol import enrol
from customer_tiering.outreach.exits import stop_enrollments
from customer_tiering.outreach.merge_values import in_words
from customer_tiering.outreach.plain_text import plain_text
from customer_tiering.outreach.preview import preview
from customer_tiering.outreach.senders import senders
from customer_tiering.outreach.suppress import suppress
from customer_tiering.setup import permissions
from customer_tiering.tiering.language import language_of
from tests.site.sleepers import customer, day, sleeper, user
from tests.site.test_outreach import alone_with, enrollment, new_sequence, statuses, touches
from tests.site.test_sequences import OPEN

NAME, HELLO = "Marketed", "Marketed Hello"
MAIL = {"day_offset": 0, "channel": "Email", "email_template": HELLO}
LATER = {"day_offset": 3, "channel": "Webhook", "webhook_url": "http://127.0.0.1:9/hook"}


@pytest.fixture(autouse=True)
def alone(on_site: None) -> Iterator[None]:
	with alone_with(NAME):
		values = {"subject": "Hello", "use_html": 1, "response_html": "<p>{{ contact_name }}</p>"}
		frappe.get_doc(doctype="Email Template", name=HELLO, **values).insert()
		yield
		frappe.set_user("Administrator")
		frappe.db.rollback()
		frappe.db.delete("Email Template", {"name": HELLO})
		frappe.db.delete("Email Account", {"name": ("in", ("In", "Other"))})
		frappe.db.commit()


def sequence(*steps: dict, **values: object) -> "frappe.Document":
	return new_sequence(NAME, *steps, **{**OPEN, "hold_overdue": 0, **values})


def entered(*names: str) -> list[str]:
	names = [customer(name) for name in names]
	assert api.enrol_by_hand(NAME, names)["entered"] == len(names)
	frappe.db.commit()
	return names


@contextmanager
def broken_text() -> Iterator[None]:
	"""As it gets past every check: something in the data of some customers."""
	frappe.db.set_value("Email Template", HELLO, "response_html", "<p>{{ contact_nme }}</p>")
	frappe.clear_document_cache("Email Template", HELLO)
	yield
	frappe.db.set_value("Email Template", HELLO, "response_html", "<p>{{ contact_name }}</p>")
	frappe.clear_document_cache("Email Template", HELLO)


@contextmanager
def time_zone(name: str) -> Iterator[None]:
	before = frappe.db.get_single_value("System Settings", "time_zone")

	def set_to(zone: str) -> None:
		frappe.db.set_single_value("System Settings", "time_zone", zone)
		frappe.cache.delete_value("time_zone")
		frappe.db.commit()

	set_to(name)
	try:
		yield
	finally:
		set_to(before)


class TestTexts:
	@pytest.mark.parametrize("text", ["{{ contact_nme }}", "<em data-to-write>Write here</em>"])
	def test_a_template_that_is_being_sent_can_t_be_broken(self, text: str) -> None:
		document = sequence(MAIL)
		template = frappe.get_doc("Email Template", HELLO)
		template.response_html = text
		with pytest.raises(frappe.ValidationError, match=NAME):
			template.save()
		document.update({"enabled": 0}).save()
		template.reload()
		template.update({"response_html": text}).save()

	def test_what_failed_on_its_text_is_tried_again_once(self) -> None:
		"""One whose sequence had come to its end; one that went on; one who has left; and none that was handed over."""
		sequence(MAIL, LATER, exit_on_order=0)
		(done, on_the_way, left) = entered("Done", "On the Way", "Left")
		with broken_text():
			assert dispatch_due(day(0)) == {"Failed": 3}
		assert dispatch_due(day(3)) == {"Queued": 3}
		frappe.db.set_value("Outreach Enrollment", {"customer": on_the_way}, "status", "Active")
		frappe.db.set_value("Outreach Enrollment", {"customer": left}, "status", "Exited")
		frappe.db.set_value("Outreach Touch", {"customer": done, "channel": "Webhook"}, "status", "Failed")
		names = frappe.get_all("Outreach Touch", {"sequence": NAME}, pluck="name", order_by="creation")
		answer = api.try_again(names)
		assert (answer["again"], len(answer["refused"])) == (2, 4)
		assert api.try_again(names)["again"] == 0
		frappe.db.commit()
		assert dispatch_due(day(4)) == {"Queued": 2}
		assert dispatch_due(day(5)) == {}
		assert frappe.db.count("Email Queue", {"reference_name": done}) == 1
		assert statuses(done) == [(0, "Queued"), (3, "Failed")]
		assert statuses(left) == [(0, "Failed"), (3, "Queued")]
		assert enrollment(done).status == enrollment(on_the_way).status == "Completed"
		frappe.set_user("Guest")
		with pytest.raises(frappe.PermissionError):
			api.try_again(names)


class TestBacklog:
	def test_it_begins_with_whom_the_signal_means_and_is_taken_back_whole(self) -> None:
		sequence(MAIL, entry_by="Signal", entry_signal="Became Dormant")
		names = [customer("Buys"), sleeper("Sleeps")]
		frappe.db.set_value("Customer", "Sleeps", "lifecycle_stage", "Dormant")
		filters = api.suggest_backlog(NAME)["filters"]
		assert filters == [["Customer", "lifecycle_stage", "=", "Dormant"]]
		assert api.count_backlog(NAME, json.dumps(filters)) == 1
		assert api.count_backlog(NAME, "[]") == 2
		frappe.db.set_value("Outreach Sequence", NAME, "entry_signal", "Declining")
		frappe.db.sql("UPDATE `tabTiering Event` SET `signal` = 'Declining'")
		days = api.suggest_backlog(NAME)["signal_days"]
		frappe.clear_document_cache("Outreach Sequence", NAME)
		assert api.enrol_backlog(NAME, "[]", 1, days) == {"entered": 1, "days": 1}
		assert api.enrol_backlog(NAME, "[]", 1) == {"entered": 1, "days": 1}
		rows = frappe.get_all("Outreach Enrollment", {"sequence": NAME}, pluck="name")
		assert api.take_out(enrollments=json.dumps(rows)) == 2
		assert {enrollment(name).exit_reason for name in names} == {"By Hand"}


class TestAnswers:
	def test_they_go_to_the_rep_and_where_this_site_reads_them(self) -> None:
		rep = user("answers@example.com", "Sales User")
		name, document = customer(account_manager=rep), sequence(MAIL)
		assert answers_to(document, frappe.get_doc("Customer", name)) == rep
		for account, address, default in (("In", "in@example.com", 1), ("Other", "other@example.com", 0)):
			values = {"email_id": address, "enable_incoming": 1, "default_incoming": default}
			frappe.get_doc(doctype="Email Account", name=account, **values).db_insert()
		assert answers_to(document, frappe.get_doc("Customer", name)) == f"{rep}, in@example.com"
		document.email_account = "Other"
		assert answers_to(document, frappe.get_doc("Customer", name)) == f"{rep}, other@example.com"
		frappe.db.set_value("Email Account", "Other", "email_id", rep)
		assert answers_to(document, frappe.get_doc("Customer", name)) == rep

	def test_the_rep_hears_of_who_leaves(self) -> None:
		rep = user("hears@example.com", "Sales User")
		sequence(MAIL, LATER)
		(name, other) = entered("Heard Ltd", "Quiet Ltd")
		frappe.db.set_value("Customer", name, "account_manager", rep)
		assert dispatch_due(day(0)) == {"Queued": 2}
		suppress(touches(name)[0].address, "Link in a mail")
		suppress(touches(other)[0].address, "Link in a mail")
		assert stop_enrollments(day(0)) == 2
		(told,) = frappe.get_all("Notification Log", {"for_user": rep}, ["subject", "document_name"])
		assert told.document_name == name
		assert "Heard Ltd" in told.subject and "Unsubscribed" in told.subject

	def test_who_waits_for_replies_without_reading_a_mailbox_is_told(self) -> None:
		sequence(MAIL, exit_on_reply=1)
		assert "this site reads no mailbox" in str(frappe.get_message_log())

	def test_dates_are_written_so_that_nobody_mistakes_them(self) -> None:
		assert in_words("2026-12-06") == "December 6, 2026"
		with language_of("zh"):
			assert in_words("2026-12-06") == "2026年12月6日"

	def test_who_enters_by_hand_is_compared_with_whom_it_is_meant_for(self) -> None:
		sequence(MAIL, entry_by="Signal", entry_signal="Became Dormant")
		asleep, awake = sleeper(), customer("Awake Ltd")
		stages = dict(frappe.get_all("Lifecycle Stage", fields=["meaning", "name"], as_list=True))
		frappe.db.set_value("Customer", asleep, "lifecycle_stage", stages["Dormant"])
		(said,) = api.meant_for_others(NAME, json.dumps([asleep, awake]))
		assert said.startswith(awake)
		frappe.db.set_value("Outreach Sequence", NAME, "entry_by", "Hand")
		assert api.meant_for_others(NAME, json.dumps([asleep, awake])) == []
		frappe.db.set_value(
			"Outreach Sequence", NAME, "audience_filters", f'[["Customer", "name", "=", "{awake}"]]'
		)
		assert len(api.meant_for_others(NAME, json.dumps([asleep, awake]))) == 1


class TestPermissions:
	"""A Tiering Manager who may read customers, and no more of the framework than its users."""

	def test_she_writes_mails_and_chooses_who_sends_them(self) -> None:
		permissions.grant("Email Template")
		marketer = user("mona@example.com", "Sales Manager", "Tiering Manager")
		sequence(MAIL)
		name = customer()
		frappe.set_user(marketer)
		frappe.get_doc("Email Template", HELLO).update({"subject": "Good day"}).save()
		frappe.get_doc("Outreach Sequence", NAME).update({"email_account": "Nobody Listens"}).save()
		assert [name for name, _address in senders("Email Account", "nobody", "name", 0, 10, None)] == [
			"Nobody Listens"
		]
		assert api.enrol_by_hand(NAME, [name])["entered"] == 1
		assert api.take_out(enrollment(name).name) == 1
		frappe.set_user("Guest")
		assert not frappe.has_permission("Email Template", "write")
		with pytest.raises(frappe.PermissionError):
			senders("Email Account", "", "name", 0, 10, None)

	@pytest.mark.parametrize("doctype", list(permissions.RIGHTS))
	def test_they_are_taken_back_unless_somebody_changed_more(self, doctype: str) -> None:
		standing = frappe.get_all("Custom DocPerm", {"parent": doctype}, ["*"])
		try:
			standard = set(frappe.get_all("DocPerm", {"parent": doctype}, pluck="role"))
			for role, left in ((None, set()), ("Support Team", {*standard, "Support Team"})):
				frappe.db.delete("Custom DocPerm", {"parent": doctype})
				permissions.grant(doctype)
				if role:
					add_permission(doctype, role)
				permissions.take_back()
				rows = frappe.get_all("Custom DocPerm", {"parent": doctype}, pluck="role")
				assert set(rows) == left
		finally:
			frappe.db.delete("Custom DocPerm", {"parent": doctype})
			for row in standing:
				frappe.get_doc({"doctype": "Custom DocPerm", **row}).db_insert()
			frappe.clear_cache(doctype=doctype)


class TestKeyDates:
	def greeting(self) -> "frappe.Document":
		frappe.db.set_value("Email Template", HELLO, "response_html", "Today is {{ key_date }}.")
		frappe.clear_document_cache("Email Template", HELLO)
		by_date = {"entry_by": "Signal", "entry_signal": "Key Date", "only_on_its_day": 1}
		return sequence(MAIL, {**LATER, "day_offset": 2}, **by_date)

	def celebrates(self, name: str, on: int, what: str = "birthday") -> str:
		"""A customer whose day is coming, as the signal tells it some days before."""
		name = sleeper(name)
		began = frappe.utils.add_years(day(on), -30)
		frappe.db.set_value("Customer", name, f"key_date_{frappe.scrub(what)}", began)
		key = f"{name}|Key Date|{what} {day(on).year}"
		values = {"signal": "Key Date", "signal_key": key, "detail": str(day(on))}
		frappe.db.set_value("Tiering Event", {"customer": name}, values)
		return name

	def test_the_mail_comes_on_its_day_and_says_which(self) -> None:
		document = self.greeting()
		names = [self.celebrates("Born", 7), self.celebrates("Founded", 7, "founded")]
		foreseen = preview(document, day(0))
		assert [(row["day"], row["customer"]) for row in foreseen["entering"]] == [
			(day(7), name) for name in names
		]
		assert enrol() == 2
		assert dispatch_due(day(6)) == {}
		assert dispatch_due(day(7)) == {"Queued": 2}
		for name, words in zip(names, ("your birthday", "the anniversary of your company"), strict=True):
			assert f"Today is {words}." in frappe.db.get_value(
				"Email Queue", {"reference_name": name}, "message"
			)

	def test_a_date_that_is_corrected_before_is_followed(self) -> None:
		self.greeting()
		for number, name in enumerate(("Later", "Earlier", "Past", "Unknown", "Too Late")):
			self.celebrates(name, 5 if number < 4 else 1)
		enrol()
		assert dispatch_due(day(1)) == {"Queued": 1}
		for name, on in (("Later", 7), ("Earlier", 3), ("Past", -2), ("Unknown", None), ("Too Late", 8)):
			began = on and frappe.utils.add_years(day(on), -30)
			frappe.db.set_value("Customer", name, "key_date_birthday", began)
		for number, done in ((2, {}), (3, {"Queued": 2}), (5, {"Queued": 1}), (7, {"Queued": 1})):
			assert (
				dispatch_due(day(number)) == done
			)  # and on the third and the fifth, what comes two days after the greeting
		assert statuses("Earlier") == [(0, "Queued"), (2, "Queued")] == statuses("Too Late")
		assert statuses("Later") == [(0, "Queued")]
		assert [enrollment(name).exit_reason for name in ("Past", "Unknown")] == ["Void", "Void"]
		assert not statuses("Past") and not statuses("Unknown")

	@pytest.mark.parametrize(
		("site_zone", "country", "zone"),
		[
			("America/Los_Angeles", "New Zealand", "Pacific/Auckland"),
			("Asia/Shanghai", "Australia", "Australia/Sydney"),
			("Asia/Shanghai", "United States", "America/Chicago"),
		],
	)
	def test_it_is_the_day_of_whoever_gets_it(self, site_zone: str, country: str, zone: str) -> None:
		self.greeting()
		names = [self.celebrates("There", 7), self.celebrates("Frozen", 7)]
		place = {"doctype": "Address", "address_title": "There", "address_line1": "1", "city": "Town"}
		links = [{"link_doctype": "Customer", "link_name": name} for name in names]
		address = frappe.get_doc({**place, "country": country, "links": links}).insert()
		frappe.db.set_value("Customer", "Frozen", "is_frozen", 1)
		enrol()
		begins = datetime.combine(day(7), time(), ZoneInfo(zone)).astimezone(ZoneInfo(site_zone))
		begins = begins.replace(tzinfo=None)
		with time_zone(site_zone):
			assert dispatch_due(begins - timedelta(minutes=1)) == {}
			assert dispatch_due(begins) == {"Queued": 1, "Deferred": 1}
			assert dispatch_due(begins + timedelta(hours=23)) == {"Deferred": 1}
			assert dispatch_due(begins + timedelta(hours=25)) == {"Skipped": 1}
		frappe.delete_doc("Address", address.name, force=True)
		frappe.db.commit()

	def test_what_could_not_go_that_day_is_left_out(self) -> None:
		document = self.greeting()
		names = [self.celebrates("Frozen", 1), self.celebrates("Capped", 1)]
		enrol()
		frappe.db.set_value("Customer", "Frozen", "is_frozen", 1)
		assert dispatch_due(day(1)) == {"Queued": 1, "Deferred": 1}
		assert dispatch_due(day(2)) == {"Skipped": 1}
		(touch,) = frappe.get_all("Outreach Touch", {"customer": "Frozen"}, ["reason"])
		assert touch.reason == "It could not go out on its day. The customer is frozen."
		weekday = document.meta.get_field(day(1).strftime("%A").lower()).fieldname
		document.reload()
		document.update({weekday: 0}).save()
		late = self.celebrates("On a Closed Day", 1)
		enrol()
		(kept,) = [
			row
			for row in preview(document, day(0))["outgoing"]
			if row["customer"] == late and not row["goes"]
		]
		assert kept["reason"].startswith("It could not go out on its day.")
		assert dispatch_due(day(1)) == {"Skipped": 1}
		assert statuses(late) == [(0, "Skipped")] and names


def test_the_hour_that_the_clock_shows_twice() -> None:
	"""Clocks are put back in Berlin: nine o'clock in Shanghai is the second 02:00 there, and who looks at the first 02:05 waits."""
	hours = frappe._dict(send_from_hour=9, send_until_hour=18, **dict.fromkeys(clock.WEEKDAYS, 1))
	with (
		patch.object(clock, "get_system_timezone", return_value="Europe/Berlin"),
		patch.object(clock, "time_zone_of", return_value=ZoneInfo("Asia/Shanghai")),
	):
		at = [datetime(2027, 10, 31, hour, minute) for hour, minute in ((1, 55), (2, 5), (3, 0))]
		assert {clock.opens_at(hours, frappe._dict(), moment) for moment in at} == {at[-1]}


class TestLookingAhead:
	def test_without_an_account_nothing_goes_out(self) -> None:
		document = sequence(MAIL)
		entered("One", "Two")
		frappe.db.set_value("Email Account", {"enable_outgoing": 1}, "enable_outgoing", 0)
		frappe.local.outgoing_email_account = {}
		foreseen = preview(document, day(0))
		assert (foreseen["by_channel"], foreseen["kept_back"]) == ({}, 2)
		assert "no outgoing Email Account" in foreseen["reasons"][0][0]


def test_codes_and_links_stand_by_themselves_in_plain_text() -> None:
	html = """<p>Dear <b>Jo</b>,
		your code:<br><strong>BACK-1_2*</strong></p><!-- seen by nobody -->
		<ul><li>One</li><li>Two</li></ul>
		<p><a href="https://a.example/s?a=1&amp;b=2">Tell us in half a
		minute</a> or <a href="mailto:a@example.com">write</a>.</p>"""
	assert plain_text(html).split("\n") == [
		"Dear Jo, your code:",
		"BACK-1_2*",
		"",
		"- One",
		"- Two",
		"",
		"Tell us in half a minute: https://a.example/s?a=1&b=2 or write.",
	]


def test_what_a_sequence_lacks_is_said_when_it_is_switched_on() -> None:
	sms = {"day_offset": 2, "channel": "SMS", "message": "Hello"}
	document = sequence(MAIL, sms, {**LATER, "variant": "A", "weight": 0}, enabled=0)
	frappe.clear_messages()
	document.update({"enabled": 1}).save()
	(said,) = map(str, frappe.get_message_log())
	for word in ("have no gateway", "Day 3: no variant has a weight", "no postal address"):
		assert word in said
	name = customer("No Address", email=None)
	assert len(api.enrol_by_hand(NAME, [name])["waiting"]) == 2
