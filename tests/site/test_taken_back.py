"""What a signal that is taken back takes with it: the change that it told of, and nothing else."""

from collections.abc import Iterator
from datetime import date, timedelta

import frappe
import pytest
from frappe.utils import getdate

from tests.site import factories as make
from tests.site.factories import computed, days_ago, events, recompute


@pytest.fixture(autouse=True)
def new_site(site: str) -> Iterator[None]:
	with make.uncommitted():
		make.as_if_new()
		yield


def night(as_of: date | None = None) -> None:
	recompute(as_of, full=False)


def customer_with(amount: float, day: date | None = None) -> str:
	customer = make.make_customer().name
	make.make_invoice(customer, amount, day)
	return customer


def put_under(member: str, head: str | None) -> None:
	frappe.get_doc("Customer", member).update({"rolls_up_to": head}).save()


def grace(tier: str, days: int) -> None:
	frappe.get_doc("Customer Tier", tier).update({"grace_days": days}).save()


def settings(**values: object) -> None:
	frappe.get_single("Tiering Settings").update(values).save()


def heard(customer: str, signal: str) -> list[tuple]:
	return [(row.decision, row.new_value) for row in events(customer, signal=signal)]


def last_tier(customer: str) -> tuple:
	event = events(customer, decision="Tier")[-1]
	return event.old_value, event.new_value, event.cause, event.signal


class TestGroups:
	@pytest.fixture
	def head(self) -> str:
		"""Went up with a member that left the group again."""
		head, member = customer_with(40_000), customer_with(50_000)
		put_under(member, head)
		recompute()
		make.make_invoice(member, 15_000)
		night()
		assert last_tier(head) == ("C", "B", "Order", "Tier Up")
		put_under(member, None)
		night()
		assert last_tier(head) == ("B", "C", "Edit", None)
		return head

	def test_who_leaves_takes_no_signal_along(self, head: str) -> None:
		make.make_invoice(head, 1)
		night()
		assert heard(head, "Tier Up") == [("Tier", "B")]

	def test_new_money_is_heard(self, head: str) -> None:
		make.make_invoice(head, 500_000)
		night()
		assert last_tier(head) == ("C", "A", "Order", "Tier Up")

	def test_who_comes_in_takes_no_signal_back(self) -> None:
		member = customer_with(100_000, days_ago(364))
		make.make_invoice(member, 40_000, days_ago(10))
		head = customer_with(200_000, days_ago(20))
		recompute()
		tomorrow = getdate() + timedelta(days=1)
		night(tomorrow)
		assert last_tier(member) == ("B", "C", "Time", "Tier Down")
		put_under(member, head)
		night(tomorrow)
		make.make_invoice(member, 1)
		night(tomorrow)
		assert heard(member, "Tier Down") == [("Tier", "C")]


class TestAgain:
	def test_after_a_grace(self) -> None:
		grace("B", 30)
		customer = customer_with(100)
		recompute()
		invoice = make.make_invoice(customer, 100_000)
		night()
		invoice.reload()
		invoice.cancel()
		night()
		assert last_tier(customer) == ("B", "D", "Order", None)
		make.make_invoice(customer, 120_000)
		night()
		assert last_tier(customer) == ("D", "B", "Order", "Tier Up")
		assert computed(customer).tier_since == getdate()

	def test_no_tier_down_when_the_grace_is_over(self) -> None:
		grace("B", 30)
		customer = customer_with(100)
		recompute()
		invoice = make.make_invoice(customer, 100_000)
		night()
		invoice.cancel()
		for days in (1, 31, 40):
			night(getdate() + timedelta(days=days))
		assert computed(customer).customer_tier == "D"
		assert heard(customer, "Tier Down") == []

	def test_a_group_goes_back_as_one(self) -> None:
		grace("B", 30)
		head, member = customer_with(100), customer_with(100)
		put_under(member, head)
		recompute()
		invoice = make.make_invoice(member, 100_000)
		night()
		invoice.cancel()
		night()
		assert [last_tier(name) for name in (head, member)] == [("B", "D", "Order", None)] * 2

	def test_the_tier_before_keeps_its_own_grace(self) -> None:
		grace("C", 30)
		customer = customer_with(100)
		old = make.make_invoice(customer, 40_000)
		recompute()
		new = make.make_invoice(customer, 100_000)
		night()
		for invoice in (old, new):
			invoice.cancel()
		night()
		assert last_tier(customer) == ("B", "C", "Order", None)
		night(getdate() + timedelta(days=30))
		assert last_tier(customer) == ("C", "D", "Time", "Tier Down")

	def test_won_back_in_spite_of_a_visit(self) -> None:
		customer = customer_with(100, days_ago(200))
		recompute(days_ago(10))
		assert computed(customer).lifecycle_stage == "Dormant"
		make.make_communication("Customer", customer, days_ago(5))
		invoice = make.make_invoice(customer, 50)
		night()
		assert heard(customer, "Won Back") == [("Stage", "Repeat")]
		invoice.cancel()
		night()
		assert computed(customer).lifecycle_stage == "Dormant"
		assert heard(customer, "Became Dormant") == []
		amended = frappe.copy_doc(invoice)
		amended.update({"amended_from": invoice.name, "docstatus": 0, "set_posting_time": 1})
		amended.insert().submit()
		night()
		assert heard(customer, "Won Back") == [("Stage", "Repeat"), ("Void", None), ("Stage", "Repeat")]

	def test_a_lower_amount_at_once(self) -> None:
		customer = customer_with(100)
		recompute()
		invoice = make.make_invoice(customer, 500_000)
		night()
		make.amend(invoice, 150_000)
		night()
		assert heard(customer, "Tier Up") == [("Tier", "A"), ("Tier", "B"), ("Void", None)]

	def test_as_often_as_it_takes(self) -> None:
		customer = customer_with(100)
		recompute()
		for _time in range(7):
			invoice = make.make_invoice(customer, 500_000)
			night()
			invoice.cancel()
			night()
		assert heard(customer, "Tier Up") == [("Tier", "A"), ("Void", None)] * 7

	def test_a_whale_whose_return_was_cancelled(self) -> None:
		small = [customer_with(10) for _ in range(3)]
		recompute()
		whale = make.make_invoice(small[0], 1000)
		night()
		credit = make.make_return(whale)
		night()
		credit.cancel()
		night()
		make.make_invoice(small[0], 10)
		night()
		assert heard(small[0], "Whale Order") == [("Signal", None), ("Void", None), ("Signal", None)]


class TestTheWayBack:
	@pytest.fixture
	def fallen(self) -> str:
		customer = customer_with(100_000, days_ago(363))
		make.make_invoice(customer, 40_000, days_ago(10))
		recompute(days_ago(1))
		night(getdate() + timedelta(days=2))
		assert last_tier(customer) == ("B", "C", "Time", "Tier Down")
		return customer

	@pytest.mark.parametrize(
		("dated_back", "told"),
		[(60_000, ("C", "B", "Order", None)), (460_000, ("C", "A", "Order", "Tier Up"))],
	)
	def test_up_to_the_old_tier_is_no_news(self, fallen: str, dated_back: float, told: tuple) -> None:
		make.make_invoice(fallen, dated_back, days_ago(5))
		night(getdate() + timedelta(days=2))
		assert heard(fallen, "Tier Down") == [("Tier", "C"), ("Void", None)]
		assert last_tier(fallen) == told

	def test_who_never_slept_is_not_won_back(self) -> None:
		customer = customer_with(100, days_ago(179))
		recompute()
		tomorrow = getdate() + timedelta(days=1)
		night(tomorrow)
		make.make_invoice(customer, 100, days_ago(20))
		night(tomorrow)
		assert heard(customer, "Became Dormant") == [("Stage", "Dormant"), ("Void", None)]
		assert heard(customer, "Won Back") == []


class TestOfTheMonth:
	def test_an_upsell_whose_order_is_cancelled(self) -> None:
		settings(upsell_value=10_000)
		customer = customer_with(100)
		recompute()
		invoice = make.make_invoice(customer, 10_000)
		night()
		assert heard(customer, "Upsell Ready") == [("Signal", None)]
		invoice.cancel()
		night()
		assert heard(customer, "Upsell Ready") == [("Signal", None), ("Void", None)]

	def test_a_decline_that_an_order_dated_back_fills(self) -> None:
		customer = make.make_customer().name
		settings(decline_percent=20, decline_months=3)
		month = getdate().replace(day=1)
		for amount in (300, 500, 700, 1000):
			month = (month - timedelta(days=1)).replace(day=1)
			make.make_invoice(customer, amount, month)
		last_month = (getdate().replace(day=1) - timedelta(days=1)).replace(day=1)
		recompute(last_month)
		night()
		assert heard(customer, "Declining") == [("Signal", None)]
		make.make_invoice(customer, 5000, last_month)
		night()
		assert heard(customer, "Declining") == [("Signal", None), ("Void", None)]
