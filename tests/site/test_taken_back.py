"""What a signal that is taken back takes with it: the change that it told of, and nothing else."""

from collections.abc import Iterator
from datetime import date, timedelta

import frappe
import pytest
from frappe.utils import getdate

from customer_tiering.tiering.explain import explain
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


def live(customer: str) -> list[tuple]:
	"""The signals that nobody has taken back, with the tier or stage that they brought."""
	rows = events(customer)
	gone = {row.voids for row in rows}
	return [(row.signal, row.new_value) for row in rows if row.signal_key and row.signal_key not in gone]


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
		old = make.make_invoice(customer, 40_000, days_ago(10))
		recompute(days_ago(5))
		new = make.make_invoice(customer, 100_000)
		night()
		new.cancel()
		make.make_return(old)
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


class TestWithoutASignal:
	"""A way up that no signal told of goes back as well when its documents are gone."""

	@pytest.fixture(autouse=True)
	def slow(self) -> None:
		for tier in ("A", "B"):
			frappe.get_doc("Customer Tier", tier).update({"grace_days": 30, "minimum_dwell_days": 60}).save()

	def test_a_first_tier(self) -> None:
		customer = make.make_customer().name
		first = make.make_invoice(customer, 600_000)
		recompute()
		make.make_invoice(customer, 1000)
		night()
		first.cancel()
		night()
		assert last_tier(customer) == ("A", "D", "Order", None)

	def test_a_first_order_amended_before_the_next_run(self) -> None:
		somebody, customer = customer_with(100), make.make_customer().name
		recompute()
		first = make.make_invoice(customer, 600_000)
		night()
		make.amend(first, 60_000)
		night()
		assert last_tier(customer) == ("A", "C", "Order", None)
		assert heard(customer, "First Order") == [("Stage", "High Value")]
		assert computed(somebody).customer_tier == "D"

	def test_a_second_way_up_within_the_quiet_days(self) -> None:
		frappe.get_doc("Customer Tier", "A").update({"grace_days": 0, "minimum_dwell_days": 0}).save()
		customer = customer_with(100_000, days_ago(9))
		recompute(days_ago(9))
		make.make_invoice(customer, 400_000, days_ago(3))
		night(days_ago(3))
		make.make_credit_note(customer, 400_000, days_ago(2))
		night(days_ago(2))
		assert last_tier(customer) == ("A", "B", "Order", "Tier Down")
		frappe.get_doc("Customer Tier", "A").update({"grace_days": 30}).save()
		recompute()
		again = make.make_invoice(customer, 400_000)
		night()
		assert last_tier(customer) == ("B", "A", "Order", None)
		again.cancel()
		night()
		assert last_tier(customer) == ("A", "B", "Order", None)

	@pytest.mark.parametrize("by_hand", ["A", "D"])
	def test_a_tier_by_hand_in_between(self, by_hand: str) -> None:
		customer = customer_with(150_000, days_ago(9))
		recompute(days_ago(9))
		wrong = make.make_invoice(customer, 400_000, days_ago(5))
		night(days_ago(5))
		assert last_tier(customer) == ("B", "A", "Order", "Tier Up")
		given = {"tier_override": by_hand, "tier_override_until": days_ago(3), "tier_override_reason": "Fair"}
		frappe.db.set_value("Customer", customer, given)
		recompute(days_ago(4))
		recompute(days_ago(2))
		assert last_tier(customer) == (by_hand, "A", "Override Ended", None)
		wrong.cancel()
		night(days_ago(1))
		assert last_tier(customer) == ("A", "B", "Order", None)
		assert heard(customer, "Tier Up") == [("Tier", "A"), ("Void", None)]
		assert computed(customer).tier_since == days_ago(2)

	def test_what_was_before_goes_on(self) -> None:
		customer = customer_with(100_000, days_ago(390))
		make.make_invoice(customer, 1000, days_ago(100))
		recompute(days_ago(40))
		night(days_ago(25))
		since = computed(customer)
		assert (since.tier_since, since.below_keep_since) == (days_ago(40), days_ago(25))
		wrong = make.make_invoice(customer, 600_000)
		night()
		assert last_tier(customer) == ("B", "A", "Order", "Tier Up")
		wrong.cancel()
		night()
		found = computed(customer)
		assert (found.customer_tier, found.tier_since) == ("B", since.tier_since)
		assert found.below_keep_since == since.below_keep_since


class TestOtherRules:
	@pytest.fixture
	def invoice(self):
		customer = customer_with(150_000)
		recompute()
		invoice = make.make_invoice(customer, 400_000)
		night()
		assert last_tier(customer) == ("B", "A", "Order", "Tier Up")
		return invoice

	def cancelled(self, invoice) -> tuple:
		invoice.cancel()
		night()
		return last_tier(invoice.customer)

	def test_a_rule_that_changed_since(self, invoice) -> None:
		settings(key_date_lead_days=8)
		recompute()
		assert self.cancelled(invoice) == ("A", "B", "Order", None)
		assert heard(invoice.customer, "Tier Up") == [("Tier", "A"), ("Void", None)]

	def test_a_tier_that_was_renamed(self, invoice) -> None:
		frappe.rename_doc("Customer Tier", "A", "Gold", force=True)
		assert self.cancelled(invoice) == ("Gold", "B", "Order", None)
		assert heard(invoice.customer, "Tier Up") == [("Tier", "Gold"), ("Void", None)]


class TestOrdersThatAreLeft:
	def test_a_first_order_of_several(self) -> None:
		customer_with(100)
		recompute()
		customer = make.make_customer().name
		invoices = [make.make_invoice(customer, 100, days_ago(days)) for days in (2, 1, 0)]
		night()
		invoices[2].cancel()
		night()
		assert heard(customer, "First Order") == [("Stage", "Repeat")]

	def test_won_back_by_several(self) -> None:
		customer = customer_with(100, days_ago(300))
		recompute(days_ago(5))
		invoices = [make.make_invoice(customer, 100, days_ago(days)) for days in (2, 1, 0)]
		night()
		assert heard(customer, "Won Back") == [("Stage", "Repeat")]
		invoices[2].cancel()
		night()
		assert heard(customer, "Won Back") == [("Stage", "Repeat")]


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


class TestWhatAWrongOrderHides:
	"""An order that is cancelled afterwards must not change what would have become of its customer without it."""

	def test_a_grace_goes_on(self) -> None:
		grace("B", 30)
		customer = customer_with(100_000, days_ago(372))
		make.make_invoice(customer, 1000, days_ago(100))
		recompute(days_ago(20))
		night(days_ago(7))
		assert computed(customer).below_keep_since == days_ago(7)
		wrong = make.make_invoice(customer, 150_000, days_ago(2))
		night(days_ago(2))
		assert computed(customer).below_keep_since is None
		wrong.cancel()
		night()
		assert computed(customer).below_keep_since == days_ago(7)
		assert (days_ago(-23), "Tier B becomes D") in [
			(change.day, change.what) for change in explain(customer, getdate()).changes
		]
		night(days_ago(-23))
		assert last_tier(customer) == ("B", "D", "Time", "Tier Down")

	def test_a_grace_goes_on_when_an_order_is_closed_unbilled(self) -> None:
		"""Which is as good as cancelled."""
		settings(orders_from="Sales Order")
		grace("B", 30)
		customer = make.make_customer().name
		make.make_sales_order(customer, 100_000, days_ago(372))
		make.make_sales_order(customer, 1000, days_ago(100))
		recompute(days_ago(20))
		night(days_ago(7))
		wrong = make.make_sales_order(customer, 150_000, days_ago(2))
		night(days_ago(2))
		assert computed(customer).below_keep_since is None
		wrong.update_status("Closed")
		night()
		assert computed(customer).below_keep_since == days_ago(7)

	def test_an_order_that_is_none_any_more_by_a_return_begins_it_anew(self) -> None:
		grace("B", 30)
		customer = customer_with(100_000, days_ago(372))
		make.make_invoice(customer, 1000, days_ago(100))
		recompute(days_ago(20))
		night(days_ago(6))
		sold = make.make_invoice(customer, 150_000, days_ago(2))
		night(days_ago(2))
		make.make_return(sold)
		night()
		assert computed(customer).below_keep_since == getdate()

	def test_a_fall_is_told(self) -> None:
		customer = customer_with(100_000, days_ago(370))
		make.make_invoice(customer, 40_000, days_ago(10))
		recompute(days_ago(9))
		wrong = make.make_invoice(customer, 600_000, days_ago(8))
		night(days_ago(8))
		night(days_ago(3))
		assert last_tier(customer) == ("B", "A", "Order", "Tier Up")
		wrong.cancel()
		night()
		assert last_tier(customer) == ("A", "C", "Order", "Tier Down")

	def test_orders_of_long_ago_welcome_nobody(self) -> None:
		customer_with(100)
		customer = make.make_customer().name
		recompute(days_ago(1))
		make.make_invoice(customer, 100, days_ago(300))
		night()
		assert heard(customer, "Became Dormant") == [("Stage", "Dormant")]
		make.make_invoice(customer, 100, days_ago(50))
		night()
		assert computed(customer).lifecycle_stage == "Repeat"
		assert (heard(customer, "First Order"), heard(customer, "Won Back")) == ([], [])

	def test_an_older_order_takes_a_welcome_back(self) -> None:
		customer_with(100)
		customer = make.make_customer().name
		recompute(days_ago(1))
		make.make_invoice(customer, 100)
		night()
		make.make_invoice(customer, 100, days_ago(300))
		night()
		assert heard(customer, "First Order") == [("Stage", "First Purchase"), ("Void", None)]

	def test_a_return_entered_ahead_takes_a_first_order_back_on_its_day(self) -> None:
		customer_with(100)
		recompute(days_ago(1))
		customer = make.make_customer().name
		first = make.make_invoice(customer, 100)
		make.make_return(first, days_ago(-2))
		for days in (0, 1):
			night(days_ago(-days))
			assert heard(customer, "First Order") == [("Stage", "First Purchase")]
		night(days_ago(-2))
		assert heard(customer, "First Order") == [("Stage", "First Purchase"), ("Void", None)]

	def test_one_mistake_after_the_other(self) -> None:
		"""The first one left a tier that only the second one explained; a second one restarts nothing."""
		grace("B", 20)
		customer = customer_with(35_000, days_ago(30))
		recompute(days_ago(30))
		first, second = (make.make_invoice(customer, amount, days_ago(9)) for amount in (200_000, 900_000))
		night(days_ago(9))
		second.cancel()
		night(days_ago(7))
		assert last_tier(customer) == ("A", "B", "Order", "Tier Up")
		first.cancel()
		night(days_ago(6))
		assert last_tier(customer) == ("B", "C", "Order", None)
		assert computed(customer).tier_since == days_ago(30)
		third = make.make_invoice(customer, 900_000, days_ago(4))
		night(days_ago(4))
		third.cancel()
		night(days_ago(3))
		assert (computed(customer).customer_tier, computed(customer).tier_since) == ("C", days_ago(30))
		assert heard(customer, "Tier Down") == []

	def test_a_grace_goes_on_through_a_changed_rule(self) -> None:
		grace("B", 30)
		customer = customer_with(100_000, days_ago(372))
		make.make_invoice(customer, 1000, days_ago(100))
		recompute(days_ago(20))
		night(days_ago(7))
		wrong = make.make_invoice(customer, 150_000, days_ago(4))
		night(days_ago(4))
		settings(key_date_lead_days=9)
		recompute(days_ago(3))
		wrong.cancel()
		night(days_ago(2))
		assert computed(customer).below_keep_since == days_ago(7)

	def test_a_rule_that_brought_the_fall_is_still_its_cause(self) -> None:
		grace("B", 3)
		customer = customer_with(100_000, days_ago(20))
		recompute(days_ago(10))
		wrong = make.make_invoice(customer, 450_000, days_ago(9))
		night(days_ago(9))
		frappe.get_doc("Customer Tier", "B").update({"entry_value": 110_000}).save()
		recompute(days_ago(6))
		wrong.cancel()
		night(days_ago(5))
		found = computed(customer)
		assert (found.customer_tier, found.below_keep_since) == ("B", days_ago(6))
		night(days_ago(3))
		assert last_tier(customer) == ("B", "C", "Policy", None)

	def test_a_mistake_that_no_run_has_seen_changes_nothing(self) -> None:
		grace("B", 20)
		customer = customer_with(100_000, days_ago(30))
		make.make_invoice(customer, 500, days_ago(29)).cancel()
		recompute(days_ago(20))
		make.make_credit_note(customer, 50_000, days_ago(18))
		night(days_ago(3))
		assert computed(customer).below_keep_since == days_ago(3)

	def test_a_tier_by_hand_that_ended_meanwhile(self) -> None:
		customer = customer_with(1000, days_ago(30))
		given = {"tier_override": "A", "tier_override_until": days_ago(5), "tier_override_reason": "Fair"}
		frappe.db.set_value("Customer", customer, given)
		grace("B", 20)
		recompute(days_ago(20))
		wrong = make.make_invoice(customer, 100_000, days_ago(7))
		for days in (7, 4):
			night(days_ago(days))
		assert last_tier(customer) == ("A", "B", "Override Ended", None)
		wrong.cancel()
		night(days_ago(3))
		assert last_tier(customer) == ("B", "D", "Order", None)

	def test_a_wrong_credit_note_restarts_nothing(self) -> None:
		customer = customer_with(40_000, days_ago(30))
		recompute(days_ago(20))
		wrong = make.make_credit_note(customer, 20_000, days_ago(9))
		night(days_ago(9))
		assert last_tier(customer) == ("C", "D", "Order", "Tier Down")
		wrong.cancel()
		night(days_ago(8))
		assert last_tier(customer) == ("D", "C", "Order", None)
		assert computed(customer).tier_since == days_ago(20)

	def test_a_document_that_never_had_its_day(self) -> None:
		customer_with(100)
		recompute(days_ago(3))
		customer = make.make_customer().name
		ahead = make.make_invoice(customer, 100_000, days_ago(-5))
		night(days_ago(2))
		ahead.cancel()
		night()
		assert computed(customer).customer_tier is None
		make.make_invoice(customer, 40_000)
		night()
		assert last_tier(customer) == (None, "C", "Order", None)

	def test_an_amendment_that_changes_nothing(self) -> None:
		"""Typed in days later, it is known as long as what it was amended from."""
		grace("B", 20)
		customer = customer_with(70_000, days_ago(30))
		second = make.make_invoice(customer, 40_000, days_ago(29))
		recompute(days_ago(20))
		make.make_credit_note(customer, 15_000, days_ago(9))
		night(days_ago(9))
		before = computed(customer)
		assert (before.customer_tier, before.below_keep_since) == ("B", days_ago(9))
		make.amend(second, 40_000)
		night(days_ago(3))
		after = computed(customer)
		assert (after.customer_tier, after.tier_since) == ("B", days_ago(20))
		assert after.below_keep_since == days_ago(9)

	def test_a_mistake_that_is_settled_is_not_looked_at_again(self, monkeypatch: pytest.MonkeyPatch) -> None:
		customer = customer_with(150_000, days_ago(30))
		recompute(days_ago(20))
		wrong = make.make_invoice(customer, 500_000, days_ago(9))
		night(days_ago(9))
		wrong.cancel()
		night(days_ago(8))
		monkeypatch.setattr("customer_tiering.tiering.as_if_never.SLACK", timedelta(0))
		monkeypatch.setattr("customer_tiering.tiering.as_if_never.replay", None)
		make.make_credit_note(customer, 20_000, days_ago(5))
		night(days_ago(5))
		assert computed(customer).annual_value == 130_000


class TestAmendedInTheDesk:
	"""Between Cancel and Submit of the amendment a run comes: the worker takes seconds, whoever types takes minutes."""

	def amended(self, invoice, amount: float) -> None:
		new = frappe.copy_doc(invoice)
		new.update({"amended_from": invoice.name, "docstatus": 0, "set_posting_time": 1})
		new.posting_date = invoice.posting_date
		new.items[0].rate = amount
		new.insert().submit()

	@pytest.fixture
	def b(self):
		"""In the tier B by two orders of a first run."""
		customer = customer_with(35_000, days_ago(30))
		invoice = make.make_invoice(customer, 150_000, days_ago(30))
		recompute(days_ago(20))
		return invoice

	def test_unchanged_it_is_no_news(self, b) -> None:
		b.cancel()
		night()
		assert last_tier(b.customer) == ("B", "C", "Order", None)
		self.amended(b, 150_000)
		night()
		assert last_tier(b.customer) == ("C", "B", "Order", None)
		assert computed(b.customer).tier_since == days_ago(20)

	def test_the_only_order_is_not_the_first_one_again(self) -> None:
		customer_with(100)
		customer = make.make_customer().name
		invoice = make.make_invoice(customer, 150_000, days_ago(30))
		recompute(days_ago(20))
		invoice.cancel()
		night(days_ago(3))
		assert computed(customer).lifecycle_stage == "Lead"
		self.amended(invoice, 150_000)
		night()
		assert (heard(customer, "First Order"), heard(customer, "Tier Up")) == ([], [])
		assert (computed(customer).customer_tier, computed(customer).tier_since) == ("B", days_ago(20))

	def test_a_first_order_that_was_told_is_told_again(self) -> None:
		customer_with(100)
		recompute(days_ago(20))
		customer = make.make_customer().name
		invoice = make.make_invoice(customer, 100, days_ago(2))
		night(days_ago(2))
		invoice.cancel()
		night(days_ago(1))
		self.amended(invoice, 100)
		night()
		told = [("Stage", "First Purchase"), ("Void", None), ("Stage", "First Purchase")]
		assert heard(customer, "First Order") == told

	def test_what_is_returned_meanwhile_is_told(self, b) -> None:
		more = make.make_invoice(b.customer, 600_000, days_ago(10))
		night(days_ago(10))
		more.cancel()
		night(days_ago(1))
		self.amended(more, 600_000)
		make.make_credit_note(b.customer, 700_000, getdate())
		night()
		assert last_tier(b.customer) == ("B", "C", "Order", "Tier Down")

	def test_what_a_rule_has_changed_meanwhile_is_not(self, b) -> None:
		wrong = make.make_invoice(b.customer, 900_000, days_ago(10))
		night(days_ago(10))
		frappe.get_doc("Customer Tier", "B").update({"entry_value": 190_000, "keep_value": 187_000}).save()
		recompute(days_ago(5))
		wrong.cancel()
		night()
		assert last_tier(b.customer) == ("A", "C", "Policy", None)

	def test_a_wrong_credit_note_and_a_real_one(self, b) -> None:
		wrong = make.make_credit_note(b.customer, 180_000, days_ago(10))
		night(days_ago(10))
		assert last_tier(b.customer) == ("B", "D", "Order", "Tier Down")
		wrong.cancel()
		make.make_credit_note(b.customer, 130_000, getdate())
		night()
		assert last_tier(b.customer) == ("D", "C", "Order", "Tier Down")

	def test_a_fall_that_never_was_is_taken_back(self) -> None:
		"""In the grace of a real credit note; only for as long as it takes to amend the order it would have been over."""
		frappe.get_doc("Customer Tier", "B").update({"grace_days": 20, "minimum_dwell_days": 20}).save()
		customer = customer_with(35_000, days_ago(30))
		recompute(days_ago(20))
		invoice = make.make_invoice(customer, 150_000, days_ago(8))
		night(days_ago(8))
		make.make_credit_note(customer, 130_000, days_ago(5))
		night(days_ago(5))
		invoice.reload()
		invoice.cancel()
		night(days_ago(2))
		assert computed(customer).customer_tier is None or computed(customer).customer_tier != "B"
		self.amended(invoice, 150_000)
		night()
		assert (computed(customer).customer_tier, live(customer)) == ("B", [("Tier Up", "B")])

	@pytest.mark.parametrize("when", ["before", "with"])
	def test_a_real_fall_beside_a_wrong_credit_note_is_told_once(self, b, when: str) -> None:
		wrong = make.make_credit_note(b.customer, 120_000, days_ago(10))
		night(days_ago(10))
		assert live(b.customer) == [("Tier Down", "C")]
		if when == "before":
			make.make_credit_note(b.customer, 130_000, days_ago(5))
			night(days_ago(5))
		wrong.reload()
		wrong.cancel()
		if when == "with":
			make.make_credit_note(b.customer, 130_000, getdate())
		night()
		assert (computed(b.customer).customer_tier, live(b.customer)) == ("C", [("Tier Down", "C")])
		make.make_invoice(b.customer, 100_000)
		night()
		assert live(b.customer) == [("Tier Down", "C"), ("Tier Up", "B")]

	def test_a_way_up_that_was_told_is_told_again(self) -> None:
		customer = customer_with(35_000, days_ago(30))
		recompute(days_ago(20))
		invoice = make.make_invoice(customer, 150_000, days_ago(5))
		night(days_ago(5))
		invoice.reload()
		invoice.cancel()
		night(days_ago(1))
		assert live(customer) == []
		self.amended(invoice, 150_000)
		night()
		assert live(customer) == [("Tier Up", "B")]

	def test_what_came_between_is_no_news_either(self, b) -> None:
		b.reload()
		b.cancel()
		night(days_ago(3))
		make.make_invoice(b.customer, 120_000, days_ago(2))
		night(days_ago(2))
		assert live(b.customer) == [("Tier Up", "B")]
		self.amended(b, 150_000)
		night()
		assert live(b.customer) == []

	@pytest.mark.parametrize(("days", "stage"), [(200, "Dormant"), (380, "Lost")])
	def test_who_slept_at_the_first_run_has_not_fallen_asleep(self, days: int, stage: str) -> None:
		customer_with(100)
		customer = make.make_customer().name
		invoice = make.make_invoice(customer, 20_000, days_ago(days))
		recompute(days_ago(3))
		invoice.reload()
		invoice.cancel()
		night(days_ago(1))
		self.amended(invoice, 20_000)
		night()
		assert (computed(customer).lifecycle_stage, live(customer)) == (stage, [])

	@pytest.mark.parametrize(("before", "signals"), [(400, ["Won Back"]), (None, ["First Order"])])
	def test_who_was_awake_is_not_welcomed(self, before: int | None, signals: list[str]) -> None:
		"""The last order is gone for a while, and a new one comes meanwhile."""
		customer_with(100)
		customer = make.make_customer().name
		if before:
			make.make_invoice(customer, 100, days_ago(before))
		invoice = make.make_invoice(customer, 500, days_ago(20))
		recompute(days_ago(10))
		invoice.reload()
		invoice.cancel()
		night(days_ago(3))
		make.make_invoice(customer, 300, days_ago(2))
		night(days_ago(2))
		assert [signal for signal, _value in live(customer)][-1:] == signals
		self.amended(invoice, 500)
		night()
		assert live(customer) == []

	def test_a_whale_is_told_once(self) -> None:
		for number in range(9):
			customer_with(100 + number, days_ago(30))
		whale = make.make_invoice(customer_with(100, days_ago(30)), 60_000, days_ago(30))
		recompute(days_ago(20))
		whale.reload()
		whale.cancel()
		night(days_ago(1))
		self.amended(whale, 60_000)
		night()
		assert [row.cause for row in events(whale.customer, signal="Whale Order")] == ["Baseline"]
