"""What could change a decision stands in the work list, costs next to nothing, and is answered by the next run."""

import re
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from unittest.mock import patch

import frappe
import pytest
from frappe.utils import getdate

from customer_tiering.tiering import queue
from tests.conftest import REAL_BENCH_ONLY
from tests.site import factories as make
from tests.site.factories import computed, recompute


@pytest.fixture(autouse=True)
def new_site(site: str) -> Iterator[None]:
	with make.uncommitted():
		make.as_if_new()
		yield


@pytest.fixture
def customer() -> str:
	name = make.make_customer().name
	frappe.db.delete("Tiering Queue")
	return name


def queued() -> set[tuple[str, str]]:
	rows = {(row.customer, row.cause) for row in queue.read()}
	frappe.db.delete("Tiering Queue")
	return rows


class TestWhatFeedsIt:
	def test_an_order_its_return_and_its_cancellation(self, customer: str) -> None:
		invoice = make.make_invoice(customer, 100)
		assert queued() == {(customer, "Sale")}
		credit = make.make_return(invoice)
		assert queued() == {(customer, "Order")}
		credit.cancel()
		assert queued() == {(customer, "Order")}
		invoice.reload()
		invoice.cancel()
		assert queued() == {(customer, "Order")}

	def test_a_draft_feeds_nothing(self, customer: str) -> None:
		make.make_invoice(customer, 100, submit=False)
		assert queued() == set()

	@pytest.mark.parametrize(
		"happen",
		[
			lambda name: make.make_communication("Customer", name, getdate()),
			lambda name: make.make_event(name, getdate()),
			lambda name: make.make_call(name, getdate()),
			lambda name: make.make_todo(name),
			lambda name: make.make_opportunity(name),
			lambda name: make.make_contact(name),
			lambda name: frappe.get_doc("Customer", name).save(),
		],
		ids=["mail", "event", "call", "todo", "opportunity", "contact", "edit"],
	)
	def test_a_follow_up_an_enquiry_an_edit(self, customer: str, happen: Callable) -> None:
		happen(customer)
		assert (customer, "Other") in queued()

	def test_a_mail_to_a_contact_or_about_an_opportunity(self, customer: str) -> None:
		contact, opportunity = make.make_contact(customer), make.make_opportunity(customer)
		queued()
		make.make_communication("Contact", contact.name, getdate())
		assert queued() == {(customer, "Other")}
		make.make_communication("Opportunity", opportunity.name, getdate())
		assert queued() == {(customer, "Other")}

	def test_both_roots_when_a_member_changes_its_group(self, customer: str) -> None:
		old, new = make.make_customer().name, make.make_customer().name
		doc = frappe.get_doc("Customer", customer)
		doc.update({"rolls_up_to": old}).save()
		queued()
		doc.update({"rolls_up_to": new}).save()
		assert queued() == {(customer, "Other"), *((name, "Edit") for name in (customer, old, new))}

	def test_a_merge(self, customer: str) -> None:
		other = make.make_customer().name
		queued()
		frappe.rename_doc("Customer", customer, other, merge=True)
		assert (other, "Edit") in queued()

	def test_a_disabled_customer_and_who_rolls_up_to_it(self, customer: str) -> None:
		member = make.make_customer(rolls_up_to=customer).name
		queued()
		frappe.get_doc("Customer", customer).update({"disabled": 1}).save()
		assert {(customer, "Edit"), (member, "Edit")} <= queued()

	def test_a_sales_order_only_where_orders_are_sales_orders(self, customer: str) -> None:
		make.make_sales_order(customer, 100)
		assert queued() == set()
		frappe.db.set_single_value("Tiering Settings", "orders_from", "Sales Order")
		order = make.make_sales_order(customer, 100)
		assert queued() == {(customer, "Order")}
		order.update_status("Closed")
		assert queued() == {(customer, "Order")}
		order.update_status("Draft")  # what ERPNext calls reopening
		assert queued() == {(customer, "Order")}


class TestWhatItCosts:
	@pytest.mark.parametrize("program", [None, "Tiering Test Points"], ids=["plain", "with points"])
	def test_two_statements_and_one_call_once_it_is_committed(
		self, program: str | None, customer: str, monkeypatch: pytest.MonkeyPatch
	) -> None:
		if program:
			program = make.ensure_loyalty_program(program)
			frappe.db.set_value("Customer", customer, "loyalty_program", program)
		if program and not hasattr(frappe.get_doc({"doctype": "Sales Invoice"}), "make_loyalty_point_entry"):
			pytest.skip(f"{REAL_BENCH_ONLY} the stand-in gives no points")
		draft = make.make_invoice(customer, 100, submit=False, loyalty_program=program)
		statements, started = [], []
		sql = frappe.db.sql
		monkeypatch.setattr(frappe.db, "sql", lambda *a, **k: (statements.append(str(a[0])), sql(*a, **k))[1])
		monkeypatch.setattr(queue, "start_drain", lambda: started.append(1))
		draft.submit()
		ours = [" ".join(each.split()) for each in statements if re.search("`tab(Tiering|Outreach) ", each)]
		assert bool(program) == bool(frappe.db.exists("Loyalty Point Entry", {"invoice": draft.name}))
		assert [re.search("FOR (INSERT INTO|SELECT)", each)[1] for each in ours] == ["INSERT INTO", "SELECT"]
		assert all("lock_wait_timeout = 2" in each for each in ours)
		assert queued() == {(customer, "Sale")}
		frappe.db.after_commit.run()
		assert started == [1]

	def test_points_of_their_own_are_noted(self, customer: str) -> None:
		program = make.ensure_loyalty_program("Tiering Test Points")
		make.make_points(customer, 5, getdate(), getdate(), loyalty_program=program)
		assert queued() == {(customer, "Other")}

	def test_a_full_table_or_a_dead_redis_stops_no_invoice(
		self, customer: str, monkeypatch: pytest.MonkeyPatch
	) -> None:
		def broken(*_arguments: object) -> None:
			raise RuntimeError("out of order")

		monkeypatch.setattr(queue, "start_drain", broken)
		make.make_invoice(customer, 100)
		frappe.db.after_commit.run()
		monkeypatch.setattr(queue, "_insert", broken)
		assert make.make_invoice(customer, 100).docstatus == 1

	@pytest.mark.parametrize("log", [True, False], ids=["logged", "not even logged"])
	def test_a_locked_table_stops_no_invoice(
		self, log: bool, customer: str, monkeypatch: pytest.MonkeyPatch
	) -> None:
		draft = make.make_invoice(customer, 100, submit=False)
		sql = frappe.db.sql

		def locked(query: object, *arguments: object, **values: object) -> object:
			if re.search("`tab(Tiering Queue|Outreach Enrollment)`", str(query)):
				raise frappe.QueryTimeoutError("Lock wait timeout exceeded")
			return sql(query, *arguments, **values)

		def no_room(*_arguments: object, **_values: object) -> None:
			raise PermissionError("the log file belongs to somebody else")

		monkeypatch.setattr(frappe.db, "sql", locked)
		if not log:
			monkeypatch.setattr(frappe, "logger", no_room)
		assert draft.submit().docstatus == 1


class TestWhatARunDoes:
	def test_it_decides_about_the_queued_alone_and_empties_the_list(self, customer: str) -> None:
		other = make.make_customer().name
		recompute()
		make.make_invoice(customer, 150_000)
		frappe.db.sql("UPDATE tabCustomer SET annual_value = 7 WHERE name = %s", other)
		summary = recompute(full=False)
		assert (summary.scope, summary.customers) == ("Incremental", 1)
		assert computed(customer).customer_tier == "B"
		assert computed(other).annual_value == 7
		assert queued() == set()

	def test_the_job_decides_what_is_queued_and_is_started_again_for_what_came_meanwhile(
		self, customer: str, monkeypatch: pytest.MonkeyPatch
	) -> None:
		from customer_tiering.tiering import jobs

		started = []
		monkeypatch.setattr(queue, "start_drain", lambda: started.append(1))
		jobs.drain()  # nothing is decided before the first run
		assert computed(customer).lifecycle_stage is None
		recompute()
		make.make_invoice(customer, 150_000)
		jobs.drain()
		assert computed(customer).customer_tier == "B"
		assert not queue.has_rows()
		runs = frappe.db.count("Tiering Run")
		jobs.drain()
		assert frappe.db.count("Tiering Run") == runs
		started.clear()
		jobs.drain_queue_regularly()
		assert not started
		queue.add([customer], queue.OTHER)
		jobs.drain_queue_regularly()
		assert started == [1]

	def test_while_another_run_writes_the_job_leaves_it_to_that(self, customer: str) -> None:
		from customer_tiering.tiering import jobs
		from customer_tiering.tiering.lock import RunInProgressError

		recompute()
		queue.add([customer], queue.OTHER)
		with patch.object(jobs, "recompute", side_effect=RunInProgressError):
			jobs.drain()
		assert queue.has_rows()

	def test_rows_that_came_meanwhile_stay(self, customer: str, monkeypatch: pytest.MonkeyPatch) -> None:
		from customer_tiering.tiering import recompute as module

		recompute()
		make.make_invoice(customer, 100)
		notes = module._notes

		def another_order_meanwhile(*arguments: object) -> str:
			queue.add([customer], "Order")
			return notes(*arguments)

		monkeypatch.setattr(module, "_notes", another_order_meanwhile)
		recompute(full=False)
		assert queued() == {(customer, "Order")}

	def test_who_is_due_for_review_is_decided_too(self, customer: str) -> None:
		make.make_invoice(customer, 40_000, getdate())
		recompute(getdate())
		review = frappe.db.get_value("Customer", customer, "tiering_review_on")
		assert getdate() < review <= getdate() + timedelta(days=60)
		assert recompute(review - timedelta(days=1), full=False).customers == 0
		assert recompute(review, full=False).customers == 1

	def test_nothing_but_a_full_run_comes_first(self, customer: str) -> None:
		with pytest.raises(frappe.ValidationError, match="no full run"):
			recompute(full=False)

	def test_the_rules_of_the_last_full_run_hold(self, customer: str) -> None:
		make.make_invoice(customer, 40_000, getdate())
		recompute()
		tier = frappe.get_doc("Customer Tier", "C")
		tier.update({"entry_value": 50_000}).save()
		make.make_invoice(customer, 1, getdate())
		recompute(full=False)
		assert computed(customer).customer_tier == "C"
		recompute()
		assert computed(customer).customer_tier == "D"


def is_due(day: date) -> bool:
	from customer_tiering.tiering.scope import full_run_is_due

	return full_run_is_due(day)


class TestWhenAFullRunIsDue:
	def test_after_an_exchange_rate_was_changed_or_deleted(self, customer: str) -> None:
		recompute()
		rate = frappe.get_doc(
			doctype="Currency Exchange",
			date=getdate(),
			from_currency="EUR",
			to_currency="USD",
			exchange_rate=1.1,
			for_selling=1,
		).insert()
		assert is_due(getdate())
		recompute()
		assert not is_due(getdate())
		rate.delete()
		assert is_due(getdate())

	def test_once_a_week_or_after_a_changed_rule(self, customer: str) -> None:
		assert is_due(getdate())
		recompute(getdate())
		assert not is_due(getdate() + timedelta(days=6))
		assert is_due(getdate() + timedelta(days=7))
		frappe.get_doc("Customer Tier", "C").update({"entry_value": 50_000}).save()
		assert is_due(getdate())
