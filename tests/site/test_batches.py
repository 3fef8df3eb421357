"""Enrollments are done in batches: few statements for many, and nobody is overlooked because he stands in the same batch."""

from unittest.mock import patch

import frappe
import pytest

from customer_tiering.outreach import api, dispatch
from customer_tiering.outreach.dispatch import dispatch_due
from tests.site.sleepers import contact, day
from tests.site.test_outreach import GREETING, NEWS, touches
from tests.site.test_sequences import CALL, MAIL, NAME, alone, entered, sequence  # noqa: F401

OTHER = "Tried Too"


def second_sequence(*steps: dict) -> None:
	document = frappe.copy_doc(frappe.get_doc("Outreach Sequence", NAME))
	document.update({"sequence_name": OTHER, "steps": []})
	document.extend("steps", [dict(step) for step in steps])
	document.insert()


@pytest.fixture
def capped() -> str:
	"""A tier whose customers get one message a month."""
	frappe.db.set_value("Customer Tier", "D", "monthly_contact_cap", 1)
	yield "D"
	frappe.db.rollback()
	frappe.db.set_value("Customer Tier", "D", "monthly_contact_cap", 0)
	frappe.delete_doc("Outreach Sequence", OTHER, ignore_missing=True, force=True)
	frappe.db.commit()


def test_an_address_that_two_customers_share_gets_it_once() -> None:
	sequence(MAIL)
	names = [entered(name, email="Shared@example.com") for name in ("One", "Two")]
	assert dispatch_due(day(0)) == {"Queued": 1, "Skipped": 1}
	assert sorted(touch.status for name in names for touch in touches(name)) == ["Queued", "Skipped"]
	assert frappe.db.count("Email Queue") == frappe.db.count("Email Queue Recipient") == 1


def test_the_cap_holds_over_two_sequences_at_once(capped: str) -> None:
	sequence(MAIL)
	second_sequence({**MAIL, "email_template": NEWS})
	name = entered()
	frappe.db.set_value("Customer", name, "customer_tier", capped)
	api.enrol_by_hand(OTHER, [name])
	assert dispatch_due(day(0)) == {"Queued": 1, "Deferred": 1}


def test_the_cap_holds_for_two_steps_of_one_day(capped: str) -> None:
	sequence(MAIL, {**MAIL, "email_template": NEWS}, CALL)
	frappe.db.set_value("Customer", entered(), "customer_tier", capped)
	assert dispatch_due(day(0)) == {"Queued": 1, "Deferred": 1, "Sent": 1}


def test_one_that_fails_leaves_nothing_behind_and_stops_none_of_its_batch() -> None:
	sequence(MAIL)
	names = [entered(name) for name in ("One", "Two", "Three")]
	real = dispatch.plan_after

	def fail(enrollment: frappe._dict, *rest: object) -> list:
		if enrollment.customer == "Two":
			raise RuntimeError("nobody foresaw this")
		return real(enrollment, *rest)

	with patch.object(dispatch, "plan_after", fail):
		assert dispatch_due(day(0)) == {"Queued": 2, "Error": 1}
	assert [len(touches(name)) for name in names] == [1, 0, 1]
	assert frappe.db.count("Email Queue") == 2
	assert dispatch_due(day(0)) == {"Queued": 1}


def test_a_mail_in_a_batch_is_the_mail_that_the_framework_would_queue() -> None:
	"""What is written by one statement for all is what a document of its own would have held."""
	sequence(MAIL)
	name = entered()
	contact(name, "second@example.com", primary=False)
	dispatch_due(day(0))
	(touch,) = touches(name)
	queue = frappe.get_doc("Email Queue", touch.email_queue)
	assert [(row.recipient, row.status, row.idx) for row in queue.recipients] == [
		("sleepy_ltd@example.com", "Not Sent", 1)
	]
	assert (queue.status, queue.priority, queue.retry, queue.message_id) == (
		"Not Sent",
		1,
		0,
		touch.message_id,
	)
	assert (queue.owner, queue.email_account) == ("Administrator", "Nobody Listens")
	assert frappe.get_doc("Outreach Touch", touch.name).email_template == GREETING
	assert touch.creation and touch.docstatus == 0 and touch.opens == 0
