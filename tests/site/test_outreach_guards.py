"""Conditions of outreach that a customer would miss first: each case here fails if one of them is left out."""

import json
from collections.abc import Iterator
from email import message_from_string
from unittest.mock import patch

import frappe
import pytest
from frappe.model.document import Document
from frappe.utils import getdate

from customer_tiering.outreach import deliver, forecast, reminders, restored
from customer_tiering.outreach.audience_entry import may_enter
from customer_tiering.outreach.bounces import note_bounce
from customer_tiering.outreach.channels import Skip, Target, email, webhook
from customer_tiering.outreach.clock import moment_of
from customer_tiering.outreach.crowd import Crowd
from customer_tiering.outreach.deferral import Deferral
from customer_tiering.outreach.dispatch import dispatch_due
from customer_tiering.outreach.enrol import enrol
from customer_tiering.outreach.enter import refusals
from customer_tiering.outreach.exits import stop_enrollments
from customer_tiering.outreach.goals import note_goals
from customer_tiering.outreach.last_look import look
from customer_tiering.outreach.merge_values import SAMPLE, merge_values
from customer_tiering.outreach.merge_variables import variables
from customer_tiering.outreach.names import new_touch_name
from customer_tiering.outreach.steps import plan_after
from customer_tiering.outreach.suppress import suppress
from customer_tiering.outreach.trial import rendered
from customer_tiering.tiering.templates import fill
from tests.site import factories as make
from tests.site.sleepers import day
from tests.site.test_bounces import DSN
from tests.site.test_outreach import GREETING, default_account

NAME = "Guarded"
ADA, BOB, SINGLE = "Guarded Ada", "Guarded Bob", "Guarded Single"  # Bob reads Ada's mails
ADDRESS, NUMBER, REP = "ada@example.com", "+491701234567", "guarded.rep@example.com"
SWITCHES = ("hold_frozen", "hold_overdue", "hold_issue", "hold_return", "hold_quotation")
STEPS = (
	{"day_offset": 0, "channel": "Email", "email_template": GREETING},
	{"day_offset": 1, "channel": "Call Task", "message": "Call"},
	{"day_offset": 2, "channel": "SMS", "message": "After {{ messages_sent }}"},
)


@pytest.fixture(scope="module")
def stage(site: str) -> Iterator[None]:
	"""A sequence that sends at any hour, two customers with one address, and one more."""
	with make.uncommitted(), default_account():
		make.as_if_new()
		restored.forget()
		hours = {"send_from_hour": 0, "send_until_hour": 24, "saturday": 1, "sunday": 1}
		values = {"enabled": 1, "entry_by": "Hand", "re_entry_days": 0, **hours}
		frappe.get_doc(doctype="Outreach Sequence", sequence_name=NAME, steps=list(STEPS), **values).insert()
		tier = frappe.get_all("Customer Tier", limit=1, pluck="name")[0]
		frappe.get_doc("Customer Tier", tier).db_set("monthly_contact_cap", 1)
		person(ADA, email_id=ADDRESS, mobile_no=NUMBER, customer_tier=tier)
		person(BOB, email_id=ADDRESS)
		person(SINGLE, account_manager=make.ensure_user(REP, "Sales User"))
		with make.shared():
			yield


@pytest.fixture(autouse=True)
def alone(stage: None) -> Iterator[None]:
	with make.uncommitted():
		frappe.clear_document_cache("Outreach Sequence", NAME)
		yield


def insert(doctype: str, **values: object) -> Document:
	"""Straight into the table: what the document's own rules are is none of these tests' business."""
	document = frappe.get_doc({"doctype": doctype, **values})
	document.name = document.name or frappe.generate_hash(length=10)
	document.db_insert()
	return document


def stands(document: Document, *fields: str) -> tuple:
	"""What the database says of it now."""
	(row,) = frappe.get_all(document.doctype, {"name": document.name}, list(fields), as_list=True)
	return row


def person(name: str, **values: object) -> str:
	address = f"{frappe.scrub(name)}@example.com"
	return insert("Customer", name=name, customer_name=name, **{"email_id": address, **values}).name


def enrolled(customer: str, **values: object) -> Document:
	state = {"status": "Active", "source": "Hand", "entered_on": day(0), "next_due_on": day(0)}
	key = {"enrollment_key": frappe.generate_hash(length=10)}
	return insert("Outreach Enrollment", customer=customer, sequence=NAME, **{**key, **state, **values})


def touched(customer: str, **values: object) -> Document:
	name = new_touch_name()
	common = {"sequence": NAME, "step": sequence().steps[0].step_key, "channel": "Email", "status": "Sent"}
	common |= {"address": ADDRESS, "touched_on": day(-1), "touch_key": name, "enrollment": "another"}
	return insert("Outreach Touch", name=name, customer=customer, **{**common, **values})


def signalled(customer: str, signal: str, number: int = 1, **values: object) -> Document:
	key = f"{customer}|{signal}|{number}"
	common = {"signal_key": key, "cause": "Order", "decision": "Tier", "as_of": day(0), "run": "TR-00000001"}
	name = f"TR-00000001-{frappe.db.count('Tiering Event') + 1:07d}"
	return insert("Tiering Event", name=name, customer=customer, signal=signal, **{**common, **values})


def sequence(**values: object) -> Document:
	"""As it stands, but for these values, which are not stored."""
	return frappe.get_doc("Outreach Sequence", NAME).update(values)


def stored(**values: object) -> Document:
	frappe.db.set_value("Outreach Sequence", NAME, values)
	return sequence()


GOES = "goes"


def verdict(name: str, by: Document) -> str:
	"""What the dispatcher says to the first mail now."""
	moment, crowd, step = moment_of(day(0)), Crowd([name], day(0)), by.steps[0]
	touch = frappe._dict(customer=name, sequence=NAME, step=step.step_key, enrollment="own")
	try:
		email.reader(Target(crowd.customers[name], by, step, touch, moment, crowd))
	except (Skip, Deferral) as reason:
		return str(reason)
	return GOES


def test_each_switch_holds_back_for_its_own_reason_and_no_other() -> None:
	sale, offer = {"docstatus": 1, "due_date": day(-1)}, {"quotation_to": "Customer", "docstatus": 1}
	cases = {
		person("Frozen", is_frozen=1): ("hold_frozen", "The customer is frozen."),
		person("Late"): ("hold_overdue", "The invoice LATE is overdue."),
		person("Cross"): ("hold_issue", "The issue CROSS is open."),
		person("Sends Back"): ("hold_return", "The return BACK is in progress."),
		person("Thinks"): ("hold_quotation", "The quotation THINKS is open."),
		person("Answered"): ("hold_quotation", "The quotation ANSWERED is open."),
	}
	insert("Sales Invoice", name="LATE", customer="Late", outstanding_amount=1, **sale)
	insert("Issue", name="CROSS", customer="Cross", subject="-", status="Open")
	insert("Sales Invoice", name="BACK", customer="Sends Back", is_return=1)
	insert("Quotation", name="THINKS", party_name="Thinks", status="Open", **offer)
	insert("Quotation", name="ANSWERED", party_name="Answered", status="Replied", **offer)
	for switch in SWITCHES:
		by = sequence(**{each: int(each == switch) for each in SWITCHES})
		for name, (own, sentence) in cases.items():
			assert verdict(name, by) == (sentence if own == switch else GOES), (switch, name)


@pytest.mark.parametrize(
	("values", "why"),
	[
		({}, f"The same address got it already, as {BOB}."),
		({"step": "another"}, "get at most 1 messages in 30 days"),
		({"step": "another", "customer": ADA, "address": "elsewhere@example.com"}, "get at most 1 messages"),
		({"step": "another", "customer": ADA, "channel": "Call Task"}, GOES),
		({"step": "another", "address": "elsewhere@example.com"}, GOES),
	],
	ids=["same step", "cap by address", "cap by customer", "a call", "another's"],
)
def test_what_may_have_gone_out_counts_and_nothing_else(values: dict, why: str) -> None:
	touch, by = touched(**{"customer": BOB, **values}), sequence()
	for status in frappe.get_meta("Outreach Touch").get_field("status").options.split("\n"):
		touch.db_set("status", status)
		counts = status in ("Queued", "Sending", "Sent", "In Doubt")
		said = verdict(ADA, by)
		assert why in said if counts else said == GOES, status


class TestLeaving:
	def test_what_is_void_and_who_was_held_out_to_the_end(self) -> None:
		event = signalled(ADA, "Tier Up")
		void = enrolled(ADA, event=event.name)
		over, last_day = (enrolled(BOB, is_holdout=1, entered_on=day(-number)) for number in (3, 2))
		assert stop_enrollments(day(0)) == 1
		signalled(ADA, "Tier Up", signal_key=None, voids=event.signal_key)
		assert stop_enrollments(day(0)) == 1
		ended = [stands(each, "status", "exit_reason") for each in (void, over, last_day)]
		assert ended == [("Exited", "Void"), ("Completed", None), ("Active", None)]

	def test_an_order_that_is_no_invoice_is_none(self) -> None:
		entry = enrolled(ADA)
		insert("Sales Order", customer=ADA, docstatus=1, transaction_date=day(0), status="To Bill")
		with make.rules(orders_from="Sales Order"):
			assert stop_enrollments(day(0)) == 1
		assert stands(entry, "exit_reason", "reorder_invoice") == ("Ordered", None)

	@pytest.mark.parametrize(
		("ended", "once", "a_person_may", "by_itself"),
		[
			({"exit_reason": "Void"}, 1, True, True),
			({"exit_reason": "By Hand"}, 0, True, False),
			({"exit_reason": "Ordered"}, 0, True, True),
			({"status": "Completed"}, 1, False, False),
		],
	)
	def test_who_comes_back(self, ended: dict, once: int, a_person_may: bool, by_itself: bool) -> None:
		enrolled(ADA, **{"status": "Exited", "ended_on": day(-1), **ended})
		by = sequence(enters_once=once)
		assert (ADA not in refusals(by, [ADA], day(0), by_hand=True)) == a_person_may
		assert bool(may_enter(by, [ADA], day(0))) == by_itself

	def test_a_higher_tier_is_a_goal_for_so_many_days(self) -> None:
		stored(goal="Higher Tier", goal_days=10)
		by_now = {"status": "Completed", "entered_on": day(-20)}
		names = [person(f"Rises {number}") for number in range(3)]
		late, in_time, by_rules = (
			enrolled(name, ended_on=day(ended), **by_now)
			for name, ended in zip(names, (-11, -10, -10), strict=True)
		)
		for name in names[:2]:
			signalled(name, "Tier Up")
		signalled(names[2], "Tier Up", signal_key=None)
		note_goals(day(0))
		reached = [stands(each, "goal_reached_on") for each in (late, in_time, by_rules)]
		assert reached == [(None,), (day(0),), (None,)]


class TestLastLook:
	"""At a message that waits for its gateway."""

	WAITS = {"status": "Queued", "channel": "SMS", "address": NUMBER}

	def said(self, entry: Document, **values: object) -> str:
		stored(exit_on_order=values.pop("exit_on_order", 1))
		touch = touched(ADA, enrollment=entry.name, **{**self.WAITS, **values})
		try:
			look(touch.name, moment_of(day(0)))
		except (Skip, Deferral) as reason:
			return str(reason)
		return GOES

	def test_merged_away_is_not_left_and_an_order_counts_where_it_ends_the_sequence(self) -> None:
		entry = enrolled(ADA)
		assert self.said(entry) == GOES
		entry.db_set({"status": "Exited", "exit_reason": "Merged"})
		assert self.said(entry) == GOES
		insert("Sales Invoice", customer=ADA, docstatus=1, posting_date=day(0), base_net_total=1)
		assert self.said(entry) == "The customer ordered meanwhile."
		assert self.said(entry, exit_on_order=0) == GOES
		entry.db_set("exit_reason", "By Hand")
		assert "left the sequence meanwhile" in self.said(entry, exit_on_order=0)

	def test_withdrawn_consent_and_whom_a_webhook_tells_of(self) -> None:
		entry, said = enrolled(ADA), {"decision": "Withdrawn", "decided_on": day(-1)}
		told = {"channel": "Webhook", "text": json.dumps({"email": None, "mobile": NUMBER})}
		assert self.said(entry, **told) == GOES
		insert("Outreach Consent", customer=ADA, channel="SMS", address=NUMBER, **said)
		assert "Consent was withdrawn" in self.said(entry)
		assert "Consent was withdrawn" in self.said(entry, **told)
		suppress(NUMBER, "Link in a mail")
		assert "has unsubscribed" in self.said(entry, **told)


class TestTexts:
	def test_every_variable_has_a_value_for_every_customer(self) -> None:
		values = merge_values(Crowd([ADA]).customers[ADA], None, day(0), "https://example.com/leave")
		assert values.keys() == SAMPLE.keys()
		assert {group: values[group].keys() for group in ("customer", "company")} == {
			group: SAMPLE[group].keys() for group in ("customer", "company")
		}
		for variable in variables():
			assert "{" not in fill(variable.code, values), variable.code

	def test_a_trial_supposes_the_messages_before(self) -> None:
		step, customer = sequence().steps[2], frappe.get_doc("Customer", ADA)
		assert rendered(step, customer, moment_of(day(0)))["text"] == "After 1"  # a call is none

	def test_the_rep_gets_the_answers(self) -> None:
		enrolled(SINGLE)
		assert dispatch_due(day(0)) == {"Queued": 1}
		(mail,) = frappe.get_all("Email Queue", {"reference_name": SINGLE}, pluck="message")
		assert REP in message_from_string(mail)["Reply-To"]

	def test_a_reminder_goes_where_its_code_went(self) -> None:
		by = sequence()
		told = {"channel": "Webhook", "webhook_url": "https://example.com/hook", "buying_role": "User"}
		by.steps[0].update(told)
		code = {"coupon_code": "X", "offer": "O", "offer_end": day(9), "redeemed_in": None, "day_offset": 0}
		went = frappe._dict(step=by.steps[0].step_key, channel="Webhook", touched_on=day(0), **code)
		offer = frappe._dict(reminder_days=3, reminder_text="Ends soon")
		with patch.object(reminders, "_offer", return_value=offer):
			coming = plan_after(frappe._dict(name="E", entered_on=day(0)), by, [went])
		(due,) = (due for due in coming if due.step.get("reminds_of"))
		assert due.on == day(6)
		assert {field: due.step.get(field) for field in told} == told


class TestEntering:
	def test_a_signal_enters_only_the_audience(self) -> None:
		audience = json.dumps([["Customer", "mobile_no", "=", NUMBER]])
		stored(entry_by="Signal", entry_signal="Declining", audience_filters=audience)
		for name in (ADA, BOB):
			signalled(name, "Declining")
		enrol(day(0))
		assert frappe.get_all("Outreach Enrollment", {"sequence": NAME}, pluck="customer") == [ADA]

	def test_who_is_about_to_fall_asleep_is_foreseen(self) -> None:
		age = frappe.db.get_value("Lifecycle Stage", {"meaning": "Dormant"}, "min_days_since_order")
		for name, asleep_on, disabled in ((ADA, 5, 0), (BOB, -1, 0), (SINGLE, 5, 1)):
			values = {"last_order_date": day(asleep_on - age), "disabled": disabled}
			frappe.db.set_value("Customer", name, values)
		by = sequence(entry_by="Signal", entry_signal="Became Dormant")
		assert forecast.entries(by, day(0), day(9)) == [forecast.Entry(day(5), ADA)]


def test_nobody_lives_at_an_address_that_is_disabled() -> None:
	for country, old in (("Germany", 0), ("Japan", 1)):
		place = insert("Address", country=country, disabled=old, is_primary_address=old)
		link = {"parent": place.name, "parenttype": "Address", "parentfield": "links"}
		insert("Dynamic Link", link_doctype="Customer", link_name=ADA, **link)
	assert Crowd([ADA]).countries == {ADA: "Germany"}


def test_a_delivery_is_noted_beside_the_database() -> None:
	restored.begin()
	touch = touched(ADA, enrollment=enrolled(ADA).name, status="Queued", channel="Webhook", text="{}")
	with patch.object(webhook, "address_for"), patch.object(webhook, "send"):
		assert deliver.deliver_waiting() == {"Sent": 1}
	touch.db_set("status", "Queued")  # as a backup of before has it
	assert restored.must_wait()


@pytest.mark.parametrize(("days", "stops"), [(90, False), (89, True)])
def test_soft_bounces_of_long_ago_are_forgotten(days: int, stops: bool) -> None:
	for number in range(2):
		touched(ADA, bounce="Soft", touched_on=day(-days), message_id=f"old-{number}@example.com")
	values = {"address": ADDRESS, "message_id": "new@example.com"}
	new = touched(ADA, **values)
	note_bounce(message_from_string(DSN.format(action="failed", status="4.2.2", number=1, **values)))
	assert stands(new, "bounce") == ("Soft",)
	assert bool(frappe.db.exists("Outreach Suppression", {"address": ADDRESS})) == stops


def test_today_is_the_sites() -> None:
	"""Where it is a day later than elsewhere, at whatever hour."""
	days = []
	for zone in ("Pacific/Pago_Pago", "Pacific/Kiritimati"):
		with patch("frappe.utils.data.get_system_timezone", return_value=zone):
			days.append((moment_of(None).date(), getdate()))
	(west, _), (east, _) = days
	assert days == [(west, west), (east, east)] and (east - west).days == 1
