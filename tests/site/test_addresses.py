"""However an address or a number is typed, it is one: who left by it is left alone."""

from email.parser import Parser
from email.policy import SMTP as SMTP_POLICY
from unittest.mock import patch

import frappe
import pytest
from frappe.utils import now_datetime

from customer_tiering.outreach import touch_link
from customer_tiering.outreach.address import comparable
from customer_tiering.outreach.audience_entry import may_enter
from customer_tiering.outreach.deliver import deliver_waiting
from customer_tiering.outreach.dispatch import dispatch_due
from customer_tiering.outreach.exits import stop_enrollments
from customer_tiering.outreach.render import Mail
from customer_tiering.outreach.suppress import suppress
from customer_tiering.outreach.unsubscribe import ALL, come_back, leave, short_url, unsubscribe_url
from customer_tiering.outreach.ways import who_left
from customer_tiering.patches.v1_0 import compare_addresses_alike
from tests.site.sleepers import contact, day
from tests.site.test_outreach import enrollment, touches
from tests.site.test_sequences import (  # noqa: F401
	MAIL,
	NAME,
	SMS,
	Receiver,
	alone,
	entered,
	receiver,
	sequence,
	sms_gateway,
)

NUMBER, RESPELLED, E164 = "+49 170 7654321", "+49 (170) 765-4321", "+491707654321"
ANOTHER = frappe._dict(name="Another", re_entry_days=0, steps=[frappe._dict(channel="Webhook")])


def mobile_only(number: str = NUMBER, **fields: object) -> str:
	who = entered(email=None)
	contact(who, None, phone_nos=[{"phone": number, "is_primary_mobile_no": 1}], **fields)
	return who


def webhook(receiver: Receiver, **values: object) -> dict:  # noqa: F811
	return {"day_offset": 0, "channel": "Webhook", "webhook_url": receiver.url, **values}


@pytest.mark.parametrize(
	("typed", "same"),
	[
		(" Padded@Example.com\t", "padded@example.com"),
		('"Foo, Joe" <Named@Example.com>', "named@example.com"),
		("joe@example.com, jane@example.com", ""),
		("joe@example.com;jane@example.com", ""),
		("joe@example.com jane@example.com", ""),
		("nobody", ""),
		(RESPELLED, E164),
		("+49-170/7654321", E164),
		("555", "555"),
		(None, ""),
	],
)
def test_what_is_compared(site: str, typed: str, same: str) -> None:
	assert comparable(typed) == same


def test_what_is_noted_by_hand_stops_what_it_says() -> None:
	row = frappe.get_doc(doctype="Outreach Suppression", address=" Foo <Named@Example.com>\t").insert()
	assert row.address == "named@example.com"
	for several in ("a@example.com, b@example.com", "nobody", "nobody 2", "joe@"):
		with pytest.raises(frappe.ValidationError, match="one e-mail address or one telephone"):
			frappe.get_doc(doctype="Outreach Suppression", address=several).insert()


def test_a_name_or_a_second_address_gets_nobody_round_the_list() -> None:
	sequence(MAIL)
	suppress("victim@example.com", "By hand")
	named, several = entered("Named Ltd"), entered("Several Ltd")
	forms = {named: "Joe <victim@example.com>", several: "victim@example.com, other@example.com"}
	for who, form in forms.items():
		frappe.db.set_value("Contact", {"email_id": f"{frappe.scrub(who)}@example.com"}, "email_id", form)
		frappe.db.set_value("Customer", who, "email_id", form)
	rows = may_enter(ANOTHER, [named, several], day(0))
	assert [row.name for row in rows] == [several]
	assert dispatch_due(day(0)) == {"Ended": 1, "Deferred": 1}
	assert enrollment(named).exit_reason == "Unsubscribed"
	assert "victim@example.com, other@example.com is not valid" in touches(several)[0].reason


def test_a_number_that_is_spelled_anew_is_still_left(receiver: Receiver) -> None:  # noqa: F811
	sequence(SMS, {**SMS, "day_offset": 1})
	with sms_gateway(receiver.url):
		who = mobile_only("+49 170.7654321")
		assert dispatch_due(day(0)) == {"Queued": 1}
		assert deliver_waiting() == {"Sent": 1}
		assert "170.7654321" in receiver.requests[0][1]  # as it was typed
		(touch,) = touches(who)
		assert touch.address == E164
		come_back(touch.name, "SMS")
		frappe.get_doc(doctype="Outreach Suppression", address=RESPELLED, sequence=NAME).insert()
		frappe.db.set_value("Contact", {"mobile_no": "+49 170.7654321"}, "mobile_no", RESPELLED)
		assert dispatch_due(day(1)) == {"Ended": 1}
		assert frappe.get_all("Outreach Consent", pluck="address") == [E164]


@pytest.mark.parametrize("how", ["link", "contact"])
def test_who_has_but_a_number_gets_out_of_everything(receiver: Receiver, how: str) -> None:  # noqa: F811
	sequence(webhook(receiver), webhook(receiver, day_offset=1))
	who = mobile_only()
	assert dispatch_due(day(0)) == {"Queued": 1}
	if how == "link":
		leave(touches(who)[0].name, ALL)
	else:
		frappe.db.set_value("Contact", {"mobile_no": NUMBER}, "unsubscribed", 1)
		assert stop_enrollments(day(0)) == 1
	assert enrollment(who).exit_reason == "Unsubscribed"
	assert not may_enter(ANOTHER, [who], day(0))
	frappe.db.set_value("Outreach Enrollment", {"customer": who}, {"status": "Active", "next_due_on": day(1)})
	assert dispatch_due(day(1)) == {"Ended": 1}
	assert len(touches(who)) == 1


def test_who_leaves_mails_stays_for_text_messages(receiver: Receiver) -> None:  # noqa: F811
	sequence(MAIL, {**SMS, "day_offset": 1}, {**MAIL, "day_offset": 2}, {**SMS, "day_offset": 3})
	with sms_gateway(receiver.url):
		who = entered(email=None)
		contact(who, "jo@example.com", phone_nos=[{"phone": NUMBER, "is_primary_mobile_no": 1}])
		dispatch_due(day(0))
		mail = touches(who)[0].name
		leave(mail, ALL)
		texts_only = frappe.get_doc("Outreach Sequence", NAME)
		texts_only.steps = [step for step in texts_only.steps if step.channel == "SMS"]
		assert (who_left(ANOTHER, [who]), who_left(texts_only, [who])) == ({who}, set())
		assert [dispatch_due(day(number)) for number in (1, 2)] == [{"Queued": 1}, {"Skipped": 1}]
		leave(mail, ALL, "SMS")
		assert enrollment(who).exit_reason == "Unsubscribed"
		assert who_left(texts_only, [who]) == {who}


def test_a_webhook_is_not_told_where_nobody_wants_anything(receiver: Receiver) -> None:  # noqa: F811
	sequence(webhook(receiver))
	who = entered()
	contact(who, None, False, phone_nos=[{"phone": NUMBER, "is_primary_mobile_no": 1}])
	words = {"customer": who, "channel": "SMS", "address": RESPELLED, "decision": "Withdrawn"}
	frappe.get_doc({"doctype": "Outreach Consent", **words, "decided_on": now_datetime()}).insert()
	assert dispatch_due(day(0)) == {"Queued": 1}
	sent = frappe.parse_json(touches(who)[0].text)
	assert (sent["email"], sent["mobile"]) == ("sleepy_ltd@example.com", None)


def test_what_stands_there_is_brought_into_the_same_form() -> None:
	for address in (" Padded@Example.com ", NUMBER, "a@example.com, b@example.com"):
		frappe.get_doc(doctype="Outreach Suppression", address=address).db_insert()
	compare_addresses_alike.execute()
	kept = {"padded@example.com", E164, "a@example.com, b@example.com"}
	assert set(frappe.get_all("Outreach Suppression", pluck="address")) == kept


@pytest.mark.parametrize(("letters", "fits"), [(35, True), (36, False)])
def test_the_way_out_in_the_header_is_as_short_as_can_be_or_its_lack_is_told(
	letters: int, fits: bool
) -> None:
	from customer_tiering.outreach.mail import headers_problem, queue_mail

	with patch.object(touch_link, "get_url", lambda path: f"https://{'h' * (letters - 3)}.io{path}"):
		told = headers_problem()
		url = unsubscribe_url("abcdefghijkl")
	assert told is None if fits else "more than 35 letters" in told
	queue = queue_mail(
		Mail("Hello", "<p>Hello</p>", "Hello"),
		to="jo@example.com",
		sender=None,
		reply_to=None,
		customer="Jo",
		leave_url=url,
	)
	message = (
		Parser(policy=SMTP_POLICY).parsestr(queue.message).as_string()
	)  # as the framework does before it sends
	header = Parser(policy=SMTP_POLICY).parsestr(message)["List-Unsubscribe"]
	header = header and header.strip()
	assert header == (f"<{short_url(url)}>" if fits else None)
	assert "=?utf-8" not in message
