"""Customers who fall asleep, for the tests of follow-ups and mails."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date

import frappe
from frappe.utils import add_days, getdate

from customer_tiering.outreach import restored
from tests.conftest import BENCH, SITE

GROUP = "Sleepers"
ITEM = "Sleepers Service"
DORMANT_AFTER = 180
LEDGERS = (
	"Tiering Event",
	"Tiering Run",
	"Outreach Enrollment",
	"Outreach Touch",
	"Outreach Hit",
	"Outreach Suppression",
	"Outreach Consent",
	"Email Queue",
	"Email Queue Recipient",
	"Email Unsubscribe",
)
READERS = ("Follow Up Rule", "Outreach Sequence")


def day(number: int) -> date:
	"""Counted from the day on which the customers of these tests fall asleep, which is today."""
	return add_days(getdate(), number)


@contextmanager
def clean_slate() -> Iterator[None]:
	"""Empty ledgers, and no customers but the test's own, who are gone afterwards."""
	others = frappe.get_all("Customer", filters={"disabled": 0}, pluck="name")
	_disable(others, 1)
	_empty_ledgers()
	frappe.local.outgoing_email_account = {}  # the account of a test before is deleted, and still remembered
	frappe.db.commit()
	try:
		yield
	finally:
		frappe.set_user("Administrator")
		frappe.db.rollback()
		_forget(frappe.get_all("Customer", filters={"customer_group": GROUP}, pluck="name"))
		_disable(others, 0)
		_empty_ledgers()
		frappe.db.commit()


def customer(name: str = "Sleepy Ltd", email: str | None = "", **fields) -> str:
	"""With a contact whose address is made from the name, unless there is another; None is no address."""
	values = {"customer_name": name, "customer_type": "Company", "customer_group": _group()}
	name = frappe.get_doc({"doctype": "Customer", **values, **fields}).insert().name
	if email is not None:
		contact(name, email or f"{frappe.scrub(name)}@example.com")
	return name


def sleeper(name: str = "Sleepy Ltd", email: str | None = "", **fields) -> str:
	"""A customer who fell asleep today, as the ledger of a run tells it; the last order is only told there."""
	name = customer(name, email, **fields)
	last_order = day(-DORMANT_AFTER)
	frappe.db.set_value("Customer", name, "last_order_date", last_order, update_modified=False)
	number = frappe.db.count("Tiering Event") + 1
	values = {
		"name": f"TR-00000001-{number:07d}",
		"customer": name,
		"decision": "Stage",
		"old_value": "Repeat",
		"new_value": "Dormant",
		"cause": "Time",
		"signal": "Became Dormant",
		"signal_key": f"{name}|Became Dormant|{last_order}",
		"as_of": day(0),
		"run": "TR-00000001",
		"last_order_date": last_order,
	}
	frappe.db.bulk_insert("Tiering Event", list(values), [list(values.values())])
	return name


def fall_asleep(*, first: date | None = None) -> None:
	"""Two real runs: yesterday, when nobody slept yet, and today."""
	from customer_tiering.tiering.recompute import recompute

	frappe.db.commit()
	recompute(as_of=first or day(-1))
	recompute(as_of=day(0))


def contact(customer: str, email: str | None, primary: bool = True, **fields) -> str:
	person = frappe.get_doc(
		{"doctype": "Contact", "first_name": "Jo", "is_primary_contact": primary, **fields}
	)
	if email:
		person.append("email_ids", {"email_id": email, "is_primary": 1})
	person.append("links", {"link_doctype": "Customer", "link_name": customer})
	person.insert()
	if primary:
		frappe.db.set_value("Customer", customer, "customer_primary_contact", person.name)
	return person.name


def invoice(customer: str, on: date, **fields) -> "frappe.Document":
	"""A submitted invoice of one service."""
	values = {
		"customer": customer,
		"company": frappe.get_all("Company", order_by="creation", limit=1, pluck="name")[0],
		"set_posting_time": 1,
		"posting_date": on,
		"due_date": on,
		"items": [{"item_code": _item(), "qty": 1, "rate": 100}],
	}
	return frappe.get_doc({"doctype": "Sales Invoice", **values, **fields}).insert().submit()


def credit(order: "frappe.Document") -> "frappe.Document":
	"""A return of the whole order, dated today."""
	from erpnext.accounts.doctype.sales_invoice.sales_invoice import make_sales_return

	return make_sales_return(order.name).insert().submit()


def user(email: str, *roles: str, enabled: int = 1) -> str:
	if not frappe.db.exists("User", email):
		person = frappe.get_doc(doctype="User", email=email, first_name=email.split("@")[0].title())
		person.send_welcome_email = 0
		person.insert()
	person = frappe.get_doc("User", email)
	person.add_roles(*roles)
	person.db_set("enabled", enabled)
	return email


@contextmanager
def one_asleep(name: str) -> Iterator[str]:
	"""A customer of Administrator's with a tier, two runs and a follow-up, and no other."""
	from customer_tiering.follow_up.create import create_follow_ups

	with clean_slate():
		asleep = customer(name, account_manager="Administrator")
		invoice(asleep, day(-DORMANT_AFTER))
		fall_asleep()
		create_follow_ups()
		frappe.db.commit()
		yield asleep


def forget_jobs() -> None:
	"""What earlier tests enqueued on this site and no worker has taken yet."""
	from frappe.utils.background_jobs import get_queues
	from rq.exceptions import DeserializationError

	for job in [job for queue in get_queues() for job in queue.jobs]:
		try:
			ours = job.kwargs.get("site") == SITE
		except DeserializationError:  # of code that is no more
			ours = True
		if ours:
			job.delete()


def start_process(code: str) -> subprocess.Popen:
	"""Python code in a process of its own, connected to the site; it sees what was committed before."""
	frappe.db.commit()
	connect = f"import frappe, os, signal, sys; frappe.init(site={SITE!r}); frappe.connect()\n"
	pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
	return subprocess.Popen(
		[sys.executable, "-c", connect + code], cwd=BENCH / "sites", env=os.environ, **pipes
	)


def output_of(process: subprocess.Popen) -> str:
	"""Wait for its end; what it printed. What it committed is seen from now on."""
	out, errors = process.communicate(timeout=120)
	frappe.db.commit()
	return out if process.returncode == 0 else errors


def _empty_ledgers() -> None:
	for doctype in LEDGERS:
		frappe.db.delete(doctype)
	frappe.db.delete("ToDo", {"follow_up_key": ("is", "set")})
	frappe.db.delete("Follow Up")
	restored.forget()
	for doctype in READERS:
		frappe.db.sql(f"UPDATE `tab{doctype}` SET last_event = NULL")


def _disable(customers: list[str], disabled: int) -> None:
	if customers:
		frappe.db.set_value(
			"Customer", {"name": ("in", customers)}, "disabled", disabled, update_modified=False
		)


def _forget(customers: list[str]) -> None:
	"""Straight from the tables: to cancel and delete invoices one by one would take longer than the tests."""
	if not customers:
		return
	linked = {"parenttype": "Contact", "link_doctype": "Customer", "link_name": ("in", customers)}
	contacts = frappe.get_all("Dynamic Link", filters=linked, pluck="parent")
	invoices = frappe.get_all("Sales Invoice", filters={"customer": ("in", customers)}, pluck="name")
	_delete("Sales Invoice Item", "parent", invoices)
	_delete("GL Entry", "voucher_no", invoices)
	_delete("Sales Invoice", "name", invoices)
	_delete("Dynamic Link", "parent", contacts)
	_delete("Contact Email", "parent", contacts)
	_delete("Contact", "name", contacts)
	_delete("Sales Team", "parent", customers)
	_delete("Comment", "reference_name", customers)
	_delete("Customer", "name", customers)
	frappe.clear_cache()


def _delete(doctype: str, field: str, names: list[str]) -> None:
	if names and frappe.db.table_exists(doctype):
		frappe.db.delete(doctype, {field: ("in", names)})


def _group() -> str:
	if not frappe.db.exists("Customer Group", GROUP):
		frappe.get_doc(doctype="Customer Group", customer_group_name=GROUP).insert()
	return GROUP


def _item() -> str:
	if not frappe.db.exists("Item", ITEM):
		values = {
			"item_code": ITEM,
			"item_name": "Coffee & beans <1 kg>",
			"stock_uom": "Nos",
			"is_stock_item": 0,
		}
		values["item_group"] = frappe.get_all("Item Group", {"is_group": 0}, limit=1, pluck="name")[0]
		frappe.get_doc({"doctype": "Item", **values}).insert()
	return ITEM
