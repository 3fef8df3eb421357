"""A run on a site: what it makes of real documents, what it writes, and what a killed or a second run leaves."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import date, timedelta

import frappe
import pytest
from frappe.model.document import Document
from frappe.utils import getdate

from tests.site import factories as make
from tests.site.factories import checksums, computed, events, recompute, signals

AS_OF = date(2026, 6, 30)
NEXT_DAY = AS_OF + timedelta(days=1)
WRITTEN = ("Customer", "Tiering Event", "Tiering Run")


@pytest.fixture
def new_site(site: str) -> Iterator[None]:
	"""As if no run had ever been made and there were no customers; all of it is rolled back."""
	with make.uncommitted():
		make.as_if_new()
		yield


def ago(days: int) -> date:
	return AS_OF - timedelta(days=days)


def customer_with_order(amount: float = 100, days: int = 10, name: str = "") -> str:
	customer = make.make_customer(name).name
	make.make_invoice(customer, amount, ago(days))
	return customer


@pytest.mark.usefixtures("new_site")
class TestOrders:
	def test_exact_boundaries_of_the_value_tiers(self) -> None:
		expected = {
			500000: "A",
			499999.99: "B",
			100000: "B",
			99999.99: "C",
			30000: "C",
			29999.99: "D",
			0.01: "D",
		}
		customers = {amount: customer_with_order(amount) for amount in expected}
		recompute(AS_OF)
		assert {amount: computed(name).customer_tier for amount, name in customers.items()} == expected
		assert computed(customers[499999.99]).annual_value == 499999.99

	def test_exact_boundaries_of_the_stages(self) -> None:
		expected = {0: "First Purchase", 179: "First Purchase", 180: "Dormant", 364: "Dormant", 365: "Lost"}
		customers = {days: customer_with_order(days=days) for days in expected}
		recompute(AS_OF)
		assert {days: computed(name).lifecycle_stage for days, name in customers.items()} == expected

	def test_money_of_several_orders_adds_up_to_a_boundary(self) -> None:
		customer = customer_with_order(499999.99)
		make.make_invoice(customer, 0.01, ago(5))
		recompute(AS_OF)
		assert computed(customer).customer_tier == "A"
		assert computed(customer).lifecycle_stage == "High Value"

	def test_an_order_of_29_february_counts_for_a_year_less_a_day(self) -> None:
		customer = make.make_customer().name
		make.make_invoice(customer, 100, "2024-02-29")
		recompute("2025-02-27")
		assert (computed(customer).annual_orders, computed(customer).annual_value) == (1, 100)
		recompute("2025-02-28")
		assert (computed(customer).annual_orders, computed(customer).annual_value) == (0, 0)
		assert computed(customer).last_order_date == date(2024, 2, 29)

	def test_a_window_that_ends_on_29_february(self) -> None:
		inside, outside = make.make_customer().name, make.make_customer().name
		make.make_invoice(inside, 100, "2023-03-01")
		make.make_invoice(outside, 100, "2023-02-28")
		recompute("2024-02-29")
		assert [computed(name).annual_orders for name in (inside, outside)] == [1, 0]

	def test_a_partial_return_takes_money_and_leaves_the_order(self) -> None:
		customer = make.make_customer().name
		make.make_return(make.make_invoice(customer, 100, ago(20)), ago(10), rate=40)
		recompute(AS_OF)
		assert computed(customer).annual_value == 60
		assert computed(customer).annual_orders == 1
		assert computed(customer).last_order_date == ago(20)

	@pytest.mark.parametrize("parts", [[300], [100, 200], [1, 298, 1]])
	def test_an_order_that_is_returned_wholly_is_none(self, parts: list[int]) -> None:
		customer = make.make_customer().name
		make.make_invoice(customer, 50, ago(200))
		invoice = make.make_invoice(customer, 0.33, ago(20), item={"qty": 300})
		for part in parts[:-1]:
			make.make_return(invoice, ago(15), qty=-part)
		recompute(ago(12))
		assert computed(customer).last_order_date == ago(20)
		make.make_return(invoice, ago(10), qty=-parts[-1])
		recompute(AS_OF)
		assert computed(customer).annual_value == 50
		assert computed(customer).annual_orders == 1
		assert computed(customer).last_order_date == ago(200)

	def test_a_return_dated_later_undoes_nothing_yet(self) -> None:
		customer = make.make_customer().name
		make.make_return(make.make_invoice(customer, 100, ago(20)), NEXT_DAY)
		recompute(AS_OF)
		assert (computed(customer).annual_orders, computed(customer).annual_value) == (1, 100)
		recompute(NEXT_DAY)
		assert (computed(customer).annual_orders, computed(customer).annual_value) == (0, 0)
		assert computed(customer).lifecycle_stage == "Lead"
		assert not computed(customer).customer_tier

	def test_a_cancelled_return_gives_the_order_back(self) -> None:
		customer = make.make_customer().name
		credit = make.make_return(make.make_invoice(customer, 100, ago(20)), ago(10))
		recompute(AS_OF)
		assert computed(customer).annual_orders == 0
		credit.reload()
		credit.cancel()
		recompute(AS_OF)
		assert (computed(customer).annual_orders, computed(customer).annual_value) == (1, 100)

	def test_a_return_of_an_order_before_the_window_takes_money_on_its_own_day(self) -> None:
		customer = make.make_customer().name
		make.make_return(make.make_invoice(customer, 100, ago(500)), ago(10), rate=40)
		recompute(AS_OF)
		assert computed(customer).annual_value == -40
		assert computed(customer).customer_tier == "D"
		assert computed(customer).annual_orders == 0

	def test_drafts_cancelled_and_future_documents_are_no_orders(self) -> None:
		customer = make.make_customer().name
		make.make_invoice(customer, 1, ago(10), submit=False)
		make.make_invoice(customer, 2, ago(10)).cancel()
		make.make_invoice(customer, 4, NEXT_DAY)
		recompute(AS_OF)
		assert computed(customer).lifecycle_stage == "Lead"
		assert computed(customer).annual_value == 0

	def test_an_amended_invoice_counts_once_with_its_new_amount(self) -> None:
		customer = make.make_customer().name
		invoice = make.make_invoice(customer, 600000, ago(10))
		recompute(AS_OF)
		assert computed(customer).customer_tier == "A"
		make.amend(invoice, 50000)
		recompute(AS_OF)
		assert computed(customer).customer_tier == "C"
		assert (computed(customer).annual_orders, computed(customer).annual_value) == (1, 50000)

	def test_an_opening_entry_is_neither_an_order_nor_money(self) -> None:
		customer = make.make_customer().name
		make.make_opening_invoice(customer, 1000, ago(10))
		recompute(AS_OF)
		assert computed(customer).lifecycle_stage == "Lead"
		assert computed(customer).annual_value == 0

	def test_a_debit_note_adds_money_and_no_order(self) -> None:
		customer = make.make_customer().name
		make.make_debit_note(make.make_invoice(customer, 99, ago(20)), 29901, ago(10))
		recompute(AS_OF)
		assert computed(customer).annual_value == 30000
		assert computed(customer).customer_tier == "C"
		assert computed(customer).annual_orders == 1
		assert computed(customer).last_order_date == ago(20)

	def test_a_credit_note_of_its_own_takes_money_and_undoes_no_order(self) -> None:
		customer = customer_with_order(100, days=20)
		make.make_credit_note(customer, 100, ago(10))
		recompute(AS_OF)
		assert (computed(customer).annual_orders, computed(customer).annual_value) == (1, 0)

	def test_a_gift_is_an_order_without_money(self) -> None:
		customer = customer_with_order(0)
		recompute(AS_OF)
		assert (computed(customer).annual_orders, computed(customer).customer_tier) == (1, "D")

	def test_a_currency_of_its_own_is_counted_in_that_of_the_company(self) -> None:
		frappe.db.set_single_value(
			"Accounts Settings", "allow_multi_currency_invoices_against_single_party_account", 1
		)
		customer = make.make_customer().name
		make.make_invoice(customer, 100, ago(10), currency="EUR", conversion_rate=1.25)
		recompute(AS_OF)
		assert computed(customer).annual_value == 125

	def test_money_without_an_exchange_rate_is_left_out_and_noted(self) -> None:
		euro = make.ensure_company("Books in Euro", "EUR")
		customer = customer_with_order(100)
		make.make_invoice(customer, 900, ago(5), company=euro, currency="EUR", conversion_rate=1)
		summary = recompute(AS_OF)
		assert (computed(customer).annual_value, computed(customer).annual_orders) == (100, 2)
		assert "EUR: 1 documents" in summary.notes and "no exchange rate to USD" in summary.notes
		assert frappe.db.get_value("Tiering Run", summary.run, "notes") == summary.notes


@pytest.mark.usefixtures("new_site")
class TestCustomers:
	def test_disabled_and_internal_customers_are_left_alone(self) -> None:
		disabled, internal, counted = (customer_with_order() for _ in range(3))
		frappe.db.set_value("Customer", disabled, "disabled", 1)
		frappe.db.set_value("Customer", internal, "is_internal_customer", 1)
		assert recompute(AS_OF).customers == 1
		assert [bool(computed(name).lifecycle_stage) for name in (disabled, internal, counted)] == [0, 0, 1]
		assert not events(disabled) and not events(internal)

	def test_a_customer_without_orders_is_a_lead_without_a_tier_or_score(self) -> None:
		customer = make.make_customer().name
		recompute(AS_OF)
		found = computed(customer)
		assert found.lifecycle_stage == "Lead"
		assert not any(found[f] for f in ("customer_tier", "tier_since", "rfm_segment", "rfm_score"))
		assert not any(found[f] for f in ("purchase_frequency", "last_order_date", "annual_value"))

	def test_a_customer_with_only_a_return_is_a_lead_with_negative_money(self) -> None:
		customer = make.make_customer().name
		make.make_credit_note(customer, 100, ago(10))
		recompute(AS_OF)
		assert computed(customer).lifecycle_stage == "Lead"
		assert not computed(customer).customer_tier
		assert computed(customer).annual_value == -100

	def test_contacts_and_addresses_make_no_difference_to_the_figures(self) -> None:
		none, two = customer_with_order(), customer_with_order()
		make.make_contact(two, "one@example.com")
		make.make_contact(two, "two@example.com")
		make.make_communication("Customer", two, ago(3))
		recompute(AS_OF)
		assert computed(none) == computed(two)
		assert computed(two).annual_orders == 1

	def test_names_of_every_kind_are_written(self) -> None:
		names = ["Ünïcode & Söhne", "100% 'Quoted' \"Ltd\"", "客户 株式会社", "O;DROP TABLE x--"]
		customers = [customer_with_order(name=name) for name in names]
		recompute(AS_OF)
		assert [computed(name).customer_tier for name in customers] == ["D"] * 4

	def test_purchase_frequency_and_scores(self) -> None:
		often, seldom, past = (make.make_customer().name for _ in range(3))
		for days in (1, 2, 3):
			make.make_invoice(often, 100, ago(days))
		make.make_invoice(seldom, 100, ago(4))
		make.make_invoice(past, 100, ago(400))
		recompute(AS_OF)
		assert [computed(name).purchase_frequency for name in (often, seldom, past)] == [
			"High",
			"Normal",
			None,
		]
		# 1 + 5 × (strictly worse) ÷ 3, rounded down
		assert [computed(name).rfm_score for name in (often, seldom, past)] == ["444", "222", "111"]
		assert computed(often).rfm_segment == "Important Value"


@pytest.mark.usefixtures("new_site")
class TestFollowUps:
	QUIET = 90

	@staticmethod
	def on_customer(customer: str, day: date) -> Document:
		return make.make_communication("Customer", customer, day)

	@staticmethod
	def received(customer: str, day: date) -> Document:
		return make.make_communication("Customer", customer, day, sent_or_received="Received")

	@staticmethod
	def on_contact(customer: str, day: date) -> Document:
		return make.make_communication("Contact", make.make_contact(customer, "a@example.com").name, day)

	@staticmethod
	def on_opportunity(customer: str, day: date) -> Document:
		return make.make_communication("Opportunity", make.make_opportunity(customer).name, day)

	@staticmethod
	def on_timeline(customer: str, day: date) -> Document:
		links = [{"link_doctype": "Customer", "link_name": customer}]
		return make.make_communication("User", "Administrator", day, timeline_links=links)

	@staticmethod
	def event(customer: str, day: date) -> Document:
		return make.make_event(customer, day)

	@staticmethod
	def call(customer: str, day: date) -> Document:
		return make.make_call(customer, day)

	@staticmethod
	def closed_todo(customer: str, day: date) -> Document:
		return make.make_todo(customer, closed_on=day)

	KINDS = (
		"on_customer",
		"received",
		"on_contact",
		"on_opportunity",
		"on_timeline",
		"event",
		"call",
		"closed_todo",
	)

	def test_each_kind_within_90_days_keeps_a_customer_awake(self) -> None:
		recent = {kind: customer_with_order(days=200) for kind in self.KINDS}
		old = {kind: customer_with_order(days=200) for kind in self.KINDS}
		for kind in self.KINDS:
			getattr(self, kind)(recent[kind], ago(self.QUIET - 1))
			getattr(self, kind)(old[kind], ago(self.QUIET))
		recompute(AS_OF)
		stages = {kind: computed(name).lifecycle_stage for kind, name in recent.items()}
		assert stages == dict.fromkeys(self.KINDS, "First Purchase")
		stages = {kind: computed(name).lifecycle_stage for kind, name in old.items()}
		assert stages == dict.fromkeys(self.KINDS, "Dormant")

	def test_what_is_not_a_follow_up(self) -> None:
		def automated(customer: str) -> Document:
			return make.make_communication(
				"Customer", customer, ago(5), communication_type="Automated Message"
			)

		def future(customer: str) -> Document:
			return self.on_customer(customer, NEXT_DAY)

		def open_todo(customer: str) -> Document:
			return make.make_todo(customer)

		def cancelled_event(customer: str) -> Document:
			return make.make_event(customer, ago(5), status="Cancelled")

		def lost_opportunity(customer: str) -> None:
			mail = self.on_opportunity(customer, ago(5))
			frappe.db.set_value("Opportunity", mail.reference_name, "status", "Lost")

		def comment(customer: str) -> None:
			frappe.get_doc("Customer", customer).add_comment("Comment", "Nice people")

		kinds = (automated, future, open_todo, cancelled_event, lost_opportunity, comment)
		customers = {kind.__name__: customer_with_order(days=200) for kind in kinds}
		for kind in kinds:
			kind(customers[kind.__name__])
		recompute(AS_OF)
		stages = {kind: computed(name).lifecycle_stage for kind, name in customers.items()}
		assert stages == dict.fromkeys(customers, "Dormant")

	def test_a_follow_up_keeps_a_customer_awake_for_its_days_only(self) -> None:
		customer = customer_with_order(days=200)
		self.on_customer(customer, ago(0))
		recompute(AS_OF + timedelta(days=89))
		assert computed(customer).lifecycle_stage == "First Purchase"
		recompute(AS_OF + timedelta(days=90))
		assert computed(customer).lifecycle_stage == "Dormant"

	def test_a_follow_up_does_not_wake_a_sleeper_and_an_order_does(self) -> None:
		customer = customer_with_order(days=200)
		recompute(AS_OF)
		assert computed(customer).lifecycle_stage == "Dormant"
		self.on_customer(customer, NEXT_DAY)
		recompute(AS_OF + timedelta(days=2))
		assert computed(customer).lifecycle_stage == "Dormant"
		make.make_invoice(customer, 100, AS_OF + timedelta(days=3))
		recompute(AS_OF + timedelta(days=3))
		assert computed(customer).lifecycle_stage == "Repeat"

	def test_being_lost_waits_for_no_follow_up(self) -> None:
		customer = customer_with_order(days=365)
		self.on_customer(customer, ago(1))
		recompute(AS_OF)
		assert computed(customer).lifecycle_stage == "Lost"


@pytest.mark.usefixtures("new_site")
class TestWriting:
	def test_the_second_run_changes_nothing(self) -> None:
		customers = [customer_with_order(days=days) for days in (1, 200, 400)] + [make.make_customer().name]
		before = frappe.get_all("Customer", fields=["name", "modified", "modified_by"], order_by="name")
		first = recompute(AS_OF)
		assert (first.changed, first.events) == (4, 3 * 3 + 1)
		fields = [computed(name) for name in customers]
		second = recompute(AS_OF)
		assert (second.changed, second.events) == (0, 0)
		assert [computed(name) for name in customers] == fields
		assert before == frappe.get_all(
			"Customer", fields=["name", "modified", "modified_by"], order_by="name"
		)

	def test_a_run_touches_no_schema(self, monkeypatch: pytest.MonkeyPatch) -> None:
		"""The framework would commit before it, and log it as a change that somebody made amid writes."""
		customer = customer_with_order()
		monkeypatch.setattr(frappe.db, "sql_ddl", lambda query, *_more: pytest.fail(query))
		assert recompute(AS_OF).changed == 1
		assert computed(customer).customer_tier == "D"

	def test_a_run_counts_only_rows_that_changed(self) -> None:
		quiet, busy = customer_with_order(days=300), customer_with_order(days=200)
		recompute(AS_OF)
		make.make_invoice(busy, 500, ago(0))
		summary = recompute(AS_OF, customers=[quiet, busy])
		assert (summary.customers, summary.changed) == (2, 1)
		assert len(events(quiet)) == 3
		assert {event.decision for event in events(busy, run=summary.run)} >= {"Stage"}

	def test_a_run_says_what_it_did(self) -> None:
		customer_with_order(600000)
		customer_with_order(100)
		make.make_customer()
		summary = recompute(AS_OF)
		run = frappe.get_doc("Tiering Run", summary.run)
		assert (run.status, run.baseline, run.customers, run.changed) == ("Completed", 1, 3, 3)
		assert run.events == summary.events == frappe.db.count("Tiering Event", {"run": run.name})
		assert run.rule_version == summary.rule_version
		assert json.loads(run.policy)["reporting_currency"] == "USD"
		assert run.as_of == AS_OF and run.finished_at >= run.started_at
		assert summary.tiers == {"A": 1, "D": 1}
		assert summary.stages == {"First Purchase": 1, "High Value": 1, "Lead": 1}

	def test_a_dry_run_writes_nothing_and_finds_what_a_run_finds(self) -> None:
		for days in (1, 200, 400):
			customer_with_order(days=days)
		before = checksums(*WRITTEN)
		dry = recompute(AS_OF, dry_run=True).as_dict()
		assert checksums(*WRITTEN) == before
		real = recompute(AS_OF).as_dict()
		assert checksums(*WRITTEN) != before
		assert {**dry, "run": real["run"]} == real
		later = AS_OF + timedelta(days=200)
		assert {**recompute(later, dry_run=True).as_dict(), "run": None} == {
			**recompute(later).as_dict(),
			"run": None,
		}

	def test_another_day_is_refused_except_on_a_site_for_tests_or_demo(
		self, monkeypatch: pytest.MonkeyPatch
	) -> None:
		customer_with_order()
		monkeypatch.setitem(frappe.conf, "allow_tests", 0)
		before = checksums(*WRITTEN)
		with pytest.raises(frappe.ValidationError, match="only as of today"):
			recompute(AS_OF)
		assert checksums(*WRITTEN) == before
		assert recompute(AS_OF, dry_run=True).changed == 1
		assert recompute(getdate()).changed == 1
		monkeypatch.setitem(frappe.conf, "customer_tiering_demo", 1)
		assert recompute(AS_OF).as_of == AS_OF

	def test_what_breaks_a_run_is_kept_on_it(self, monkeypatch: pytest.MonkeyPatch) -> None:
		customer = customer_with_order()
		monkeypatch.setattr(frappe.db, "rollback", lambda **_: None)  # would take our customer with it
		monkeypatch.setattr(
			"customer_tiering.tiering.store._insert_events", lambda *_: frappe.throw("No room left")
		)
		with pytest.raises(frappe.ValidationError, match="No room left"):
			recompute(AS_OF)
		run = frappe.get_last_doc("Tiering Run")
		assert run.status == "Failed" and "No room left" in run.error
		monkeypatch.undo()
		summary = recompute(AS_OF)
		assert summary.baseline
		assert computed(customer).customer_tier == "D"

	def test_what_fails_again_and_again_stands_there_once(self, monkeypatch: pytest.MonkeyPatch) -> None:
		"""With its last time; a run that failed after it had written something stays."""
		monkeypatch.setattr(frappe.db, "rollback", lambda **_: None)  # would take our rules with it
		frappe.db.set_value("Lifecycle Stage", "First Purchase", "min_orders", 2)
		failed = []
		for number in range(3):
			with pytest.raises(frappe.ValidationError, match="takes every customer"):
				recompute()
			failed.append(frappe.get_last_doc("Tiering Run").name)
			if not number:
				event = {"name": "EVENT", "run": failed[0], "customer": "Somebody"}
				frappe.get_doc(doctype="Tiering Event", **event).db_insert()
		left = frappe.get_all("Tiering Run", {"status": "Failed"}, pluck="name", order_by="name")
		assert left == [failed[0], failed[2]]

	def test_tier_since_moves_only_with_the_tier(self) -> None:
		customer = customer_with_order(100, days=10)
		recompute(AS_OF)
		assert computed(customer).tier_since == AS_OF
		make.make_invoice(customer, 100, NEXT_DAY)
		recompute(NEXT_DAY)
		assert computed(customer).annual_value == 200
		assert computed(customer).tier_since == AS_OF
		make.make_invoice(customer, 40000, NEXT_DAY)
		recompute(AS_OF + timedelta(days=2))
		assert (computed(customer).customer_tier, computed(customer).tier_since) == (
			"C",
			AS_OF + timedelta(days=2),
		)

	def test_the_rule_version_follows_the_settings(self) -> None:
		customer_with_order()
		first = recompute(AS_OF).rule_version
		assert recompute(AS_OF).rule_version == first
		tier = frappe.get_doc("Customer Tier", "A")
		tier.benefits = "Lunch"
		tier.save()
		assert recompute(AS_OF).rule_version == first
		for doctype, name, field, value in (
			("Tiering Settings", "Tiering Settings", "window_months", 6),
			("Customer Tier", "B", "entry_value", 90000),
			("Lifecycle Stage", "Dormant", "min_days_since_order", 150),
			("RFM Segment", "Important Value", "segment_name", None),
		):
			if value is None:
				frappe.rename_doc(doctype, name, "The Best")
			else:
				doc = frappe.get_doc(doctype, name)
				doc.set(field, value)
				doc.save()
			version = recompute(AS_OF).rule_version
			assert version != first, f"{doctype} {field} is no part of the rules"
			first = version


@pytest.mark.usefixtures("new_site")
class TestLedger:
	def test_the_first_run_is_a_baseline_and_fires_nothing(self) -> None:
		customers = [customer_with_order(days=days) for days in (1, 200, 400)]
		assert recompute(AS_OF).baseline
		rows = [event for name in customers for event in events(name)]
		assert {event.cause for event in rows} == {"Baseline"}
		assert {event.old_value for event in rows} == {None}
		assert not recompute(NEXT_DAY).baseline

	def test_a_run_before_the_first_customer_is_no_baseline(self) -> None:
		recompute(AS_OF)
		customer_with_order()
		assert recompute(AS_OF).baseline

	def test_time_order_and_override_are_told_apart(self) -> None:
		sleeper, buyer = customer_with_order(days=179), customer_with_order(days=179)
		chosen = customer_with_order(days=1)
		recompute(AS_OF)
		make.make_invoice(buyer, 100, NEXT_DAY)
		doc = frappe.get_doc("Customer", chosen)
		doc.update(
			{"tier_override": "A", "tier_override_until": "2099-12-31", "tier_override_reason": "Promised"}
		)
		doc.save()
		run = recompute(NEXT_DAY).run
		(stage,) = events(sleeper, decision="Stage", run=run)
		assert (stage.old_value, stage.new_value, stage.cause) == ("First Purchase", "Dormant", "Time")
		assert stage.signal == "Became Dormant"
		(stage,) = events(buyer, decision="Stage", run=run)
		assert (stage.new_value, stage.cause) == ("Repeat", "Order")
		(tier,) = events(chosen, decision="Tier", run=run)
		assert (tier.old_value, tier.new_value, tier.cause) == ("D", "A", "Override")

	def test_a_changed_rule_causes_policy_events_that_fire_nothing(self) -> None:
		from customer_tiering.tiering.signals import FIRING_CAUSES

		customer = customer_with_order(100000, days=150)
		recompute(AS_OF)
		set_dormant_after(140)
		tier = frappe.get_doc("Customer Tier", "B")
		tier.entry_value = 100000.01
		tier.save()
		run = recompute(AS_OF).run
		rows = {event.decision: event for event in events(customer, run=run)}
		assert (rows["Tier"].new_value, rows["Stage"].new_value) == ("C", "Dormant")
		assert {event.cause for event in rows.values()} == {"Policy"}
		assert "Policy" not in FIRING_CAUSES
		later = recompute(NEXT_DAY)
		assert not events(customer, run=later.run)

	def test_out_of_dormant_and_in_again_by_rules_is_one_signal(self) -> None:
		customer = customer_with_order(days=179)
		recompute(AS_OF)
		recompute(NEXT_DAY)
		set_dormant_after(300)
		recompute(NEXT_DAY)
		assert computed(customer).lifecycle_stage == "First Purchase"
		set_dormant_after(180)
		recompute(NEXT_DAY)
		assert computed(customer).lifecycle_stage == "Dormant"
		assert signals(customer, cause=("in", ("Order", "Time"))) == ["Became Dormant"]
		assert signals(customer, signal="Became Dormant") == ["Became Dormant"]

	def test_an_order_that_is_undone_does_not_fire_the_same_sleep_twice(self) -> None:
		customer = customer_with_order(days=179)
		recompute(AS_OF)
		recompute(NEXT_DAY)
		invoice = make.make_invoice(customer, 100, NEXT_DAY)
		recompute(NEXT_DAY)
		assert signals(customer)[-1] == "Won Back"
		invoice.reload()
		invoice.cancel()
		recompute(NEXT_DAY)
		assert computed(customer).lifecycle_stage == "Dormant"
		assert signals(customer, signal="Became Dormant") == ["Became Dormant"]

	def test_a_life_in_signals(self) -> None:
		customer = make.make_customer().name
		recompute(AS_OF)
		make.make_invoice(customer, 100, NEXT_DAY)
		for days in (1, 181, 366):
			recompute(AS_OF + timedelta(days=days))
		make.make_invoice(customer, 100, AS_OF + timedelta(days=370))
		for days in (370, 371):
			recompute(AS_OF + timedelta(days=days))
		fired = [
			(event.signal, event.signal_key.rsplit("|", 1)[1], event.cause)
			for event in events(customer, decision="Stage")
			if event.signal
		]
		first, second = str(NEXT_DAY), str(AS_OF + timedelta(days=370))
		assert fired == [
			("First Order", first, "Order"),
			("Became Dormant", first, "Time"),
			("Became Lost", first, "Time"),
			("Won Back", second, "Order"),
		]

	def test_tier_up_is_not_repeated_within_90_days(self) -> None:
		customer = customer_with_order(100, days=1)
		recompute(AS_OF)
		for days in (1, 3, 100):
			invoice = make.make_invoice(customer, 40000, AS_OF + timedelta(days=days))
			recompute(AS_OF + timedelta(days=days))
			assert computed(customer).customer_tier == "C"
			make.make_return(invoice, AS_OF + timedelta(days=days + 1))
			recompute(AS_OF + timedelta(days=days + 1))
			assert computed(customer).customer_tier == "D"
		ups = events(customer, signal="Tier Up", decision="Tier")
		assert [event.as_of for event in ups] == [NEXT_DAY, AS_OF + timedelta(days=100)]
		assert len(events(customer, decision="Tier", new_value="C")) == 3

	def test_no_signal_is_written_twice(self) -> None:
		customers = [customer_with_order(amount, days=170) for amount in (10, 40000)]
		recompute(AS_OF)
		for days in (10, 10, 200, 200, 400):
			recompute(AS_OF + timedelta(days=days))
		keys = [event.signal_key for name in customers for event in events(name) if event.signal_key]
		assert len(keys) == len(set(keys)) > 4

	def test_an_event_cannot_be_changed(self) -> None:
		customer_with_order()
		recompute(AS_OF)
		event = frappe.get_last_doc("Tiering Event")
		event.cause = "Time"
		with pytest.raises(frappe.ValidationError, match="can't be changed"):
			event.save(ignore_permissions=True)

	def test_an_override_wins_and_ends_by_itself(self) -> None:
		customer = customer_with_order(100)
		last_day = getdate()
		doc = frappe.get_doc("Customer", customer)
		doc.update(
			{"tier_override": "A", "tier_override_until": last_day, "tier_override_reason": "Promised"}
		)
		doc.save()
		recompute(last_day)
		assert computed(customer).customer_tier == "A"
		assert computed(customer).lifecycle_stage == "High Value"
		recompute(last_day + timedelta(days=1))
		assert computed(customer).customer_tier == "D"


def set_dormant_after(days: int) -> None:
	stage = frappe.get_doc("Lifecycle Stage", "Dormant")
	stage.min_days_since_order = days
	stage.save()


# From here on other processes take part, so everything is committed and removed again.

POPULATION = 3000
FIRST_DAY, SECOND_DAY = date(2020, 6, 30), date(2020, 12, 31)
MARK = "Crowd"


@pytest.fixture(scope="module")
def crowd_on_site(site: str) -> Iterator[None]:
	"""Customers with orders of the years before FIRST_DAY, the only ones who aren't disabled."""
	others = frappe.get_all("Customer", filters={"disabled": 0}, pluck="name")
	frappe.db.sql("UPDATE tabCustomer SET disabled = 1 WHERE disabled = 0")
	insert_crowd()
	frappe.db.commit()
	yield
	frappe.db.rollback()
	for doctype, field in (("Sales Invoice", "customer"), ("Customer", "name")):
		frappe.db.delete(doctype, {field: ("like", f"{MARK} %")})
	forget_runs()
	for name in others:
		frappe.db.set_value("Customer", name, "disabled", 0, update_modified=False)
	frappe.db.commit()


@pytest.fixture
def crowd(crowd_on_site: None) -> None:
	undecided()


def insert_crowd() -> None:
	past = "2020-06-30 00:00:00"
	customers, invoices = [], []
	for number in range(POPULATION):
		name = f"{MARK} {number:05d}"
		customers.append((name, past, past, "Administrator", "Administrator", name, "Company"))
		for order in range(max(number % 5 - 2, 0)):
			day = FIRST_DAY - timedelta(days=(number * 7 + order * 97) % 500)
			amount = (number * 37 + order * 11) % 1000 * 700
			key = f"{MARK}-{number:05d}-{order}"
			invoices.append((key, past, past, name, make.ensure_company(), day, 1, "No", amount))
	frappe.db.bulk_insert(
		"Customer",
		["name", "creation", "modified", "owner", "modified_by", "customer_name", "customer_type"],
		customers,
	)
	frappe.db.bulk_insert(
		"Sales Invoice",
		[
			"name",
			"creation",
			"modified",
			"customer",
			"company",
			"posting_date",
			"docstatus",
			"is_opening",
			"base_net_total",
		],
		invoices,
	)


def forget_runs() -> None:
	frappe.db.delete("Tiering Event")
	frappe.db.delete("Tiering Run")


def undecided() -> None:
	"""The crowd as it was before the first run."""
	frappe.db.rollback()
	forget_runs()
	fields = {field: None for field in make.COMPUTED} | dict.fromkeys(
		("annual_value", "annual_orders", "loyalty_points"), 0
	)
	frappe.db.set_value("Customer", {"name": ("like", f"{MARK} %")}, fields, update_modified=False)
	frappe.db.commit()


def outcome() -> tuple[list, list]:
	"""What stands on the customers and in the ledger, but for the names of runs."""
	frappe.db.rollback()
	fields = ["name", "modified", *make.COMPUTED]
	ledger = ["customer", "decision", "old_value", "new_value", "cause", "signal", "signal_key", "as_of"]
	return (
		frappe.get_all("Customer", {"name": ("like", f"{MARK} %")}, fields, order_by="name", as_list=True),
		frappe.get_all(
			"Tiering Event", {}, ledger, order_by="customer, decision, as_of, new_value", as_list=True
		),
	)


def assert_nothing_doubled() -> None:
	doubled = frappe.db.sql(
		"""SELECT customer, decision, new_value, as_of, COUNT(*) FROM `tabTiering Event`
		GROUP BY customer, decision, new_value, as_of HAVING COUNT(*) > 1"""
	)
	assert not doubled


# Runs in a process of its own and kills it: at the COUNT-th call of STEP, before or after it was done.
KILLED_RUN = """
import os, signal, sys
from datetime import date
import frappe

site, as_of, step, when, count = sys.argv[1:]
frappe.init(site=site)
frappe.connect()
from customer_tiering.tiering import store
from customer_tiering.tiering.recompute import recompute

store.CHUNK = 400
owner = frappe.db if step == "commit" else store
real, calls = getattr(owner, step), 0

def step_or_die(*args, **kwargs):
	global calls
	if writing:
		calls += 1
	if when == "before" and calls == int(count):
		os.kill(os.getpid(), signal.SIGKILL)
	result = real(*args, **kwargs)
	if when == "after" and calls == int(count):
		os.kill(os.getpid(), signal.SIGKILL)
	return result

writing = False
opened = store._open_buffer
def open_buffer():
	global writing
	opened()
	writing = True
store._open_buffer = open_buffer
setattr(owner, step, step_or_die)
recompute(as_of=date.fromisoformat(as_of))
"""


def killed_run(site: str, as_of: date, step: str, when: str, count: int) -> None:
	frappe.db.commit()
	command = [sys.executable, "-c", KILLED_RUN, site, str(as_of), step, when, str(count)]
	done = subprocess.run(command, capture_output=True, text=True, timeout=120)
	assert done.returncode == -signal.SIGKILL, done.stderr
	frappe.db.rollback()
	wait_until_dead()


def wait_until_dead() -> None:
	"""The database server notices a moment later that the one who held the lock is gone."""
	from customer_tiering.tiering.recompute import LOCK

	lock = f"{frappe.conf.db_name}.{LOCK}"[-64:]
	end = time.monotonic() + 30
	while not frappe.db.sql("SELECT IS_FREE_LOCK(%s)", lock)[0][0]:
		assert time.monotonic() < end, "the lock of a dead run is still held"
		time.sleep(0.02)


def start_bench(site: str, *arguments: str) -> subprocess.Popen:
	command = [sys.executable, "-m", "frappe.utils.bench_helper", "frappe", "--site", site, *arguments]
	return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_a_run_that_is_killed_anywhere_can_be_run_again(site: str, crowd: None) -> None:
	recompute(FIRST_DAY)
	recompute(SECOND_DAY)
	twin = outcome()
	assert_nothing_doubled()
	assert {row[4] for row in twin[1]} == {"Baseline", "Time"}
	for as_of, step, when, count in (
		(FIRST_DAY, "commit", "after", 3),
		(SECOND_DAY, "_update_customers", "after", 2),
		(SECOND_DAY, "_insert_events", "after", 3),
		(SECOND_DAY, "commit", "after", 1),
	):
		undecided()
		if as_of == SECOND_DAY:
			recompute(FIRST_DAY)
		killed_run(site, as_of, step, when, count)
		assert outcome() != twin
		dead = frappe.get_last_doc("Tiering Run")
		assert dead.status == "Running"
		if as_of == FIRST_DAY:
			assert recompute(FIRST_DAY).baseline
		recompute(SECOND_DAY)
		assert outcome() == twin, (as_of, step, when, count)
		assert_nothing_doubled()
		assert frappe.db.get_value("Tiering Run", dead.name, "status") == "Interrupted"
		assert recompute(SECOND_DAY).changed == 0


def test_a_command_that_is_killed_while_it_writes(site: str, crowd: None) -> None:
	recompute(FIRST_DAY)
	twin = outcome()
	undecided()
	process = start_bench(site, "tiering", "recompute", "--full", "--yes", "--as-of", str(FIRST_DAY))
	while process.poll() is None:
		frappe.db.rollback()
		if frappe.db.count("Tiering Event"):
			process.kill()
			break
		time.sleep(0.002)
	process.communicate()
	wait_until_dead()
	recompute(FIRST_DAY)
	assert outcome() == twin
	assert_nothing_doubled()


def test_two_runs_at_once(site: str, crowd: None) -> None:
	recompute(FIRST_DAY)
	twin = outcome()
	undecided()
	command = ("tiering", "recompute", "--yes", "--as-of", str(FIRST_DAY), "--json")
	both = [start_bench(site, *command) for _ in range(2)]
	ends = [(*process.communicate(timeout=120), process.returncode) for process in both]
	assert sorted(code for *_, code in ends) in ([0, 0], [0, 1]), ends
	for _, error, code in ends:
		assert code == 0 or "Another recompute is running" in error
	assert outcome() == twin
	assert_nothing_doubled()
	runs = frappe.get_all("Tiering Run", pluck="status")
	assert runs == ["Completed"] * sum(code == 0 for *_, code in ends)


def test_a_run_refuses_in_one_sentence_while_another_holds_the_lock(
	crowd: None, bench_command: Callable
) -> None:
	from customer_tiering.tiering.recompute import _only_run

	before = outcome()
	with _only_run():
		refused = bench_command("tiering", "recompute", "--yes", "--as-of", str(FIRST_DAY))
		dry = bench_command("tiering", "recompute", "--as-of", str(FIRST_DAY), "--dry-run", "--json")
	assert refused.returncode == 1
	assert one_sentence(refused.stderr).startswith("Error: Another recompute is running.")
	assert "Traceback" not in refused.stdout + refused.stderr
	assert dry.returncode == 0 and json.loads(dry.stdout)["changed"] == POPULATION
	assert outcome() == before
	assert not frappe.db.count("Tiering Run")


def test_the_command_says_what_it_did(crowd: None, bench_command: Callable) -> None:
	dry = bench_command("tiering", "recompute", "--as-of", str(FIRST_DAY), "--dry-run", "--json")
	assert dry.returncode == 0, dry.stderr
	assert not frappe.db.count("Tiering Event") and not frappe.db.count("Tiering Run")
	unasked = bench_command("tiering", "recompute", "--as-of", str(FIRST_DAY))
	assert unasked.returncode == 1 and "--yes" in one_sentence(unasked.stderr)
	assert not frappe.db.count("Tiering Event") and not frappe.db.count("Tiering Run")
	real = bench_command("tiering", "recompute", "--yes", "--as-of", str(FIRST_DAY), "--json")
	assert real.returncode == 0, real.stderr
	found = json.loads(real.stdout)
	assert {**json.loads(dry.stdout), "run": found["run"]} == found
	assert found["customers"] == found["changed"] == POPULATION
	assert found["as_of"] == str(FIRST_DAY)
	assert frappe.db.count("Tiering Event", {"run": found["run"]}) == found["events"]
	again = bench_command("tiering", "recompute", "--full", "--as-of", str(FIRST_DAY))
	assert again.returncode == 0
	assert f"{POPULATION} customers, 0 changed, 0 events" in again.stdout


@pytest.mark.parametrize("day", ["yesterday", "2026-02-30"])
def test_a_bad_day_is_refused(bench_command: Callable, day: str) -> None:
	runs = frappe.db.count("Tiering Run")
	refused = bench_command("tiering", "recompute", "--as-of", day)
	assert refused.returncode not in (0, None)
	assert day in refused.stderr and "Traceback" not in refused.stderr
	assert frappe.db.count("Tiering Run") == runs


def one_sentence(text: str) -> str:
	"""What is left without the warnings that other people's packages print."""
	lines = [line for line in text.strip().splitlines() if line.startswith("Error")]
	assert len(lines) == 1, text
	return lines[0]
