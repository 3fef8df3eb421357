"""Signals in the ledger: once a period, never at the first run or after a changed rule, and taken back when their cause is gone."""

from collections.abc import Iterator
from datetime import timedelta

import frappe
import pytest
from frappe.utils import getdate

from customer_tiering.follow_up.create import create_follow_ups
from customer_tiering.follow_up.withdraw import withdraw_follow_ups
from tests.site import factories as make
from tests.site.factories import days_ago, events, recompute


@pytest.fixture(autouse=True)
def new_site(site: str) -> Iterator[None]:
	with make.uncommitted():
		make.as_if_new()
		yield


def fired(customer: str, signal: str) -> list[tuple]:
	return [(row.decision, row.cause) for row in events(customer, signal=signal)]


def settings(**values: object) -> None:
	frappe.get_single("Tiering Settings").update(values).save()


def sleeper() -> str:
	"""A customer who orders every ten days and has been away for a while."""
	customer = make.make_customer().name
	for days in (60, 50, 40):
		make.make_invoice(customer, 100, days_ago(days))
	return customer


class TestConditions:
	def test_the_first_run_notes_what_holds_and_fires_nothing(self) -> None:
		customer = sleeper()
		recompute()
		assert fired(customer, "Sleep Warning") == [("Signal", "Baseline")]
		recompute(getdate() + timedelta(days=1))
		assert len(fired(customer, "Sleep Warning")) == 1

	def test_time_fires_it_once(self) -> None:
		customer = sleeper()
		recompute(days_ago(15))
		assert fired(customer, "Sleep Warning") == []
		for days in (10, 9, 5):
			recompute(days_ago(days), full=False)
		assert fired(customer, "Sleep Warning") == [("Signal", "Time")]

	def test_a_changed_rule_uses_the_period_up(self) -> None:
		customer = sleeper()
		settings(sleep_factor=50)
		recompute()
		settings(sleep_factor=1.5)
		recompute()
		assert fired(customer, "Sleep Warning") == [("Signal", "Policy")]
		recompute(getdate() + timedelta(days=1))
		assert len(fired(customer, "Sleep Warning")) == 1

	def test_a_whale_comes_with_its_order(self) -> None:
		small = [make.make_invoice(make.make_customer().name, 10, days_ago(5)) for _ in range(3)]
		recompute()
		whale = make.make_invoice(small[0].customer, 1000)
		recompute(full=False)
		(event,) = [row for row in events(small[0].customer) if row.signal == "Whale Order"]
		assert (event.cause, event.signal_key.endswith(whale.name)) == ("Order", True)

	def test_an_upsell_in_the_month_after_again(self) -> None:
		settings(upsell_value=500)
		customer = make.make_customer().name
		recompute()
		make.make_invoice(customer, 600)
		recompute(full=False)
		assert fired(customer, "Upsell Ready") == [("Signal", "Order")]
		next_month = (getdate().replace(day=1) + timedelta(days=32)).replace(day=1)
		recompute(next_month, full=False)
		assert fired(customer, "Upsell Ready") == [("Signal", "Order"), ("Signal", "Time")]

	def test_a_key_date(self) -> None:
		customer = make.make_customer(
			key_date_birthday=(getdate() + timedelta(days=20)).replace(year=1990)
		).name
		recompute()
		assert fired(customer, "Key Date") == []
		review = frappe.db.get_value("Customer", customer, "tiering_review_on")
		assert review <= getdate() + timedelta(days=13)
		recompute(getdate() + timedelta(days=13), full=False)
		assert fired(customer, "Key Date") == [("Signal", "Time")]


class TestVoids:
	@pytest.fixture
	def rule(self) -> str:
		rule = frappe.get_doc(
			doctype="Follow Up Rule",
			rule_name="Large",
			signal="Tier Up",
			description="Thank {{ customer.customer_name }}",
			enabled=1,
		)
		return rule.insert().name

	def test_a_cancelled_order_takes_its_follow_up_back(self, rule: str) -> None:
		customer = make.make_customer().name
		make.make_invoice(customer, 50_000)
		recompute()
		invoice = make.make_invoice(customer, 500_000)
		recompute(full=False)
		assert fired(customer, "Tier Up") == [("Tier", "Order")]
		create_follow_ups()
		(todo,) = frappe.get_all("ToDo", {"follow_up_rule": rule, "reference_name": customer}, pluck="name")
		invoice.cancel()
		recompute(full=False)
		assert ("Void", "Order") in fired(customer, "Tier Up")
		assert withdraw_follow_ups() == 1
		assert frappe.db.get_value("ToDo", todo, "status") == "Cancelled"
		assert withdraw_follow_ups() == 0
		recompute(full=False)
		assert fired(customer, "Tier Up").count(("Void", "Order")) == 1

	def test_an_order_that_is_amended_brings_its_follow_up_again(self, rule: str) -> None:
		customer = make.make_customer().name
		make.make_invoice(customer, 50_000)
		recompute()
		invoice = make.make_invoice(customer, 500_000)
		recompute(full=False)
		create_follow_ups()
		amended = make.amend(invoice, 600_000)
		recompute(full=False)
		assert fired(customer, "Tier Up") == [
			("Tier", "Order")
		]  # cancelled and amended at once changes nothing
		amended.cancel()
		recompute(full=False)
		withdraw_follow_ups()
		assert "Tier Down" not in make.signals(customer)
		make.make_invoice(customer, 700_000)
		recompute(full=False)
		create_follow_ups()
		todos = frappe.get_all("ToDo", {"follow_up_rule": rule, "reference_name": customer}, pluck="status")
		assert sorted(todos) == ["Cancelled", "Open"]

	def test_a_changed_rule_takes_nothing_back(self) -> None:
		customer = make.make_customer().name
		make.make_invoice(customer, 50_000)
		recompute()
		make.make_invoice(customer, 470_000)
		recompute(full=False)
		frappe.get_doc("Customer Tier", "A").update({"entry_value": 600_000}).save()
		recompute()
		make.make_invoice(customer, 1)
		recompute(full=False)
		assert ("Void", "Order") not in fired(customer, "Tier Up")

	def test_a_group_goes_up_and_is_taken_back_together(self) -> None:
		head, member = make.make_customer().name, make.make_customer().name
		for name in (head, member):
			make.make_invoice(name, 100)
		frappe.get_doc("Customer", member).update({"rolls_up_to": head}).save()
		recompute()
		invoice = make.make_invoice(member, 500_000)
		recompute(full=False)
		assert [fired(name, "Tier Up") for name in (head, member)] == [[("Tier", "Order")]] * 2
		invoice.cancel()
		recompute(full=False)
		assert [fired(name, "Tier Up")[-1] for name in (head, member)] == [("Void", "Order")] * 2

	def test_a_promoter_whose_friend_s_order_is_cancelled(self) -> None:
		promoter = make.make_customer().name
		friend = make.make_customer(referred_by=promoter).name
		make.make_invoice(promoter, 100)
		recompute()
		invoices = [make.make_invoice(friend, amount) for amount in (100, 50)]
		recompute(full=False)
		assert fired(promoter, "Super Promoter") == [("Signal", "Order")]
		invoices[1].cancel()
		recompute(full=False)
		assert len(fired(promoter, "Super Promoter")) == 1
		invoices[0].cancel()
		recompute(full=False)
		assert fired(promoter, "Super Promoter") == [("Signal", "Order"), ("Void", "Order")]

	def test_a_promoter_whose_friend_was_another_s(self) -> None:
		promoter = make.make_customer().name
		friend = make.make_customer(referred_by=promoter).name
		make.make_invoice(promoter, 100)
		recompute()
		make.make_invoice(friend, 100)
		recompute(full=False)
		frappe.get_doc("Customer", friend).update({"referred_by": None}).save()
		recompute(full=False)
		assert fired(promoter, "Super Promoter") == [("Signal", "Order"), ("Void", "Edit")]

	def test_a_promoter_stays_one_when_the_signal_is_switched_off(self) -> None:
		promoter = make.make_customer().name
		friend = make.make_customer(referred_by=promoter).name
		make.make_invoice(promoter, 100)
		recompute()
		make.make_invoice(friend, 500)
		recompute(full=False)
		frappe.get_single("Tiering Settings").update({"promoter_percent": 0}).save()
		recompute()
		make.make_invoice(promoter, 10)
		recompute(full=False)
		assert fired(promoter, "Super Promoter") == [("Signal", "Order")]

	def test_what_is_void_before_anybody_acted_starts_nothing(self, rule: str) -> None:
		customer = make.make_customer().name
		make.make_invoice(customer, 50_000)
		recompute()
		invoice = make.make_invoice(customer, 500_000)
		recompute(full=False)
		invoice.cancel()
		recompute(full=False)
		create_follow_ups()
		assert not frappe.db.exists("ToDo", {"follow_up_rule": rule, "reference_name": customer})

	def test_an_order_dated_back_takes_the_sleep_away(self) -> None:
		customer = make.make_customer().name
		make.make_invoice(customer, 100, days_ago(179))
		recompute()
		recompute(getdate() + timedelta(days=1), full=False)
		assert fired(customer, "Became Dormant") == [("Stage", "Time")]
		make.make_invoice(customer, 100, days_ago(20))
		recompute(getdate() + timedelta(days=1), full=False)
		assert fired(customer, "Became Dormant") == [("Stage", "Time"), ("Void", "Order")]

	def test_a_later_order_takes_nothing_away(self) -> None:
		customer = make.make_customer().name
		make.make_invoice(customer, 100, days_ago(200))
		recompute(days_ago(21))
		recompute(days_ago(20), full=False)
		make.make_invoice(customer, 100, getdate())
		recompute(full=False)
		assert [decision for decision, _cause in fired(customer, "Became Dormant")] == ["Stage"]
