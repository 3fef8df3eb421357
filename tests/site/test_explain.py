"""An explanation adds up, to the cent, with the documents and with what a run decides."""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import frappe
import pytest
from dateutil.relativedelta import relativedelta
from frappe.utils import getdate

from customer_tiering.tiering.explain import Explanation, explain
from customer_tiering.tiering.interest_explain import explain_interests
from customer_tiering.tiering.policy import read_policy
from tests.site import factories as make
from tests.site.factories import computed, recompute

AS_OF = date(2026, 6, 30)


@pytest.fixture
def new_site(site: str) -> Iterator[None]:
	with make.uncommitted():
		make.as_if_new()
		yield


@pytest.fixture
def as_set(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
	"""as_set(measure="Gross Margin"): explain under other rules than those that are set."""

	def use(**values: object) -> None:
		policy = replace(read_policy(), **values)
		monkeypatch.setattr("customer_tiering.tiering.explain.read_policy", lambda: policy)

	return use


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

	def test_an_override_until_the_last_day_of_all_has_no_end(self) -> None:
		customer = make.make_customer().name
		given = {"tier_override": "A", "tier_override_until": date.max, "tier_override_reason": "Promised"}
		frappe.db.set_value("Customer", customer, given)
		explanation = explain(customer)
		assert (explanation.tier, explanation.override_until) == ("A", None)
		assert "\nPromised\n" in explanation.as_text() and "Until" not in explanation.as_text()

	def test_a_document_of_the_last_day_of_all(self) -> None:
		customer = make.make_customer().name
		invoice = make.make_invoice(customer, 100).name
		frappe.db.set_value("Sales Invoice", invoice, "posting_date", date.max)
		recompute()
		explanation = explain(customer)
		assert (explanation.money, explanation.lines[0].counts) == (0, False)

	def test_a_name_in_capitals(self) -> None:
		customer = make.make_customer("Lower Case").name
		recompute(AS_OF)
		assert explain("LOWER case", AS_OF).customer == customer
		assert explain_interests("LOWER case", AS_OF).customer == customer
		with pytest.raises(frappe.DoesNotExistError):
			explain("No such customer")

	def test_a_company_that_is_left_out(self, as_set: Callable) -> None:
		customer = make.make_customer().name
		make.make_invoice(customer, 10, ago(1))
		other = make.ensure_company("Tiering Other")
		left_out = make.make_invoice(customer, 20, ago(1), company=other)
		as_set(companies=(make.ensure_company(),))
		explanation = explain(customer, AS_OF)
		assert explanation.money == 10
		assert reasons(explanation)[left_out.name] == (False, False, "Orders of Tiering Other don't count")

	def test_another_currency_with_its_own_amount_and_rate(self) -> None:
		customer = make.make_customer().name
		far = make.ensure_company("Tiering Far", "EUR")
		values = {"company": far, "currency": "EUR", "conversion_rate": 1, "plc_conversion_rate": 1}
		invoice = make.make_invoice(customer, 100, ago(10), **values)
		make.make_return(invoice, ago(4), rate=40)
		make.make_rate("EUR", "USD", ago(20), 1.25)
		make.make_rate("EUR", "USD", ago(5), 1.5)
		explanation = explain(customer, AS_OF)
		credit, order = explanation.lines
		assert (order.own, order.own_currency, order.rate, order.money) == (100, "EUR", Decimal("1.25"), 125)
		assert (credit.own, credit.rate, credit.money) == (-40, Decimal("1.5"), -60)
		assert "100.00 EUR at 1.25" in order.reason
		assert explanation.money == 65
		recompute(AS_OF)
		assert computed(customer).annual_value == 65

	def test_sales_orders(self, as_set: Callable) -> None:
		customer = make.make_customer().name
		make.make_invoice(customer, 10, ago(1))
		kept, closed, cancelled = (make.make_sales_order(customer, amount, ago(2)) for amount in (70, 5, 6))
		closed.update_status("Closed")
		cancelled.cancel()
		as_set(orders_from="Sales Order")
		explanation = explain(customer, AS_OF)
		said = reasons(explanation)
		assert (explanation.doctype, explanation.money) == ("Sales Order", 70)
		assert said[kept.name][:2] == (True, True)
		assert said[closed.name] == (False, False, "Closed before anything was billed")
		assert said[cancelled.name] == (False, False, "Cancelled")

	def test_gross_margin(self, as_set: Callable) -> None:
		customer = make.make_customer().name
		invoice = make.make_invoice(customer, 100, ago(10))
		frappe.db.set_value("Sales Invoice Item", invoice.items[0].name, "incoming_rate", 60.125)
		make.make_invoice(customer, 7, ago(9))
		as_set(measure="Gross Margin")
		explanation = explain(customer, AS_OF)
		free, paid = explanation.lines
		assert (paid.own, paid.cost, paid.money) == (100, Decimal("60.125"), Decimal("39.88"))
		assert (free.cost, free.money) == (0, 7)
		assert explanation.money == Decimal("46.88")

	def test_a_group_adds_up_over_its_members(self) -> None:
		head, member, gone = (make.make_customer().name for _ in range(3))
		for name in (member, gone):
			frappe.db.set_value("Customer", name, "rolls_up_to", head)
		for name, amount in ((head, 10_000), (member, 25_000), (gone, 99)):
			make.make_invoice(name, amount, ago(10))
		frappe.db.set_value("Customer", gone, "disabled", 1)
		for name in (head, member):
			explanation = explain(name, AS_OF)
			assert explanation.members == (head, member)
			assert (explanation.tier, explanation.money) == ("C", 35_000)
			assert {(line.customer, line.money) for line in explanation.lines} == {
				(head, 10_000),
				(member, 25_000),
			}
			assert all(line.customer in line.reason for line in explanation.lines)
			assert head in explanation.as_text()

	def test_a_group_follows_the_override_of_its_head(self) -> None:
		head, member = (make.make_customer().name for _ in range(2))
		frappe.db.set_value("Customer", member, "rolls_up_to", head)
		frappe.db.set_value("Customer", head, {"tier_override": "A", "tier_override_until": AS_OF})
		make.make_invoice(member, 10, getdate())
		today = getdate()
		frappe.db.set_value("Customer", head, "tier_override_until", today)
		explanation = explain(member, today)
		assert (explanation.tier, explanation.overridden, explanation.overridden_at) == ("A", "A", head)
		frappe.db.set_value("Customer", member, {"tier_override": "B", "tier_override_until": today})
		assert explain(member, today).overridden_at == member

	@pytest.mark.parametrize(
		("field", "why"), [("disabled", "Disabled"), ("is_internal_customer", "Internal")]
	)
	def test_who_is_left_out_of_account_has_no_tier_and_hears_why(self, field: str, why: str) -> None:
		customer = make.make_customer().name
		make.make_invoice(customer, 40_000, ago(10))
		frappe.db.set_value("Customer", customer, field, 1)
		explanation = explain(customer, AS_OF)
		assert explanation.tier is None and explanation.next_up is None and not explanation.changes
		assert explanation.not_tiered.startswith(why)
		assert explanation.money == 40_000
		assert explanation.not_tiered in explanation.as_text()

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

	def test_the_dwell_of_a_tier_is_counted_from_the_run_that_gave_it(self) -> None:
		today = getdate()
		frappe.db.set_value("Customer Tier", "C", {"minimum_dwell_days": 20, "keep_value": 0})
		make.forget_cached_rules()
		customer = make.make_customer().name
		make.make_invoice(customer, 30_000, today - timedelta(days=360))
		recompute()
		ends = today + timedelta(days=20)
		explanation = explain(customer)
		assert explanation.tier == "C"
		assert [change.day for change in explanation.changes if "Tier C becomes D" in change.what] == [ends]
		for day, tier in ((ends - timedelta(days=1), "C"), (ends, "D")):
			recompute(day, full=False)
			assert computed(customer).customer_tier == tier

	def test_what_is_dated_later_changes_what_is_coming(self) -> None:
		today = getdate()
		customer = make.make_customer().name
		make.make_invoice(customer, 100, today)
		make.make_invoice(customer, 50_000, today + timedelta(days=3))
		recompute()
		explanation = explain(customer)
		assert (explanation.tier, explanation.money) == ("D", 100)
		coming = [change for change in explanation.changes if "Tier D becomes C" in change.what]
		assert [change.day for change in coming] == [today + timedelta(days=3)]

	def test_stages_come_with_orders_dated_later_and_go_with_returns(self) -> None:
		today = getdate()
		buyer, returner = (make.make_customer().name for _ in range(2))
		make.make_invoice(buyer, 100, today + timedelta(days=2))
		make.make_return(make.make_invoice(returner, 100, today), today + timedelta(days=2))

		def stages(customer: str) -> list[tuple[int, str]]:
			coming = [change for change in explain(customer).changes if change.what.startswith("Stage")]
			return [((change.day - today).days, change.what) for change in coming]

		assert stages(buyer)[0] == (2, "Stage First Purchase")
		assert stages(returner) == [(2, "Stage Lead")]

	def test_what_no_run_has_looked_at_is_said_to_be_coming(self) -> None:
		customer = make.make_customer().name
		recompute()
		make.make_invoice(customer, 100_000)
		assert explain(customer).pending
		assert any("no run has looked at" in sentence for sentence in explain(customer).sentences())
		recompute(full=False)
		assert not explain(customer).pending

	def test_it_says_why_a_tier_is_kept(self) -> None:
		today = getdate()
		tier = {"keep_value": 80_000, "grace_days": 30, "minimum_dwell_days": 10}
		frappe.get_doc("Customer Tier", "B").update(tier).save()
		customer = make.make_customer().name
		make.make_invoice(customer, 100_000, today - timedelta(days=3))
		recompute(today - timedelta(days=2))
		make.make_credit_note(customer, 60_000, today)
		recompute(full=False)
		explanation = explain(customer)
		until = frappe.utils.format_date(today + timedelta(days=29))
		assert explanation.tier == "B"
		assert explanation.kept.startswith(f"Tier B is kept until {until}: 30 days of grace")
		assert (
			explanation.kept in explanation.as_text()
			and explanation.kept in explanation.as_dict()["sentences"]
		)
		assert "B ≥ 100,000.00 (kept from 80,000.00)" in explanation.as_text()

	def test_a_follow_up_that_was_made_puts_the_sleep_off(self) -> None:
		today = getdate()
		customer = make.make_customer().name
		make.make_invoice(customer, 100, today - timedelta(days=175))
		make.make_communication("Customer", customer, today - timedelta(days=9))
		recompute()
		stages = {change.what: change.day for change in explain(customer).changes if "Stage" in change.what}
		assert stages == {
			"Stage Dormant, unless somebody follows up": today + timedelta(days=81),
			"Stage Lost": today + timedelta(days=190),
		}
		assert frappe.db.get_value("Customer", customer, "tiering_review_on") <= today + timedelta(days=81)

	def test_members_that_may_not_be_seen_are_one_line_without_a_name(self) -> None:
		from customer_tiering.tiering.api import explain_tier

		head, secret = make.make_customer().name, make.make_customer().name
		frappe.db.set_value("Customer", secret, "rolls_up_to", head)
		make.make_invoice(head, 30_000, ago(1))
		make.make_invoice(secret, 80_000, ago(2))
		user = make.ensure_user("half@example.com", "Sales User")
		frappe.get_doc(doctype="User Permission", user=user, allow="Customer", for_value=head).insert()
		frappe.set_user(user)
		found = explain_tier(head, str(AS_OF))
		assert (found["tier"], found["members"], float(found["money"])) == ("B", [head], 110_000)
		assert sum(float(line["money"]) for line in found["lines"] if line["counts"]) == 110_000
		assert secret not in json.dumps(found)

	def test_invoices_of_a_company_that_may_not_be_seen_are_one_line(self) -> None:
		from customer_tiering.tiering.api import explain_tier

		customer, other = make.make_customer().name, make.ensure_company("Tiering Other")
		shown = make.make_invoice(customer, 30_000, ago(1)).name
		secret = make.make_invoice(customer, 80_000, ago(2), company=other).name
		user = make.ensure_user("one-company@example.com", "Sales User", "Accounts User")
		frappe.get_doc(
			doctype="User Permission", user=user, allow="Company", for_value=make.ensure_company()
		).insert()
		frappe.set_user(user)
		assert not frappe.has_permission("Sales Invoice", "read", doc=secret)
		found = explain_tier(customer, str(AS_OF))
		assert [(line["name"], float(line["money"])) for line in found["lines"]] == [
			(shown, 30_000),
			("", 80_000),
		]
		assert float(found["money"]) == 110_000
		assert secret not in json.dumps(found) and other not in json.dumps(found)

	def standing_by_hand(self, ends: int | None) -> tuple[str, date]:
		"""B by value, 90,000 of it for five more days; A by hand for `ends` more days, or without an end."""
		today = getdate()
		customer = make.make_customer().name
		old = today + relativedelta(days=5, months=-12)
		make.make_invoice(customer, 90_000, old)
		make.make_invoice(customer, 30_000, today - timedelta(days=5))
		until = None if ends is None else today + timedelta(days=ends)
		frappe.db.set_value("Customer", customer, {"tier_override": "A", "tier_override_until": until})
		return customer, today

	@pytest.mark.parametrize("ran", [False, True])
	def test_money_changes_no_tier_while_one_is_set_by_hand(self, ran: bool) -> None:
		customer, today = self.standing_by_hand(20)
		if ran:
			recompute()
		tiers = [change for change in explain(customer).changes if "Stage" not in change.what]
		assert [(change.day, change.what) for change in tiers[:2]] == [
			(today + timedelta(days=21), "The tier set by hand ends: A becomes C"),
			(today - timedelta(days=5) + relativedelta(months=12), "Tier C becomes D"),
		]

	@pytest.mark.parametrize("ran", [False, True])
	def test_a_tier_set_by_hand_without_an_end_does_not_change(self, ran: bool) -> None:
		head, _today = self.standing_by_hand(None)
		member = make.make_customer().name
		frappe.db.set_value("Customer", member, "rolls_up_to", head)
		if ran:
			recompute()
		for name in (head, member):
			explanation = explain(name)
			assert explanation.tier == "A"
			assert not [change for change in explanation.changes if "Stage" not in change.what]

	def test_after_its_own_a_member_has_the_tier_set_on_its_head(self) -> None:
		head, today = self.standing_by_hand(20)
		member = make.make_customer().name
		values = {"rolls_up_to": head, "tier_override": "B", "tier_override_until": today + timedelta(days=3)}
		frappe.db.set_value("Customer", member, values)
		recompute()
		tiers = [change for change in explain(member).changes if "Stage" not in change.what]
		assert [(change.day, change.what) for change in tiers[:2]] == [
			(today + timedelta(days=4), "The tier set by hand ends: B becomes A"),
			(today + timedelta(days=21), "The tier set by hand ends: A becomes C"),
		]
		frappe.db.set_value("Customer", head, "tier_override_until", today + timedelta(days=2))
		said = [change.what for change in explain(member).changes if change.day <= today + timedelta(days=6)]
		assert [what for what in said if "Stage" not in what] == [
			"The tier set by hand ends",
			"Tier B becomes C",
		]

	def test_a_tier_whose_hand_was_taken_away_is_decided_anew(self) -> None:
		frappe.db.set_value("Customer Tier", "A", {"grace_days": 60, "keep_value": 0})
		make.forget_cached_rules()
		customer, today = self.standing_by_hand(20)
		make.make_invoice(customer, 400_000, today - relativedelta(days=1, months=12))
		recompute()
		frappe.db.set_value("Customer", customer, {"tier_override": None, "tier_override_until": None})
		explanation = explain(customer)
		assert explanation.tier == "B"
		assert "Tier B becomes C" in [change.what for change in explanation.changes]
		recompute()
		assert computed(customer).customer_tier == "B"

	def test_a_past_day_under_the_override_of_the_head(self) -> None:
		head, member, other = (make.make_customer().name for _ in range(3))
		for name in (member, other):
			frappe.db.set_value("Customer", name, "rolls_up_to", head)
		frappe.db.set_value(
			"Customer",
			head,
			{"tier_override": "A", "tier_override_until": AS_OF, "tier_override_reason": "Secret"},
		)
		frappe.db.set_value("Customer", other, {"tier_override": "A", "tier_override_until": AS_OF})
		for name in (head, member, other):
			make.make_invoice(name, 10, ago(30))
		recompute(ago(20))
		assert explain(other, ago(10)).overridden_at == other
		explanation = explain(member, ago(10))
		assert (explanation.tier, explanation.overridden_at) == ("A", head)
		assert explanation.changes[0].day == AS_OF + timedelta(days=1)
		assert head in explanation.as_text()
		hidden = explanation.without({head})
		assert (hidden.overridden_at, hidden.override_reason) == (None, None)

	def test_the_text_has_all_decimals_of_the_currency(self) -> None:
		customer = make.make_customer().name
		make.make_invoice(customer, 10, ago(1))
		exact = Decimal("29999.996")
		found = explain(customer, AS_OF)
		lines = tuple(replace(line, money=exact) for line in found.lines)
		found = replace(found, money=exact, lines=lines, currency="KWD", gap_up=Decimal("0.004"), next_up="C")
		text = found.as_text()
		assert text.count("29,999.996") == 2 and "0.004 more for tier C" in text
		assert "30,000.00 " not in text and "29,999.99 " not in text

	def test_the_timeline_of_a_group_gives_no_money_of_one_member_as_the_ground(self) -> None:
		from customer_tiering.tiering.timeline import tier_changes

		head, member, alone = (make.make_customer().name for _ in range(3))
		frappe.db.set_value("Customer", member, "rolls_up_to", head)
		for name, amount in ((head, 600_000), (member, 5), (alone, 7)):
			make.make_invoice(name, amount, ago(10))
		recompute(AS_OF)

		def said(name: str) -> str:
			(text,) = (row["content"] for row in tier_changes("Customer", name) if row["icon"] == "star")
			return text

		assert "A" in said(member) and "window" not in said(member) + said(head)
		assert "7.00" in said(alone)


def test_the_command_prints_it(site: str, bench_command: Callable) -> None:
	customer = make.make_customer().name
	frappe.db.commit()
	try:
		assert json.loads(bench_command("tiering", "explain", customer, "--json").stdout)["tier"] is None
		assert customer in bench_command("tiering", "explain", customer, "--as-of", "2026-01-31").stdout
	finally:
		frappe.delete_doc("Customer", customer, force=True)
		frappe.db.commit()
