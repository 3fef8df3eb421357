"""What a sequence can do besides three mails to sleepers: other channels, variants, hours, ways in, and a look ahead."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from time import sleep
from unittest.mock import patch

import frappe
import pytest
from frappe.utils import now_datetime

from customer_tiering.follow_up.settle import settle
from customer_tiering.follow_up.waiting import Due, add
from customer_tiering.follow_up.withdraw import withdraw_follow_ups
from customer_tiering.outreach import api
from customer_tiering.outreach.audience_entry import may_enter
from customer_tiering.outreach.deliver import deliver_waiting
from customer_tiering.outreach.dispatch import dispatch_due
from customer_tiering.outreach.enrol import enrol
from customer_tiering.outreach.exits import stop_enrollments
from customer_tiering.outreach.goals import note_goals
from customer_tiering.outreach.leavers import leavers
from customer_tiering.outreach.preview import preview
from customer_tiering.outreach.suppress import suppress
from customer_tiering.outreach.unsubscribe import ALL, leave
from tests.site.sleepers import contact, customer, day, invoice, sleeper, user
from tests.site.test_outreach import GREETING, NEWS, alone_with, enrollment, new_sequence, statuses, touches
from tests.site.test_reports import as_user
from tests.site.test_tracking import tracking

NAME = "Tried"
MAIL = {"day_offset": 0, "channel": "Email", "email_template": GREETING}
CALL = {"day_offset": 0, "channel": "Call Task", "message": "Call {{ customer.customer_name }}"}
SLEEPS = "Became Dormant"
SMS = {"day_offset": 0, "channel": "SMS", "message": "Hello {{ contact_name }}"}
OPEN = {"send_from_hour": 0, "send_until_hour": 24, "saturday": 1, "sunday": 1}


@pytest.fixture(autouse=True)
def alone(on_site: None) -> Iterator[None]:
	with alone_with(NAME):
		yield
		frappe.set_user("Administrator")
		frappe.db.rollback()
		frappe.db.delete("ToDo", {"reference_type": "Customer", "description": ("like", "%Call %")})
		frappe.db.commit()


def sequence(*steps: dict, **values: object) -> "frappe.Document":
	return new_sequence(NAME, *steps, **{**OPEN, **values})


def entered(name: str = "Sleepy Ltd", **fields: object) -> str:
	name = customer(name, **fields)
	assert api.enrol_by_hand(NAME, [name])["entered"] == 1
	frappe.db.commit()
	return name


class Receiver:
	"""A web server that remembers what it is sent, and answers as told; with `hangs_up` it goes without an
	answer, and it `waits` some seconds before it gives one."""

	def __init__(self) -> None:
		self.requests: list[tuple[dict, dict]] = []
		self.status, self.hangs_up, self.waits = 200, False, 0
		receiver = self

		class Handler(BaseHTTPRequestHandler):
			def do_POST(self) -> None:
				body = self.rfile.read(int(self.headers["Content-Length"])).decode()
				receiver.requests.append((dict(self.headers), body))
				sleep(receiver.waits)
				if not receiver.hangs_up:
					self.send_response(receiver.status)
					self.end_headers()

			def log_message(self, *_values: object) -> None:
				pass

		self.server = HTTPServer(("127.0.0.1", 0), Handler)
		self.url = f"http://127.0.0.1:{self.server.server_port}/hook"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
	receiver = Receiver()
	thread = threading.Thread(target=receiver.server.serve_forever, daemon=True)
	thread.start()
	yield receiver
	receiver.server.shutdown()


@contextmanager
def sms_gateway(url: str | None) -> Iterator[None]:
	if not frappe.db.exists("DocType", "SMS Log"):
		pytest.skip("real bench only: the stand-in logs no text messages")
	settings = frappe.get_doc("SMS Settings")
	settings.update(
		{"sms_gateway_url": url, "message_parameter": "text", "receiver_parameter": "to", "use_post": 1}
	)
	settings.flags.ignore_mandatory = True
	settings.save()
	try:
		yield
	finally:
		frappe.db.rollback()
		frappe.db.set_single_value("SMS Settings", "sms_gateway_url", None)
		frappe.db.delete("SMS Log")
		frappe.db.commit()


class TestChannels:
	def test_a_call_goes_on_beside_a_mail_that_waits(self) -> None:
		sequence(MAIL, CALL, {**CALL, "day_offset": 3})
		name = entered(email=None)
		assert dispatch_due(day(0)) == {"Deferred": 1, "Sent": 1}
		assert dispatch_due(day(3)) == {"Deferred": 1, "Sent": 1}
		todos = frappe.get_all(
			"ToDo", {"reference_type": "Customer", "reference_name": name}, pluck="description"
		)
		assert todos == ["<p>Call Sleepy Ltd</p>"] * 2
		contact(name, "late@example.com")
		assert dispatch_due(day(4)) == {"Queued": 1}
		assert enrollment(name).status == "Completed"

	def test_the_preview_knows_what_falls_due_by_then(self) -> None:
		steps = [
			{**MAIL, "day_offset": on, "variant": variant, "weight": 1}
			for on, variant in ((0, "A"), (5, "A"), (5, "B"))
		]
		document = sequence(*steps, hold_overdue=1, exit_on_order=0)
		name = entered()
		invoice(name, day(0), due_date=day(3))
		frappe.db.commit()
		rows = preview(document, day(0))["outgoing"]
		assert [row["goes"] for row in rows] == [True, False]
		assert "overdue" in rows[1]["reason"]
		assert [row["variant"] for row in rows] == ["", "one of the variants"]

	def test_one_sleeping_customer_is_one_call_that_says_how_many_messages_went_out(self) -> None:
		"""Of three: one was mailed, one has no address, of the third a rule has asked for a call already."""
		sequence(
			MAIL, {**CALL, "message": "Call: {{ messages_sent }}"}, entry_by="Signal", entry_signal=SLEEPS
		)
		names = [sleeper("Mailed"), sleeper("No Address", email=None), sleeper("Asked")]
		event = frappe.db.get_value("Tiering Event", {"customer": "Asked"})
		rule = frappe.get_all("Follow Up Rule", {"signal": SLEEPS}, pluck="name")[0]
		add([Due(rule, "Asked", "Asked|dormant", day(0), day(0), event=event)])
		assert enrol() == 3
		document = frappe.get_doc("Outreach Sequence", NAME)
		with patch("customer_tiering.outreach.preview.customers_in", return_value={"Asked"}):
			foreseen = preview(document, day(0))["outgoing"]
		calls = {row["customer"]: row["reason"] for row in foreseen if row["channel"] == "Call Task"}
		assert {name for name in calls if not calls[name]} == {"Mailed", "No Address"}
		assert "asks for this call" in calls["Asked"]
		assert dispatch_due(day(0)) == {"Queued": 2, "Deferred": 1, "Sent": 2, "Skipped": 1}
		calls = {row.customer: row for name in names for row in touches(name) if row.channel == "Call Task"}
		assert [calls[name].text for name in names[:2]] == ["Call: 1", "Call: 0"]
		assert rule in calls["Asked"].reason and not calls["Asked"].todo

	def test_a_call_closes_by_itself_when_its_cause_is_gone(self) -> None:
		sequence(CALL, {**MAIL, "day_offset": 5}, entry_by="Signal", entry_signal=SLEEPS, exit_on_order=1)
		names = ("Ordered", "Done and Ordered", "Void", "Void and Called", "Bounced", "Asleep")
		keys = {}
		for name in names:
			sleeper(name)
			keys[name] = frappe.db.get_value("Tiering Event", {"customer": name}, "signal_key")
		assert (enrol(), dispatch_due(day(0))) == (6, {"Sent": 6})
		for name in names[:2]:
			invoice(name, day(0))
		done = {"status": "Completed", "next_due_on": None}
		frappe.db.set_value("Outreach Enrollment", {"customer": "Done and Ordered"}, done)
		for number, name in enumerate(names[2:4]):
			row = {
				"name": f"TR-00000002-{number:07d}",
				"customer": name,
				"decision": "Void",
				"cause": "Order",
			}
			frappe.db.bulk_insert("Tiering Event", [*row, "voids"], [(*row.values(), keys[name])])
		todo = {name: frappe.db.get_value("ToDo", {"reference_name": name}) for name in names}
		frappe.get_doc("ToDo", todo["Void and Called"]).add_comment(
			"Comment", "On holiday, I call on Monday."
		)
		suppress("bounced@example.com", "Bounce")
		assert stop_enrollments(day(0)) == 4
		assert (withdraw_follow_ups(day(0)), settle(day(0))) == (1, 2)
		assert {name: frappe.db.get_value("ToDo", todo[name], "status") for name in names} == {
			**dict.fromkeys(names, "Open"),
			**dict.fromkeys(names[:2], "Closed"),
			"Void": "Cancelled",
		}
		said = frappe.get_all(
			"Comment", {"reference_name": todo["Void"], "comment_type": "Info"}, pluck="content"
		)
		assert said == ["The customer left the sequence meanwhile: Void"]
		assert (withdraw_follow_ups(day(0)), settle(day(0))) == (0, 0)

	def test_a_webhook_is_sent_again_until_it_is_taken(self, receiver: Receiver) -> None:
		sequence(
			{
				"day_offset": 0,
				"channel": "Webhook",
				"webhook_url": receiver.url,
				"message": "Hi {{ contact_name }}",
			}
		)
		name = entered()
		assert dispatch_due(day(0)) == {"Queued": 1}
		receiver.status = 503
		assert deliver_waiting() == {"Queued": 1}
		assert touches(name)[0].reason == "The other side answered 503."
		receiver.status = 200
		assert deliver_waiting() == {}  # not at once
		waited = {"deferred_until": day(-1), "creation": day(-2), "touched_on": day(-1)}
		frappe.db.set_value("Outreach Touch", {"customer": name}, waited)
		assert deliver_waiting() == {"Sent": 1}
		(touch,) = touches(name)
		assert (touch.touched_on, touch.sent_at.date(), touch.reason) == (day(0), day(0), None)
		assert deliver_waiting() == {}
		(first, body), (second, again) = receiver.requests
		assert first["Idempotency-Key"] == second["Idempotency-Key"] == touches(name)[0].name
		assert body == again
		assert json.loads(body)["text"] == "Hi Jo"
		assert json.loads(body)["customer_id"] == name

	def test_a_webhook_that_is_refused_has_failed(self, receiver: Receiver) -> None:
		sequence({"day_offset": 0, "channel": "Webhook", "webhook_url": receiver.url})
		name = entered()
		dispatch_due(day(0))
		receiver.status = 404
		assert deliver_waiting() == {"Failed": 1}
		assert "404" in touches(name)[0].reason

	def test_only_a_system_manager_lets_webhooks_into_the_own_network(self, receiver: Receiver) -> None:
		webhook = {"day_offset": 0, "channel": "Webhook", "webhook_url": receiver.url}
		allowed = sequence(webhook)
		manager = as_user("Tiering Manager", "Sales User")
		for inside in (
			"http://localhost:8000/",
			"http://2130706433/",
			"http://[::ffff:10.0.0.1]/",
			"http://169.254.169.254/",
		):
			document = frappe.get_doc("Outreach Sequence", allowed.name)
			document.append("steps", {**webhook, "webhook_url": inside, "webhook_inside": 1})
			with pytest.raises(frappe.ValidationError, match="inside your own network"):
				document.save()
		document = frappe.get_doc("Outreach Sequence", allowed.name)
		document.append("steps", {**webhook, "day_offset": 1, "webhook_url": "https://example.com/"})
		document.save()  # what was allowed stays so
		assert [step.webhook_inside for step in document.steps] == [1, 0]
		who = entered()
		frappe.set_user("Administrator")
		assert dispatch_due(day(0)) == {"Queued": 1}
		frappe.db.set_value(
			"Outreach Step", document.steps[0].name, "webhook_inside", 0
		)  # as if its name led elsewhere before
		assert deliver_waiting() == {"Failed": 1} and not receiver.requests
		assert "inside" in touches(who)[0].reason
		frappe.set_user(manager)
		with pytest.raises(frappe.ValidationError, match="could not be sent"):
			api.send_me_a_test(document.name, document.steps[0].name, who)
		assert not receiver.requests

	def test_a_text_message_goes_to_the_number_and_waits_for_one(self, receiver: Receiver) -> None:
		sequence(SMS)
		name, other = entered(email=None), entered("Other")
		contact(name, "jo@example.com", phone_nos=[{"phone": "+49 170 1234567", "is_primary_mobile_no": 1}])
		with sms_gateway(None):
			assert dispatch_due(day(0)) == {"Deferred": 2}
		with sms_gateway(receiver.url):
			assert dispatch_due(day(0)) == {"Queued": 1, "Deferred": 1}
			assert touches(other)[0].reason == "The customer has no mobile number."
			assert deliver_waiting() == {"Sent": 1}
			assert "Hello+Jo" in receiver.requests[0][1]
			contact(
				other, "o@example.com", phone_nos=[{"phone": "+49 170 7654321", "is_primary_mobile_no": 1}]
			)
			assert dispatch_due(day(0)) == {"Queued": 1}


class TestBuyingRole:
	"""A step for a role goes to the contact who has it, else to the usual one; an answer from either is an answer."""

	ROLE = "Decision Maker"

	@pytest.fixture
	def both(self) -> tuple[str, str]:
		"""A customer with a boss, and one without."""
		sequence(
			MAIL,
			{**MAIL, "day_offset": 3, "buying_role": self.ROLE, "email_template": NEWS},
			{**CALL, "day_offset": 4, "buying_role": self.ROLE, "message": "Ask for {{ contact_name }}"},
			{**MAIL, "day_offset": 9},
			exit_on_reply=1,
		)
		names = entered("Led"), entered("Leaderless")
		contact(names[0], "boss@example.com", primary=False, first_name="Bo", buying_role=self.ROLE)
		contact(names[0], "user@example.com", primary=False, buying_role="User")
		frappe.db.commit()
		return names

	def test_it_goes_to_the_role_and_the_preview_says_so(self, both: tuple[str, str]) -> None:
		shown = preview(frappe.get_doc("Outreach Sequence", NAME), day(0))["outgoing"]
		for number in (0, 3, 4):
			dispatch_due(day(number))
		led, leaderless = ([touch.address for touch in touches(name)][:2] for name in both)
		assert led == ["led@example.com", "boss@example.com"]
		assert leaderless == ["leaderless@example.com"] * 2
		calls = [touches(name)[2].text for name in both]
		assert calls == ["Ask for Bo", "Ask for Leaderless"]  # who has no mobile number
		told = [(row["address"], row["name"], row["role"]) for row in shown if row["wanted_role"]]
		assert told[:2] == [
			("boss@example.com", "Bo", self.ROLE)
			if name == both[0]
			else ("leaderless@example.com", "Jo", None)
			for name in sorted(both)
		]
		assert preview(frappe.get_doc("Outreach Sequence", NAME), day(0))["by_channel"] == {"Email": 2}

	@pytest.mark.parametrize("answer", ["unsubscribed", "bounced", "replied", "left the company"])
	def test_whoever_was_written_to_may_answer(self, both: tuple[str, str], answer: str) -> None:
		led, leaderless = both
		for number in (0, 3):
			dispatch_due(day(number))
		if answer == "replied":
			reply = {
				"sent_or_received": "Received",
				"sender": "Boss@example.com",
				"subject": "No",
				"content": "-",
			}
			frappe.get_doc({"doctype": "Communication", **reply}).insert()
		elif answer == "bounced":
			suppress("boss@example.com", "Bounce")
		else:
			leave(touches(led)[1].name, ALL)
		if answer == "left the company":
			frappe.db.set_value(
				"Outreach Enrollment", enrollment(led).name, {"status": "Active", "next_due_on": day(9)}
			)
			frappe.db.delete("Contact", {"email_id": "boss@example.com"})
		frappe.db.commit()
		assert stop_enrollments(day(3)) == (0 if answer == "unsubscribed" else 1)
		why = {"bounced": "Bounced", "replied": "Replied"}.get(answer, "Unsubscribed")
		assert (enrollment(led).status, enrollment(led).exit_reason) == ("Exited", why)
		assert enrollment(leaderless).status == "Active"
		assert dispatch_due(day(9)) == {"Queued": 1, "Sent": 1}

	def test_an_address_that_left_before_is_not_written_to(self, both: tuple[str, str]) -> None:
		suppress("boss@example.com", "Link in a mail")
		for number in (0, 3):
			dispatch_due(day(number))
		mail, boss = touches(both[0])[:2]
		assert (mail.status, boss.status) == ("Queued", "Skipped")
		assert "boss@example.com has unsubscribed" in boss.reason
		assert enrollment(both[0]).status == "Active"  # the usual contact goes on

	def test_the_roles_are_those_of_contacts(self) -> None:
		own, contacts = (
			frappe.get_meta(doctype).get_field("buying_role").options
			for doctype in ("Outreach Step", "Contact")
		)
		assert own == contacts


class TestLostMails:
	def test_a_mail_whose_sender_died_is_in_doubt_and_never_sent_again(self) -> None:
		sequence(MAIL, {**MAIL, "day_offset": 3, "email_template": NEWS})
		name = entered()
		dispatch_due(day(0))
		queue = touches(name)[0].email_queue
		frappe.db.set_value("Email Queue", queue, "status", "Sending")
		dispatch_due(day(0))
		assert statuses(name) == [(0, "Queued")]  # it may still be under way
		frappe.db.set_value("Email Queue", queue, "modified", day(-1), update_modified=False)
		assert dispatch_due(day(3)) == {"Queued": 1}
		assert statuses(name) == [(0, "In Doubt"), (3, "Queued")]
		frappe.db.set_value("Email Queue", queue, "status", "Sent")
		dispatch_due(day(3))
		assert statuses(name) == [(0, "Sent"), (3, "Queued")]
		values = {"status": "Error", "error": "Traceback\n  File x\n550 no such user"}
		frappe.db.set_value("Email Queue", touches(name)[1].email_queue, values)
		dispatch_due(day(3))
		assert statuses(name) == [(0, "Sent"), (3, "Failed")]
		assert touches(name)[1].reason == "The mail server did not take it: 550 no such user"
		assert frappe.db.count("Email Queue") == 2


class TestVariants:
	def test_each_customer_gets_one_and_keeps_to_it(self) -> None:
		document = sequence({**MAIL, "variant": "A"}, {**MAIL, "variant": "B", "email_template": NEWS})
		names = [entered(f"Customer {number}") for number in range(8)]
		assert dispatch_due(day(0)) == {"Queued": 8}
		assert {len(touches(name)) for name in names} == {1}
		assert {touches(name)[0].variant for name in names} == {"A", "B"}  # one in 128 that it isn't
		document.reload()
		document.remove(document.steps[0])
		document.save()
		frappe.db.commit()
		assert dispatch_due(day(1)) == {}  # the other variant is no second mail for those who had the first
		assert {len(touches(name)) for name in names} == {1}

	def test_a_row_copied_is_another_step(self) -> None:
		document = sequence(MAIL)
		key = document.steps[0].step_key
		document.append("steps", {**MAIL, "day_offset": 5, "step_key": key})
		document.save()
		assert len({step.step_key for step in document.steps}) == 2


class TestHours:
	def test_it_waits_for_the_morning_of_the_customer(self) -> None:
		sequence(MAIL, send_from_hour=9, send_until_hour=18)
		name = entered()
		address = frappe.get_doc(
			doctype="Address",
			address_title=name,
			address_type="Billing",
			address_line1="1",
			city="Tokyo",
			country="Japan",
		)
		address.append("links", {"link_doctype": "Customer", "link_name": name})
		address.insert()
		frappe.db.set_single_value("System Settings", "time_zone", "Asia/Kolkata")
		frappe.cache.delete_value("time_zone")
		try:
			early = datetime.combine(day(0), datetime.min.time()) + timedelta(hours=5)  # 08:30 in Tokyo
			assert dispatch_due(early) == {"Deferred": 1}
			touch = touches(name)[0]
			assert touch.reason == "Outside the hours in which the sequence sends."
			assert touch.deferred_until == early + timedelta(minutes=30)
			assert dispatch_due(early + timedelta(minutes=29)) == {}
			assert dispatch_due(early + timedelta(minutes=30)) == {"Queued": 1}
		finally:
			frappe.db.rollback()
			frappe.delete_doc("Address", address.name, force=True)
			frappe.db.commit()


class TestWaysIn:
	def test_an_audience_enters_so_many_a_day(self) -> None:
		sequence(
			MAIL,
			entry_by="Audience",
			audience_filters='[["Customer", "annual_value", ">", 0]]',
			entries_per_day=2,
			exit_out_of_audience=1,
		)
		for number in range(4):
			name = customer(f"Worth {number}")
			frappe.db.set_value("Customer", name, "annual_value", number)
		assert enrol(day(0)) == 2
		assert enrol(day(0)) == 0
		inside = frappe.get_all("Outreach Enrollment", pluck="customer", order_by="customer")
		assert inside == ["Worth 2", "Worth 3"]
		frappe.db.set_value("Customer", "Worth 3", "annual_value", 0)
		assert stop_enrollments(day(0)) == 1
		assert enrollment("Worth 3").exit_reason == "Out of Audience"
		assert enrol(day(1)) == 1

	def test_entering_again_takes_its_time(self) -> None:
		sequence(MAIL, re_entry_days=10)
		name = entered()
		assert "already" in api.enrol_by_hand(NAME, [name])["refused"][0]
		dispatch_due(day(0))
		assert "may enter it again from" in api.enrol_by_hand(NAME, [name])["refused"][0]
		frappe.db.set_value("Outreach Enrollment", enrollment(name).name, "ended_on", day(-10))
		assert api.enrol_by_hand(NAME, [name])["entered"] == 1

	def test_by_themselves_the_same_enter_whichever_way_and_by_hand_more(self) -> None:
		document = sequence(MAIL, entry_by="Signal", entry_signal=SLEEPS, exit_on_order=1, re_entry_days=0)
		out, left, second = names = [sleeper("Out"), sleeper("Left"), sleeper("Second")]
		api.enrol_by_hand(NAME, [out])
		api.take_out(enrollment(out).name)
		contact(second, "other@example.com", primary=False)
		for address in ("left@example.com", "other@example.com"):
			suppress(address, "By hand")
		frappe.db.commit()
		assert [row.name for row in may_enter(document, names, day(0))] == [second]
		with patch("customer_tiering.outreach.ways.FEW", 0):
			assert [row.name for row in may_enter(document, names, day(0))] == [second]
		assert enrol() == 1 and enrollment(second)
		invoice(out, day(0))  # no run has seen it yet
		assert api.enrol_by_hand(NAME, [out])["entered"] == 1
		assert stop_enrollments(day(0)) == 0
		assert not frappe.db.exists("Outreach Enrollment", {"customer": left})

	def test_a_backlog_is_spread_and_leaves_on_an_order(self) -> None:
		sequence(MAIL)
		names = [customer(f"Old {number}") for number in range(5)]
		frappe.db.commit()
		filters = json.dumps([["Customer", "name", "in", names]])
		assert api.enrol_backlog(NAME, filters, 2) == {"entered": 5, "days": 3}
		assert api.enrol_backlog(NAME, filters, 2)["entered"] == 0
		invoice(names[4], day(0))
		assert dispatch_due(day(0)) == {"Queued": 2}
		assert dispatch_due(day(1)) == {"Queued": 2}
		assert dispatch_due(day(2)) == {"Ended": 1}

	def test_who_is_held_out_gets_nothing_and_is_counted(self) -> None:
		sequence(MAIL, holdout_percent=50)
		names = [entered(f"Customer {number}") for number in range(8)]
		held_out = [name for name in names if enrollment(name).is_holdout]
		assert 0 < len(held_out) < 8
		assert dispatch_due(day(0)) == {"Queued": 8 - len(held_out)}
		assert leavers(day(0)) == []  # whose days aren't over are not looked at
		invoice(held_out[0], day(0))
		invoice(next(name for name in names if name not in held_out), day(0))
		stop_enrollments(day(0))
		assert frappe.db.count("Outreach Enrollment", {"goal_reached_on": ("is", "set")}) == 2
		assert enrollment(held_out[0]).exit_reason == "Ordered"

	def test_a_goal_is_looked_at_again(self) -> None:
		sequence(MAIL, goal="Order", goal_days=10)
		name = entered()
		over = {"entered_on": day(-11), "ended_on": day(-11), "status": "Completed"}
		frappe.db.set_value("Outreach Enrollment", {"sequence": NAME}, over)
		order = invoice(name, day(-1))  # on the last day, which is over
		note_goals(day(0))
		assert enrollment(name).goal_reached_on == day(-1)
		order.reload()
		order.cancel()
		note_goals(day(0))
		assert enrollment(name).goal_reached_on is None

	def test_the_rise_by_which_one_enters_is_not_the_goal(self) -> None:
		sequence(MAIL, goal="Higher Tier")
		name = customer()

		def tell(signal_key: str | None, voids: str | None = None) -> date | None:
			values = {"decision": "Tier", "cause": "Order", "signal": "Tier Up", "as_of": day(0), "run": "TR"}
			known = {"customer": name, "signal_key": signal_key, "voids": voids, "creation": now_datetime()}
			row = {"name": frappe.generate_hash(), **values, **known}
			frappe.db.bulk_insert("Tiering Event", list(row), [list(row.values())])
			note_goals(day(0))
			return frappe.db.get_value("Outreach Enrollment", {"customer": name}, "goal_reached_on")

		tell("to B")
		assert api.enrol_by_hand(NAME, [name])["entered"] == 1
		found = tell("to B again, of old", voids="to B again, of old"), tell("to A"), tell(None, voids="to A")
		assert found == (None, day(0), None)

	def test_taken_out_by_hand(self) -> None:
		sequence(MAIL)
		name = entered()
		api.take_out(enrollment(name).name)
		assert enrollment(name).exit_reason == "By Hand"
		assert dispatch_due(day(0)) == {}

	def test_a_rep_enters_only_customers_he_may_write(self) -> None:
		sequence(MAIL)
		mine, other = customer("Mine"), customer("Other")
		rep = user("rep@example.com", "Sales User")
		permission = frappe.get_doc(
			doctype="User Permission", user=rep, allow="Customer", for_value=mine
		).insert()
		try:
			frappe.set_user(rep)
			assert api.enrol_by_hand(NAME, [mine])["entered"] == 1
			for call in (
				lambda: api.enrol_by_hand(NAME, [other]),
				lambda: api.enrol_backlog(NAME, "[]", 5),
				lambda: api.preview_sequence(NAME),
				lambda: api.send_me_a_test(NAME, "x", mine),
				lambda: api.show_step(NAME, "x", mine),
			):
				with pytest.raises(frappe.PermissionError):
					call()
		finally:
			frappe.set_user("Administrator")
			permission.delete()
			frappe.db.commit()


class TestLookingAhead:
	def test_it_lists_nobody_whom_its_reader_may_not_see(self) -> None:
		sequence(MAIL)
		seen, _hidden = entered("Seen Ltd"), entered("Hidden Ltd")
		as_user("Tiering Manager")
		with pytest.raises(frappe.PermissionError):
			api.preview_sequence(NAME)
		frappe.set_user("Administrator")
		as_user("Tiering Manager", "Sales User", Customer=seen)
		found = api.preview_sequence(NAME)
		assert found["by_channel"] == {"Email": 2}
		assert [row["customer"] for row in found["outgoing"]] == [seen]
		frappe.set_user("Administrator")

	def test_the_preview_says_what_then_happens(self) -> None:
		document = sequence(
			MAIL,
			{**MAIL, "day_offset": 7, "email_template": NEWS},
			{**CALL, "day_offset": 7},
			entry_by="Audience",
			audience_filters='[["Customer", "annual_value", ">", 0]]',
			entries_per_day=2,
			sunday=0,
		)
		for number in range(5):
			name = customer(f"Worth {number}", email=None if number == 1 else "")
			frappe.db.set_value("Customer", name, "annual_value", number)
		frappe.db.commit()
		foreseen = preview(document, day(0), days=14)
		assert (foreseen["entries"], foreseen["held_out"], foreseen["kept_back"]) == (4, 0, 1)
		assert foreseen["reasons"] == [("The customer has no e-mail address.", 1)]
		expected = sorted(
			(row["day"], row["customer"], row["day_offset"], row["channel"])
			for row in foreseen["outgoing"]
			if row["goes"]
		)
		for number in range(14):
			enrol(day(number))
			dispatch_due(day(number))
		done = frappe.get_all(
			"Outreach Touch",
			{"status": ("in", ("Queued", "Sent"))},
			["touched_on", "customer", "day_offset", "channel"],
		)
		assert sorted((row.touched_on, row.customer, row.day_offset, row.channel) for row in done) == expected

	def test_it_reckons_with_consent_caps_and_shared_addresses_as_the_dispatcher_does(self) -> None:
		document = sequence(
			MAIL,
			{**MAIL, "day_offset": 3, "email_template": NEWS},
			{**MAIL, "day_offset": 5},
			entry_by="Audience",
			audience_filters='[["Customer", "annual_value", ">", 0]]',
			enters_once=1,
			saturday=0,
			sunday=0,
		)
		tier = frappe.get_all("Customer Tier", order_by="entry_value", limit=1, pluck="name")[0]
		before = frappe.db.get_value("Customer Tier", tier, "monthly_contact_cap")
		frappe.get_doc("Customer Tier", tier).db_set("monthly_contact_cap", 2)
		names = [customer(f"Worth {number}") for number in range(5)]
		twin = customer("Twin", "worth_0@example.com")
		for number, name in enumerate([*names, twin]):
			capped = {"customer_tier": tier if number == 1 else None}
			frappe.db.set_value("Customer", name, {"annual_value": number + 1, **capped})
		frappe.db.set_value("Customer", names[3], "is_frozen", 1)
		for name, decision in zip(names, ("Given", "Given", "Withdrawn", "Given"), strict=False):
			word = {"customer": name, "decision": decision, "decided_on": day(-1)}
			frappe.get_doc({"doctype": "Outreach Consent", **word}).insert()
		frappe.get_doc(
			{"doctype": "Outreach Consent", "customer": twin, "decision": "Given", "decided_on": day(-1)}
		).insert()
		try:
			with tracking(mail_consent="Everywhere"):
				foreseen = preview(document, day(0), days=40)
				for number in range(40):
					enrol(day(number))
					dispatch_due(day(number))
		finally:
			frappe.get_doc("Customer Tier", tier).db_set("monthly_contact_cap", before)
			frappe.db.commit()
		fields = ["touched_on", "customer", "day_offset", "status", "reason"]
		done = frappe.get_all("Outreach Touch", fields=fields)

		def either(text: str) -> str:
			"""Whichever of the two with one address comes first gets it."""
			return text.replace(twin, names[0])

		goes, sent = (
			{(on, either(who), offset) for on, who, offset, is_sent in rows if is_sent}
			for rows in (
				[
					(row["day"], row["customer"], row["day_offset"], row["goes"])
					for row in foreseen["outgoing"]
				],
				[(row.touched_on, row.customer, row.day_offset, row.status == "Queued") for row in done],
			)
		)
		assert goes == sent
		kept, stopped = (
			{(either(who), offset, either(reason)) for who, offset, reason, is_sent in rows if not is_sent}
			for rows in (
				[
					(row["customer"], row["day_offset"], row["reason"], row["goes"])
					for row in foreseen["outgoing"]
				],
				[(row.customer, row.day_offset, row.reason, row.status == "Queued") for row in done],
			)
		)
		assert kept == stopped
		reasons = " ".join(reason for _who, _day, reason in kept)
		for why in (
			"not consented",
			"is frozen",
			"The same address got it already, as Worth 0",
		):
			assert why in reasons
		(late,) = (
			row for row in foreseen["outgoing"] if row["customer"] == names[1] and row["day_offset"] == 5
		)
		assert late["goes"] and "get at most 2 messages" in late["reason"]
		assert late["waits_since"] < day(14) and late["day"] >= day(30)
		assert foreseen["late"] >= 1

	def test_a_test_goes_to_who_asks(self, smtp_sink) -> None:
		document = sequence({**MAIL, "preview_text": "For {{ contact_name }}"})
		name = customer()
		answer = api.send_me_a_test(NAME, document.steps[0].name, name)
		address = frappe.db.get_value("User", "Administrator", "email")
		assert address in answer
		(message,) = smtp_sink.messages
		assert message["To"] == address
		assert message["Subject"] == "Test: How are you, Jo?"
		assert "For Jo" in message.get_body(("html",)).get_content()
		assert "sleepy_ltd@example.com" not in message.as_string()
		assert statuses(name) == []


@pytest.mark.parametrize(
	("step", "values", "sentence"),
	[
		({**SMS, "message": "{{ nothing }}"}, {}, "Row 1: the text can't be filled in"),
		({**SMS, "message": " "}, {}, "the text is missing"),
		({**MAIL, "preview_text": "{{ nothing }}"}, {}, "the preview text can't be filled in"),
		({"day_offset": 0, "channel": "Webhook", "webhook_url": "ftp://x"}, {}, "begins with https://"),
		({"day_offset": 0, "channel": "Webhook", "webhook_url": "http://a b/"}, {}, "can't be used"),
		(MAIL, {"send_from_hour": 18, "send_until_hour": 9}, "hours from 0 to 24"),
		(MAIL, {"send_from_hour": ""}, "hours from 0 to 24"),
		(MAIL, {"send_until_hour": "abc"}, "hours from 0 to 24"),
		(MAIL, {"holdout_percent": 90}, "between 0 and 50"),
		(MAIL, {"entry_by": "Signal"}, "Choose the signal"),
		(MAIL, {"entry_by": "Audience", "re_entry_days": 0}, "would enter again at once"),
		(MAIL, {"audience_filters": '[["Customer", "no_such_field", "=", 1]]'}, "no_such_field"),
	],
)
def test_what_can_t_work_is_refused(step: dict, values: dict, sentence: str) -> None:
	with pytest.raises(frappe.ValidationError, match=sentence):
		sequence(step).update(values).save() if step is MAIL else sequence(step)


class TestHoldingBack:
	"""Each reason by itself, and that the mail goes out when nothing is in the way any more."""

	@pytest.fixture
	def name(self) -> str:
		sequence(MAIL, exit_on_order=0)
		return entered()

	def held(self, name: str, why: str) -> None:
		assert dispatch_due(day(0)) == {"Deferred": 1}
		assert why in touches(name)[0].reason
		assert touches(name)[0].email_queue is None

	def test_an_overdue_invoice(self, name: str) -> None:
		bill = invoice(name, day(-40))
		frappe.db.set_value("Sales Invoice", bill.name, "outstanding_amount", 100)
		self.held(name, f"The invoice {bill.name} is overdue.")
		frappe.db.set_value("Sales Invoice", bill.name, "outstanding_amount", 0)
		assert dispatch_due(day(0)) == {"Queued": 1}

	def test_an_open_issue(self, name: str) -> None:
		issue = frappe.get_doc(doctype="Issue", subject="Broken", customer=name).insert()
		self.held(name, f"The issue {issue.name} is open.")
		issue.db_set("status", "Closed")
		assert dispatch_due(day(0)) == {"Queued": 1}
		issue.delete()
		frappe.db.commit()

	def test_a_return_in_progress(self, name: str) -> None:
		bill = invoice(name, day(0))
		frappe.db.set_value("Sales Invoice", bill.name, {"docstatus": 0, "is_return": 1})
		self.held(name, f"The return {bill.name} is in progress.")
		frappe.db.set_value("Sales Invoice", bill.name, {"docstatus": 1, "outstanding_amount": 0})
		assert dispatch_due(day(0)) == {"Queued": 1}

	def test_an_open_quotation_until_it_ends(self, name: str) -> None:
		quotation = frappe.new_doc("Quotation")
		quotation.update(
			{
				"name": "QTN-HELD",
				"quotation_to": "Customer",
				"party_name": name,
				"docstatus": 1,
				"status": "Open",
			}
		)
		quotation.valid_till = day(4)
		quotation.db_insert()
		try:
			self.held(name, "The quotation QTN-HELD is open.")
			assert dispatch_due(day(4)) == {}
			assert dispatch_due(day(5)) == {"Queued": 1}
		finally:
			frappe.db.delete("Quotation", {"name": "QTN-HELD"})
			frappe.db.commit()

	def test_a_frozen_customer_unless_it_is_switched_off(self, name: str) -> None:
		frappe.db.set_value("Customer", name, "is_frozen", 1)
		self.held(name, "The customer is frozen.")
		document = frappe.get_doc("Outreach Sequence", NAME)
		document.hold_frozen = 0
		document.save()
		frappe.db.commit()
		assert dispatch_due(day(0)) == {"Queued": 1}


def test_a_template_that_is_still_to_be_written_can_t_be_switched_on() -> None:
	vip = frappe.get_doc("Outreach Sequence", "VIP Care")
	vip.enabled = 1
	with pytest.raises(frappe.ValidationError, match="still says what is to be written"):
		vip.save()


def test_who_switches_on_mails_without_an_outgoing_account_is_told() -> None:
	document = sequence(MAIL, enabled=0)
	frappe.db.set_value("Email Account", {"enable_outgoing": 1}, "enable_outgoing", 0)
	frappe.local.outgoing_email_account = {}
	frappe.clear_messages()
	document.update({"enabled": 1}).save()
	(said,) = frappe.get_message_log()
	assert "no outgoing Email Account" in str(said)


class TestMergeVariables:
	def test_every_one_is_described_and_every_description_works(self) -> None:
		from customer_tiering.outreach.api import merge_variables
		from customer_tiering.outreach.merge_values import SAMPLE

		written = " ".join(row["code"] for row in merge_variables())
		names = [name for name in SAMPLE if name not in ("customer", "company")]
		names += [f"{group}.{name}" for group in ("customer", "company") for name in SAMPLE[group]]
		assert {name for name in names if name not in written} == {"customer.name"}
		assert {row["code"]: row["example"] for row in merge_variables()}[
			"{{ contact_name }}"
		] == "Ms Example"

	def test_they_are_for_managers(self) -> None:
		from customer_tiering.outreach.api import merge_variables

		frappe.set_user(user("variables@example.com", "Sales User"))
		with pytest.raises(frappe.PermissionError):
			merge_variables()
