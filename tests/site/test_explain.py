"""An explanation adds up, to the cent, with the documents and with what a run decides."""

import json
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from decimal import Decimal

import frappe
import pytest

from customer_tiering.tiering.explain import Explanation, explain
from tests.site import factories as make
from tests.site.factories import computed, recompute

AS_OF = date(2026, 6, 30)


@pytest.fixture
def new_site(site: str) -> Iterator[None]:
	with make.uncommitted():
		make.as_if_new()
		yield


def ago(days: int) -> date:
	return AS_OF - timedelta(days=days)


def reasons(explanation: Explanation) -> dict[str, tuple[bool, bool, str]]:
	return {line.name: (line.counts, line.is_order, line.reason) for line in explanation.lines}


@pytest.mark.usefixtures("new_site")
class TestExplanation:
	def test_every_document_and_why(self) -> None:
		customer = make.make_customer().name
		counts = make.make_invoice(customer, 40_000.10, ago(10))
		old = make.make_invoice(customer, 7, ago(400))
		later = make.make_invoice(customer, 9, AS_OF + timedelta(days=3))
		cancelled = make.make_invoice(customer, 11, ago(20))
		cancelled.cancel()
		opening = make.make_opening_invoice(customer, 13, ago(30))
		undone = make.make_invoice(customer, 1_000.05, ago(50))
		back = make.make_return(undone, ago(40))
		debit = make.make_debit_note(counts, 5.25, ago(9))
		foreign = make.make_invoice(customer, 17, ago(5))
		frappe.db.set_value(
			"Sales Invoice", foreign.name, "company", make.ensure_company("Tiering Far", "EUR")
		)
		explanation = explain(customer, AS_OF)
		said = reasons(explanation)
		assert said[counts.name][:2] == (True, True)
		assert said[old.name] == (False, True, said[old.name][2]) and "Left the window" in said[old.name][2]
		assert said[later.name] == (False, False, "Dated later")
		assert said[cancelled.name] == (False, False, "Cancelled")
		assert said[opening.name] == (False, False, "Opening entry")
		assert said[undone.name][:2] == (True, False) and "undid" in said[undone.name][2]
		assert said[foreign.name][:2] == (False, True) and "no exchange rate to USD" in said[foreign.name][2]
		assert said[back.name][:2] == (True, False)
		assert said[debit.name][:2] == (True, False)
		assert explanation.money == Decimal("40005.35") == sum(x.money for x in explanation.lines if x.counts)
		assert explanation.tier == "C"
		assert (explanation.next_up, explanation.gap_up) == ("B", Decimal("59994.65"))
		assert (explanation.next_down, explanation.room_down) == ("D", Decimal("10005.35"))

	def test_it_agrees_with_a_run(self) -> None:
		amounts = (5, 29_999.99, 30_000, 99_999.99, 100_000, 499_999.99, 500_000)
		customers = [make.make_customer().name for _amount in amounts]
		for customer, amount in zip(customers, amounts, strict=True):
			invoice = make.make_invoice(customer, amount, ago(10))
			make.make_return(make.make_invoice(customer, 50, ago(20)), ago(5))
			assert invoice.base_net_total == amount
		recompute(AS_OF)
		for customer in customers:
			explanation, decided = explain(customer, AS_OF), computed(customer)
			assert explanation.tier == decided.customer_tier == explanation.decided
			assert float(explanation.money) == decided.annual_value

	def test_it_says_what_time_will_change(self) -> None:
		customer = make.make_customer().name
		make.make_invoice(customer, 40_000, ago(100))
		said = {change.day: change.what for change in explain(customer, AS_OF).changes}
		assert said[ago(100) + timedelta(days=180)].startswith("Stage Dormant")
		assert said[date(2027, 3, 22)] in ("Tier C becomes D", "Stage Lost")
		assert explain(customer, date(2027, 3, 22)).tier == "D"
		assert explain(customer, date(2027, 3, 21)).tier == "C"

	def test_a_past_day_is_explained_from_the_documents_and_the_ledger(self) -> None:
		customer = make.make_customer().name
		make.make_invoice(customer, 40_000, ago(100))
		recompute(ago(50))
		make.make_invoice(customer, 90_000, ago(60))
		recompute(AS_OF)
		explanation = explain(customer, ago(50))
		assert (explanation.tier, explanation.decided) == ("B", "C")
		assert explain(customer, ago(101)).tier is None

	def test_an_override_is_named(self) -> None:
		customer = make.make_customer().name
		make.make_invoice(customer, 10, ago(1))
		frappe.db.set_value("Customer", customer, {"tier_override": "A", "tier_override_until": AS_OF})
		recompute(AS_OF)
		explanation = explain(customer, AS_OF)
		assert (explanation.tier, explanation.overridden) == ("A", "A")
		assert explanation.changes[0].day == AS_OF + timedelta(days=1)
		assert explain(customer, AS_OF + timedelta(days=1)).tier == "D"

	def test_only_who_may_read_the_customer_may_ask(self) -> None:
		from customer_tiering.tiering.api import explain_tier

		customer = make.make_customer().name
		make.make_invoice(customer, 10, ago(1))
		frappe.set_user(make.ensure_user("explain@example.com", "Translator"))
		try:
			with pytest.raises(frappe.PermissionError):
				explain_tier(customer)
		finally:
			frappe.set_user("Administrator")
		assert explain_tier(customer, str(AS_OF))["tier"] == "D"


def test_the_command_prints_it(site: str, bench_command: Callable) -> None:
	customer = make.make_customer().name
	frappe.db.commit()
	try:
		assert json.loads(bench_command("tiering", "explain", customer, "--json").stdout)["tier"] is None
		assert customer in bench_command("tiering", "explain", customer, "--as-of", "2026-01-31").stdout
	finally:
		frappe.delete_doc("Customer", customer, force=True)
		frappe.db.commit()
