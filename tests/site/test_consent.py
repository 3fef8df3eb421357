"""Consent: the last word by channel and address decides, every word stays, and leaving is one."""

from collections.abc import Iterator
from contextlib import contextmanager

import frappe
import pytest
from frappe.utils import add_to_date, now_datetime

from customer_tiering.outreach.consent import last_word, needs_consent, note
from customer_tiering.outreach.dispatch import dispatch_due
from customer_tiering.outreach.suppress import suppress
from customer_tiering.outreach.unsubscribe import ALL, choices, come_back, leave, reader_of
from tests.site.sleepers import contact, customer, day
from tests.site.test_outreach import touches
from tests.site.test_reports import as_user
from tests.site.test_sequences import MAIL, SMS, alone, entered, sequence, sms_gateway  # noqa: F401
from tests.site.test_tracking import tracking as settings

ADDRESS = "sleepy_ltd@example.com"
NOT_YET = "The customer has not consented to this channel."


def said(customer: str, decision: str = "Given", minutes_ago: int = 5, **values: object) -> "frappe.Document":
	when = add_to_date(now_datetime(), minutes=-minutes_ago)
	words = {"customer": customer, "decision": decision, "decided_on": when}
	return frappe.get_doc({"doctype": "Outreach Consent", **words, **values}).insert()


def test_a_mail_waits_for_consent_where_it_is_needed_and_a_withdrawal_stops_all() -> None:
	sequence(MAIL, {**MAIL, "day_offset": 1})
	with settings(mail_consent="Everywhere"):
		who = entered()
		dispatch_due(day(0))
		assert [(touch.status, touch.reason) for touch in touches(who)] == [("Deferred", NOT_YET)]
		said(who, address="other@example.com")
		said(who, channel="SMS", address="555")
		dispatch_due(day(0))
		assert [touch.status for touch in touches(who)] == ["Deferred"]
		assert said(who).address == ADDRESS  # the one that we write to
		dispatch_due(day(0))
		(touch,) = touches(who)
		assert touch.status == "Queued"
		frappe.set_user("Guest")
		leave(touch.name, ALL)
		leave(touch.name, ALL)
		frappe.set_user("Administrator")
	words = frappe.get_all(
		"Outreach Consent",
		{"customer": who, "address": ADDRESS},
		["decision", "source", "owner"],
		order_by="creation",
	)
	assert [(row.decision, row.source) for row in words] == [
		("Given", "By hand"),
		("Withdrawn", "Preference Page"),
	]
	assert words[1].owner == "Guest"
	dispatch_due(day(1))
	assert len(touches(who)) == 1


@contextmanager
def consent_needed_in(*countries: str) -> Iterator[None]:
	document = frappe.get_doc("Tiering Settings")
	document.set("consent_countries", [{"country": country} for country in countries])
	document.mail_consent = "In the Countries Listed"
	document.save()
	frappe.db.commit()
	try:
		yield
	finally:
		document.reload()
		document.update({"consent_countries": [], "mail_consent": "Nowhere"})
		document.save()
		frappe.db.commit()


def living_in(country: str) -> str:
	"""A customer of that country who has entered the sequence."""
	name = entered(f"Someone in {country}")
	place = {"address_title": name, "address_type": "Billing", "address_line1": "1 Street", "city": "Town"}
	links = [{"link_doctype": "Customer", "link_name": name}]
	frappe.get_doc({"doctype": "Address", **place, "country": country, "links": links}).insert()
	return name


def test_consent_is_needed_in_the_countries_listed_and_nowhere_else() -> None:
	sequence(MAIL)
	german, french = living_in("Germany"), living_in("France")
	try:
		with consent_needed_in("Germany", "Austria"):
			assert dispatch_due(day(0)) == {"Deferred": 1, "Queued": 1}
			assert [(touch.status, touch.reason) for touch in touches(german)] == [("Deferred", NOT_YET)]
			assert [touch.status for touch in touches(french)] == ["Queued"]
			said(german)
			assert dispatch_due(day(0)) == {"Queued": 1}
	finally:
		for address in frappe.get_all("Address", {"address_title": ("in", (german, french))}, pluck="name"):
			frappe.delete_doc("Address", address, force=True)


def test_who_has_no_address_lives_where_the_company_does() -> None:
	sequence(MAIL)
	who = entered()
	home = frappe.db.get_value("Company", frappe.defaults.get_global_default("company"), "country")
	with consent_needed_in("Austria"):
		assert not needs_consent(who, "Email")
	with consent_needed_in("Austria", home):
		assert dispatch_due(day(0)) == {"Deferred": 1}


def test_a_withdrawn_text_message_is_left_out_for_good_though_consent_is_not_needed() -> None:
	sequence(SMS)
	who = entered(email=None)
	contact(who, "jo@example.com", phone_nos=[{"phone": "+49 170 1234567", "is_primary_mobile_no": 1}])
	number = "+49 170 1234567"
	said(who, "Withdrawn", minutes_ago=9, channel="SMS")
	said(who, "Given", minutes_ago=99, channel="SMS", address=number)  # noted late, said before
	with sms_gateway("http://127.0.0.1:9"):
		dispatch_due(day(0))
	(touch,) = touches(who)
	assert touch.status == "Skipped" and "withdrawn" in touch.reason


def test_the_last_word_is_the_last_one_though_the_clock_ran_ahead() -> None:
	who = customer()
	word = said(who, "Withdrawn", minutes_ago=0)
	ahead = {
		"decided_on": add_to_date(now_datetime(), days=1),
		"creation": add_to_date(now_datetime(), days=1),
	}
	frappe.db.set_value("Outreach Consent", word.name, ahead)
	note("Given", who, "Email", ADDRESS, "Preference Page")
	assert last_word("Email", ADDRESS).decision == "Given"
	note("Withdrawn", who, "Email", ADDRESS, "Preference Page")
	assert last_word("Email", ADDRESS).decision == "Withdrawn"


def test_a_word_is_the_reader_s_for_whichever_customer() -> None:
	sequence(MAIL)
	names = [entered(name, email="both@example.com") for name in ("One Ltd", "Other Ltd")]
	dispatch_due(day(0))
	frappe.db.set_value("Outreach Touch", {"customer": ("in", names)}, "address", "both@example.com")
	one, other = (touches(name)[0].name for name in names)
	leave(one, ALL)
	come_back(other, "Email")
	assert choices(reader_of(one)) == choices(reader_of(other)) == [("Email", True, False)]


def test_a_consent_that_is_noted_by_hand_lifts_the_withdrawal_before_it() -> None:
	who = customer()
	suppress(ADDRESS, "Link in a mail", sequence="Wake Up")
	suppress(ADDRESS, "Bounce", sequence="Another")
	said(who, "Withdrawn", minutes_ago=9)
	said(who, "Given", minutes_ago=20)  # said before, noted late
	assert sorted(frappe.get_all("Outreach Suppression", pluck="source"))[1] == "Consent withdrawn"
	said(who, "Given", minutes_ago=1)
	assert sorted(frappe.get_all("Outreach Suppression", pluck="source")) == ["Bounce", "Link in a mail"]


def test_a_word_can_only_be_added() -> None:
	sequence(MAIL)
	who = entered()
	word = said(who)
	word.decision = "Withdrawn"
	with pytest.raises(frappe.ValidationError, match="not changed"):
		word.save()
	with pytest.raises(frappe.ValidationError, match="not deleted"):
		word.delete()
	with pytest.raises(frappe.ValidationError, match="future"):
		said(who, minutes_ago=-60)
	said(who, "Withdrawn", minutes_ago=0)
	assert frappe.db.exists("Outreach Suppression", {"address": ADDRESS, "source": "Consent withdrawn"})
	as_user("Sales User")
	assert said(who).owner == frappe.session.user
	with pytest.raises(frappe.ValidationError, match="not changed"):
		frappe.get_doc("Outreach Consent", word.name).save()
	with pytest.raises(frappe.PermissionError):
		frappe.delete_doc("Outreach Consent", word.name)
	as_user("Accounts User")
	with pytest.raises(frappe.PermissionError):
		said(who)


def test_a_rep_speaks_for_no_other_s_customer_and_no_other_address() -> None:
	theirs, own = customer("Their Ltd"), customer("Own Ltd")
	user = as_user("Sales User", Customer=own)
	permission = frappe.db.get_value("User Permission", {"user": user})
	narrow = {"apply_to_all_doctypes": 0, "applicable_for": "Customer"}
	frappe.db.set_value("User Permission", permission, narrow)  # as the README recommends
	frappe.cache.hdel("user_permissions", user)
	for values in ({}, {"address": "their_ltd@example.com"}):
		with pytest.raises(frappe.PermissionError):
			said(theirs, "Withdrawn", **values)
	with pytest.raises(frappe.ValidationError, match="no address of the customer"):
		said(own, "Withdrawn", address="their_ltd@example.com")
	with pytest.raises(frappe.ValidationError, match="reader's own page"):
		said(own, source="Preference Page")
	said(own, "Withdrawn", address="Own_Ltd@example.com")
	assert frappe.get_all("Outreach Suppression", pluck="address") == ["own_ltd@example.com"]
