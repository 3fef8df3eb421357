"""What it costs to enter customers and to queue their mails, against a bare loop of the framework's own send function on the same site.

	make test ARGS="tests/benchmarks/outreach.py -s"                       10,000 customers enter, 1,000 mails
	CUSTOMERS=100000 MAILS=20000 make test ARGS="tests/benchmarks/outreach.py -s"

prints seconds, mails a second, ratios and memory. It asserts nothing: machines are noisy.
"""

import os
import resource
import statistics
import time
from collections.abc import Callable, Iterator

import frappe
import pytest
from frappe.utils import getdate

from customer_tiering.outreach import restored
from customer_tiering.outreach.audience_entry import enrol_audience
from customer_tiering.outreach.dispatch import dispatch_due

CUSTOMERS = int(os.environ.get("CUSTOMERS", 10_000))
MAILS = int(os.environ.get("MAILS", 1_000))
ROUNDS = 5
NOW = "NOW(), NOW(), 'Administrator', 'Administrator'"
STANDARD = "creation, modified, owner, modified_by"
TEMPLATE = "Wake Up 1 · Greeting"
SEQUENCE = "Bench Mails"


@pytest.fixture
def crowd(site: str) -> Iterator[None]:
	"""Customers with a contact each and an order; a sequence of one mail that is due at once."""
	company = frappe.get_all("Company", limit=1, pluck="name")[0]
	seq = f"seq_1_to_{CUSTOMERS}"
	for statement in (
		f"""INSERT INTO tabCustomer (name, {STANDARD}, customer_name, customer_type, last_order_date)
		SELECT CONCAT('BENCH-', seq), {NOW}, CONCAT('Bench ', seq), 'Company', CURDATE() - INTERVAL 200 DAY FROM {seq}""",
		f"""INSERT INTO tabContact (name, {STANDARD}, first_name, full_name, email_id, is_primary_contact)
		SELECT CONCAT('BENCH-', seq), {NOW}, 'Jo', 'Jo Bench', CONCAT('jo', seq, '@example.com'), 1 FROM {seq}""",
		f"""INSERT INTO `tabDynamic Link` (name, {STANDARD}, parent, parenttype, parentfield, link_doctype, link_name)
		SELECT CONCAT('BENCH-', seq), {NOW}, CONCAT('BENCH-', seq), 'Contact', 'links', 'Customer', CONCAT('BENCH-', seq) FROM {seq}""",
		f"""INSERT INTO `tabSales Invoice` (name, {STANDARD}, docstatus, company, customer, posting_date, base_net_total, is_return)
		SELECT CONCAT('BENCH-', seq), {NOW}, 1, '{company}', CONCAT('BENCH-', seq), CURDATE() - INTERVAL 200 DAY, 100, 0 FROM {seq}""",
		f"""INSERT INTO `tabSales Invoice Item` (name, {STANDARD}, parent, parenttype, parentfield, item_code, item_name, amount)
		SELECT CONCAT('BENCH-', seq), {NOW}, CONCAT('BENCH-', seq), 'Sales Invoice', 'items', 'Bench', 'Bench item', 100 FROM {seq}""",
	):
		frappe.db.sql(statement)
	account = frappe.get_doc({"doctype": "Email Account", "name": "Bench", "email_account_name": "Bench"})
	account.update({"email_id": "bench@example.com", "enable_outgoing": 1, "default_outgoing": 1})
	account.no_smtp_authentication = 1
	account.db_insert()
	frappe.db.set_default("suspend_email_queue", 1)
	hours = {"send_from_hour": 0, "send_until_hour": 24, "saturday": 1, "sunday": 1}
	sequence = frappe.get_doc(
		{
			"doctype": "Outreach Sequence",
			"sequence_name": SEQUENCE,
			"entry_by": "Audience",
			"entries_per_day": CUSTOMERS,
			"audience_filters": frappe.as_json([["Customer", "name", "like", "BENCH-%"]]),
			"steps": [{"day_offset": 0, "channel": "Email", "email_template": TEMPLATE}],
			**hours,
		}
	)
	sequence.insert()
	sequence.db_set("enabled", 1)
	frappe.db.commit()
	frappe.db.sql("ANALYZE TABLE tabCustomer, tabContact, `tabDynamic Link`, `tabSales Invoice`")
	yield
	frappe.db.rollback()
	frappe.db.set_default("suspend_email_queue", 0)
	empty()
	frappe.delete_doc("Outreach Sequence", SEQUENCE, force=True)
	frappe.db.delete("Email Account", {"name": "Bench"})
	for table in ("Sales Invoice Item", "Sales Invoice", "Dynamic Link", "Contact", "Customer"):
		frappe.db.delete(table, {"name": ("like", "BENCH-%")})
	frappe.db.commit()


def test_outreach(crowd: None) -> None:
	entering = _seconds(lambda: enrol_audience(SEQUENCE, getdate()))
	assert frappe.db.count("Outreach Enrollment", {"sequence": SEQUENCE}) == CUSTOMERS
	print(f"\n{CUSTOMERS} customers enter: {entering:.1f} s, at most {_megabytes()} MB in all")
	share = MAILS // ROUNDS
	frappe.db.sql("UPDATE `tabOutreach Enrollment` SET next_due_on = NULL WHERE sequence = %s", SEQUENCE)
	names = frappe.get_all(
		"Outreach Enrollment", {"sequence": SEQUENCE}, pluck="name", limit=MAILS, order_by="name"
	)
	bare, ours = [], []
	for number in range(ROUNDS):
		some = names[number * share : (number + 1) * share]
		bare.append(share / _seconds(lambda some=some: bare_loop(some)))
		frappe.db.set_value("Outreach Enrollment", {"name": ("in", some)}, "next_due_on", getdate())
		frappe.db.commit()
		ours.append(share / _seconds(dispatch_due))
		print(
			f"round {number + 1}: bare loop {bare[-1]:6.1f} mails/s, ours {ours[-1]:6.1f}, {ours[-1] / bare[-1]:.1f} times"
		)
	assert (
		frappe.db.count("Outreach Touch", {"sequence": SEQUENCE, "status": ("in", ("Queued", "Sent"))})
		== share * ROUNDS
	)
	ratio = statistics.median(our / their for our, their in zip(ours, bare, strict=True))
	print(
		f"median {statistics.median(bare):.1f} and {statistics.median(ours):.1f} mails/s: {ratio:.1f} times; at most {_megabytes()} MB in all"
	)


def bare_loop(enrollments: list[str]) -> None:
	"""The same customers get the same template's text, without anything that a sequence adds."""
	template = frappe.get_cached_doc("Email Template", TEMPLATE)
	for customer in frappe.get_all("Outreach Enrollment", {"name": ("in", enrollments)}, pluck="customer"):
		frappe.sendmail(
			recipients=[f"jo{customer.removeprefix('BENCH-')}@example.com"],
			subject="How are you?",
			message=template.response_html,
			reference_doctype="Customer",
			reference_name=customer,
		)
	frappe.db.commit()


def empty() -> None:
	for table in ("Outreach Enrollment", "Outreach Touch", "Email Queue", "Email Queue Recipient"):
		frappe.db.delete(table)
	restored.forget()


def _megabytes() -> int:
	return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def _seconds(work: Callable[[], object]) -> float:
	start = time.perf_counter()
	work()
	return time.perf_counter() - start
