"""What patches make of the data of older versions."""

import frappe
import pytest

from customer_tiering.follow_up.waiting import Due
from customer_tiering.outreach.survey import reasons
from customer_tiering.patches.v1_0 import escape_rules_in_follow_up_keys, hide_webhook_addresses
from customer_tiering.patches.v1_0.make_records_of_feedback_reasons import execute
from tests.site import factories as make

LONG = "They had a cheaper offer. " * 5  # longer than a reason may be
FEEDBACK, REASON = "Customer Feedback", "Feedback Reason"


@pytest.fixture
def customer() -> str:
	return make.make_customer().name


def wrote(customer: str, text: str, comment: str = "") -> str:
	"""A feedback as it was when its reason was free text."""
	name = frappe.get_doc(doctype=FEEDBACK, customer=customer, comment=comment).insert().name
	frappe.db.set_value(FEEDBACK, name, "reason", text, update_modified=False)
	return name


def stands(name: str) -> tuple:
	return tuple(frappe.db.get_value(FEEDBACK, name, ["reason", "comment"]))


def test_what_customers_had_written_becomes_records_that_surveys_do_not_offer(customer: str) -> None:
	offered = reasons()
	named = {text: wrote(customer, text) for text in ("too dear", "Too dear ", "  too   dear", "price")}
	execute()
	assert {stands(name)[0] for text, name in named.items() if text != "price"} == {
		stands(named["too dear"])[0]
	}
	assert stands(named["price"]) == ("Price", "")
	assert reasons() == offered
	assert frappe.db.get_value(REASON, stands(named["too dear"])[0], "disabled") == 1
	for name in named.values():
		frappe.get_doc(FEEDBACK, name).save()  # its link is right


def test_what_does_not_fit_a_name_stays_whole_in_the_comment(customer: str) -> None:
	long, marked, empty = (
		wrote(customer, LONG, "called"),
		wrote(customer, "<b>late</b>"),
		wrote(customer, " <> "),
	)
	execute()
	reason, comment = stands(long)
	assert LONG.startswith(reason) and len(reason) <= 100
	assert comment == f"called\n{LONG.strip()}"
	assert stands(marked) == ("blate/b", "<b>late</b>")
	assert stands(empty) == (None, "<>")
	for name in (long, marked, empty):
		frappe.get_doc(FEEDBACK, name).save()


def test_the_seeded_reasons_are_there_first_and_a_second_time_changes_nothing(customer: str) -> None:
	before = frappe.get_all(REASON, ["name", "position", "disabled"], order_by="name")
	frappe.db.delete(REASON)
	name = wrote(customer, "PRICE")
	execute()
	assert frappe.get_all(REASON, ["name", "position", "disabled"], order_by="name") == before
	assert stands(name) == ("Price", "")
	frappe.db.set_value(REASON, "Price", "disabled", 1)
	execute()
	assert frappe.db.get_value(REASON, "Price", "disabled") == 1


def test_the_keys_in_addresses_of_webhooks_are_forgotten(customer: str) -> None:
	secret, host = "https://hooks.example.com/send?key=S3CRET", "https://hooks.example.com"
	values = {"customer": customer, "channel": "Webhook", "enrollment": "E", "step": "S", "address": secret}
	told = f"Max retries exceeded with url: {secret} (refused)"
	touch = frappe.get_doc(doctype="Outreach Touch", touch_key=f"E|S|{secret}", reason=told, **values)
	touch.db_insert()
	row = {"changed": [["webhook_url", None, secret]], "added": [["steps", {"webhook_url": secret}]]}
	version = frappe.get_doc(doctype="Version", ref_doctype="Outreach Sequence", data=frappe.as_json(row))
	version.docname = customer
	version.db_insert()
	hide_webhook_addresses.execute()
	touch.reload()
	assert (touch.address, touch.touch_key) == (host, f"E|S|{host}")
	assert touch.reason == "Max retries exceeded with url: … (refused)"
	data = frappe.db.get_value("Version", version.name, "data")
	assert "S3CRET" not in data and data.count(host) == 2
	hide_webhook_addresses.execute()
	assert frappe.get_doc("Outreach Touch", touch.name).address == host


def test_keys_of_rules_with_strokes_are_those_that_a_run_looks_for(customer: str) -> None:
	names = ("Old|rule", "Old ~ rule", "Old rule")
	todos = {}
	for name in names:
		rule = frappe.get_doc(
			doctype="Follow Up Rule", rule_name=name, signal="Declining", description="x", due_in_days=1
		).insert()
		todo = frappe.get_doc(
			doctype="ToDo", description="x", reference_type="Customer", reference_name=customer
		).insert()
		old = {"follow_up_rule": rule.name, "follow_up_key": f"{name}|{customer}|Declining|1|escalated"}
		frappe.db.set_value("ToDo", todo.name, old)
		todos[name] = todo.name
	for _twice in "12":
		escape_rules_in_follow_up_keys.execute()
	for name, todo in todos.items():
		due = Due(name, customer, f"{customer}|Declining|1", None, None)
		assert frappe.db.get_value("ToDo", todo, "follow_up_key") == f"{due.key}|escalated"
	assert frappe.db.get_value("ToDo", todos["Old rule"], "follow_up_key").startswith("Old rule|")
