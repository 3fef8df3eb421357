"""Facts read in SQL equal what plain Python makes of the same documents, under every policy that counts otherwise."""

import random
from dataclasses import fields, replace
from datetime import date, timedelta
from decimal import Decimal
from statistics import median

import frappe
import pandas as pd
import pytest

from customer_tiering.engine.policy import Policy, Stage
from customer_tiering.setup import indexes
from customer_tiering.tiering.explain import explain
from customer_tiering.tiering.facts import read_facts
from customer_tiering.tiering.notes import missing_rates, notes_on_orders
from customer_tiering.tiering.order_facts import median_order, whales
from customer_tiering.tiering.policy import read_policy
from customer_tiering.tiering.scope import with_related
from tests.engine.populations import DAYS
from tests.site import factories as make
from tests.site import plain
from tests.site.plain import Member, Paper, Rate, World
from tests.site.worlds import insert, make_world, write

POLICIES = {
	"default": {},
	"short window": {"window_months": 3, "upsell_value": 10.0, "upsell_months": 1},
	"upsell": {"upsell_value": 1.0, "decline_months": 1},
	"margin": {"measure": "Gross Margin", "upsell_value": 1.0},
	"sales orders": {"orders_from": "Sales Order", "upsell_value": 1.0},
	"margin of sales orders": {"orders_from": "Sales Order", "measure": "Gross Margin"},
	"in euro": {"reporting_currency": "EUR"},
}


@pytest.fixture
def companies(company: str) -> dict[str, str]:
	"""With the currencies that they keep their books in."""
	others = {"Facts Two": "USD", "Facts Euro": "EUR", "Facts Yen": "JPY", "Facts Pound": "GBP"}
	for name, currency in others.items():
		if not frappe.db.exists("Company", name):
			insert(
				"Company", [{"name": name, "company_name": name, "abbr": name, "default_currency": currency}]
			)
	frappe.db.delete("Sales Invoice")
	frappe.db.delete("Sales Order")
	return {company: "USD", **others}


def policy_of(name: str) -> Policy:
	return replace(read_policy(), **POLICIES[name])


def found_for(world: World, policy: Policy, as_of: date) -> dict[str, dict]:
	"""What the app reads, in plain values, of the columns that follow from documents."""
	frame = read_facts(policy, as_of, [member.name for member in world.members])
	assert list(frame.index) == [m.name for m in world.members if m.counted]
	columns = [key for key in next(iter(plain.facts(world, policy, as_of).values()))]
	return {name: {key: in_plain(row[key]) for key in columns} for name, row in frame.iterrows()}


def in_plain(value: object) -> object:
	if isinstance(value, pd.Timestamp):
		return value.date()
	if (isinstance(value, float) and value != value) or value is pd.NaT:
		return None
	return round(value, 2) if isinstance(value, float) else value


def expected_for(world: World, policy: Policy, as_of: date) -> dict[str, dict]:
	return {
		name: {key: float(v) if isinstance(v, Decimal) else v for key, v in found.items()}
		for name, found in plain.facts(world, policy, as_of).items()
	}


@pytest.mark.parametrize("name", POLICIES)
@pytest.mark.parametrize("as_of", DAYS[::3])
def test_random_documents(name: str, as_of: date, companies: dict[str, str]) -> None:
	policy = policy_of(name)
	world = make_world(random.Random(f"{name} {as_of}"), as_of, companies)
	write(world)
	assert found_for(world, policy, as_of) == expected_for(world, policy, as_of)
	own_money = [float(money) for _paper, money in plain.orders_in_window(world, policy, as_of)]
	assert median_order(policy, as_of) == pytest.approx(median(own_money))
	large = median(own_money)
	assert set(whales(policy, as_of, large)["order"]) == {
		paper.name for paper, money in plain.orders_in_window(world, policy, as_of) if float(money) >= large
	}


@pytest.mark.parametrize("name", ["default", "margin", "sales orders", "in euro"])
def test_explanations_add_up(name: str, companies: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
	policy, as_of = policy_of(name), DAYS[2]
	monkeypatch.setattr("customer_tiering.tiering.explain.read_policy", lambda: policy)
	world = make_world(random.Random(name), as_of, companies, people=20)
	write(world)
	facts = plain.facts(world, policy, as_of)
	groups: dict[str, Decimal] = {}
	for found in facts.values():
		groups[found["root"]] = groups.get(found["root"], Decimal(0)) + found["annual_value"]
	for customer, found in facts.items():
		explanation = explain(customer, as_of)
		assert explanation.money == sum(line.money for line in explanation.lines if line.counts)
		assert explanation.money == groups[found["root"]]
		own = [line for line in explanation.lines if line.customer == customer]
		assert sum((line.money for line in own if line.counts), Decimal(0)) == found["annual_value"]
		assert sum(line.is_order for line in own) == found["orders_ever"]
		assert explanation.members[0] == found["root"] and customer in explanation.members


def test_only_some_companies(companies: dict[str, str]) -> None:
	as_of = DAYS[0]
	world = make_world(random.Random(5), as_of, companies)
	write(world)
	for chosen in (("Facts Euro",), ("Facts Two", "Facts Yen"), ("gone",)):
		policy = replace(read_policy(), companies=chosen)
		assert found_for(world, policy, as_of) == expected_for(world, policy, as_of)


def test_facts_follow_just_those_rules_that_they_are_said_to_depend_on(companies: dict[str, str]) -> None:
	as_of = DAYS[0]
	write(make_world(random.Random(6), as_of, companies))
	rules = replace(read_policy(), upsell_value=1.0, feedback_days=30)
	before = read_facts(rules, as_of)
	for name, value in other_values(rules).items():
		other = replace(rules, **{name: value})
		same = read_facts(other, as_of).equals(before)
		assert same == (other.facts_depend_on == rules.facts_depend_on), name


def test_a_disabled_customer_is_none_whomever_it_referred(company: str) -> None:
	by = make.make_customer(disabled=1).name
	make.make_invoice(make.make_customer(referred_by=by).name, 10, DAYS[0])
	assert read_facts(read_policy(), DAYS[0], [by]).empty


def other_values(rules: Policy) -> dict[str, object]:
	"""For every field of the policy another value, far enough from its own to be noticed."""
	others = {each.name: getattr(rules, each.name) for each in fields(Policy) if each.init}
	others = {
		name: value + 1 if isinstance(value, int | float) else value[:-1] for name, value in others.items()
	}
	return others | {
		"orders_from": "Sales Order",
		"measure": "Gross Margin",
		"companies": ("Facts Two",),
		"reporting_currency": "EUR",
		"scoring": "Fixed Breakpoints",
		"stages": (*rules.stages, Stage("Many issues", 999, "Repeat", min_open_issues=2)),
		"upsell_value": 0.0,
		"feedback_days": 400,
		"voice_raises_risk": True,
	}


def test_one_currency_reads_nothing_but_the_index(companies: dict[str, str]) -> None:
	from customer_tiering.tiering.orders import orders_for

	company = next(iter(companies))
	write(
		World(companies, [Member("Facts X")], [Paper("Facts 1", "Facts X", company, DAYS[0], Decimal(1))], [])
	)
	orders = orders_for(read_policy(), DAYS[0])
	assert (orders.money(), orders.money_joins()) == ("document.base_net_total", "")


class TestRates:
	DAY = date(2024, 5, 1)

	def value(
		self, companies: dict[str, str], *rates: Rate, total: str = "100", company: str = "Facts Euro"
	) -> float:
		paper = Paper("Facts 1", "Facts X", company, self.DAY, Decimal(total))
		write(World(companies, [Member("Facts X")], [paper], [], list(rates)))
		facts = read_facts(read_policy(), self.DAY, ["Facts X"]).loc["Facts X"]
		assert facts["annual_orders"] == 1
		return facts["annual_value"]

	def rate(
		self, days: int, value: str, there: str = "EUR", back: str = "USD", for_selling: bool = True
	) -> Rate:
		return Rate(self.DAY + timedelta(days=days), there, back, Decimal(value), for_selling)

	def test_that_of_the_day_itself(self, companies: dict[str, str]) -> None:
		rates = (self.rate(-1, "1.5"), self.rate(0, "1.25"), self.rate(1, "2"))
		assert self.value(companies, *rates) == 125

	def test_the_latest_before(self, companies: dict[str, str]) -> None:
		assert self.value(companies, self.rate(-700, "1.5"), self.rate(-400, "1.25")) == 125

	def test_the_other_way_round_if_there_is_only_that(self, companies: dict[str, str]) -> None:
		assert self.value(companies, self.rate(-1, "0.8", "USD", "EUR")) == 125

	def test_the_direct_one_wins_over_a_later_inverse(self, companies: dict[str, str]) -> None:
		rates = (self.rate(-9, "1.25"), self.rate(-1, "0.5", "USD", "EUR"))
		assert self.value(companies, *rates) == 125

	def test_an_inverse_is_exact_on_half_a_cent(self, companies: dict[str, str]) -> None:
		assert self.value(companies, self.rate(0, "1.2", "USD", "EUR"), total="0.03") == 0.03

	def test_not_one_for_buying_only(self, companies: dict[str, str]) -> None:
		assert self.value(companies, self.rate(-9, "1.25"), self.rate(-1, "3", for_selling=False)) == 125

	def test_without_any_the_order_counts_and_its_money_is_reported(self, companies: dict[str, str]) -> None:
		policy = read_policy()
		assert self.value(companies, self.rate(1, "1.25")) == 0
		(missing,) = missing_rates(policy, self.DAY)
		assert (missing.currency, missing.first, missing.last, missing.documents) == (
			"EUR",
			self.DAY,
			self.DAY,
			1,
		)
		assert "EUR" in notes_on_orders(policy, self.DAY)[0]
		explanation = explain("Facts X", self.DAY)
		assert explanation.money == 0 and not explanation.lines[0].counts and explanation.lines[0].is_order
		assert "no exchange rate" in explanation.lines[0].reason

	def test_nothing_is_fetched(self, companies: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
		monkeypatch.setattr(
			"requests.sessions.Session.request", lambda *a, **k: pytest.fail("the network was asked")
		)
		assert self.value(companies) == 0


class TestScope:
	def test_the_same_rows_as_among_everybody(self, companies: dict[str, str]) -> None:
		as_of = DAYS[0]
		world = make_world(random.Random(7), as_of, companies)
		write(world)
		for name in ("upsell", "margin", "sales orders"):
			policy = policy_of(name)
			everybody = read_facts(policy, as_of)
			asked = [member.name for member in world.members[::7]]
			some = read_facts(policy, as_of, [*asked, "nobody of that name"])
			assert list(some.index) == [m.name for m in world.members[::7] if m.counted]
			pd.testing.assert_frame_equal(some, everybody.loc[some.index], check_freq=False)
			assert read_facts(policy, as_of, []).empty

	def test_large_orders_of_some(self, companies: dict[str, str]) -> None:
		as_of = DAYS[0]
		world = make_world(random.Random(8), as_of, companies)
		write(world)
		policy = read_policy()
		everybody = whales(policy, as_of, 1.0)
		asked = everybody["customer"].unique()[:3]
		expected = everybody[everybody["customer"].isin(asked)].reset_index(drop=True)
		pd.testing.assert_frame_equal(whales(policy, as_of, 1.0, asked), expected)

	def test_it_commits_nothing_and_can_be_asked_amid_writes(self) -> None:
		customer = make.make_customer().name
		frappe.db.set_value("Customer", customer, "customer_name", "Amid")
		writes = frappe.db.transaction_writes
		assert list(read_facts(read_policy(), DAYS[0], [customer]).index) == [customer]
		assert frappe.db.transaction_writes == writes
		frappe.db.rollback()
		assert not frappe.db.exists("Customer", customer)

	def test_groups_are_asked_for_as_a_whole(self, companies: dict[str, str]) -> None:
		members = [
			Member("Facts A"),
			Member("Facts B", "Facts A"),
			Member("Facts C", "Facts B"),
			Member("Facts D"),
		]
		write(World(companies, members, [], []))
		for name in "ABC":
			assert with_related([f"Facts {name}"]) == {"Facts A", "Facts B", "Facts C"}
		assert with_related(["Facts D"]) == {"Facts D"}


def test_orders_have_an_index_where_they_are_what_counts(site: str) -> None:
	assert frappe.db.has_index("tabSales Invoice", indexes.FACTS)
	for doctype, names in indexes.PARTIES_COLUMNS.items():
		assert all(frappe.db.has_index(f"tab{doctype}", name) for name in names)
	assert not frappe.db.has_index("tabSales Order", indexes.FACTS)
	try:
		with make.rules(orders_from="Sales Order"):
			indexes.add_indexes()
		assert frappe.db.has_index("tabSales Order", indexes.FACTS)
	finally:
		frappe.db.sql_ddl(f"ALTER TABLE `tabSales Order` DROP INDEX IF EXISTS `{indexes.FACTS}`")


def test_what_else_happened(company: str) -> None:
	day = date(2024, 5, 1)
	customer = make.make_customer(key_date_birthday="1980-02-29").name
	make.make_opportunity(customer, transaction_date="2024-03-01")
	make.make_opportunity(customer, transaction_date="2024-05-02")
	make.make_todo(customer)
	make.make_todo(customer)
	make.make_todo(customer, closed_on="2024-02-02")
	make.make_communication("Customer", customer, "2024-04-04")
	found = read_facts(read_policy(), day, [customer]).loc[customer]
	assert found["last_enquiry"] == pd.Timestamp("2024-03-01")
	assert found["last_follow_up"] == pd.Timestamp("2024-04-04")
	assert found["open_follow_ups"] == 2
	assert found["key_date_birthday"] == pd.Timestamp("1980-02-29")
	assert found.equals(read_facts(read_policy(), day).loc[customer])


def test_a_sale_at_the_till_counts_once_it_is_consolidated(company: str) -> None:
	if not frappe.db.exists("DocType", "POS Invoice"):
		pytest.skip("real bench only: the stand-in has no point of sale")
	from erpnext.accounts.doctype.pos_invoice_merge_log.pos_invoice_merge_log import consolidate_pos_invoices

	day, customer = make.days_ago(0), make.make_customer().name
	make.open_till(day)
	sales = [make.make_pos_invoice(customer, amount, day) for amount in (30, 12.5)]
	found = read_facts(read_policy(), day, [customer]).loc[customer]
	assert (found["orders_ever"], found["annual_value"]) == (0, 0)
	rows = [
		frappe._dict(pos_invoice=sale.name, customer=customer, posting_date=day, grand_total=sale.grand_total)
		for sale in sales
	]
	consolidate_pos_invoices(pos_invoices=rows)
	found = read_facts(read_policy(), day, [customer]).loc[customer]
	assert (found["orders_ever"], found["annual_value"]) == (1, 42.5)
	explanation = explain(customer, day)
	assert [(line.money, line.is_order) for line in explanation.lines] == [(Decimal("42.5"), True)]


def test_a_return_that_is_an_opening_entry_undoes_nothing(companies: dict[str, str]) -> None:
	day, company = date(2024, 5, 1), next(iter(companies))
	order = Paper("Facts 1", "Facts X", company, day, Decimal("100.00"))
	back = replace(
		order, name="Facts 2", total=-order.total, is_return=True, return_against="Facts 1", is_opening="Yes"
	)
	write(World(companies, [Member("Facts X")], [order, back], []))
	found = read_facts(read_policy(), day, ["Facts X"]).loc["Facts X"]
	assert (found["orders_ever"], found["annual_value"]) == (1, 100.0)


@pytest.mark.parametrize(("returned", "orders"), [(["99.99"], 1), (["100.00"], 0), (["50.00", "49.99"], 0)])
def test_only_several_returns_may_be_a_cent_off(
	companies: dict[str, str], returned: list[str], orders: int
) -> None:
	day, company = date(2024, 5, 1), next(iter(companies))
	order = Paper("Facts 1", "Facts X", company, day, Decimal("100.00"))
	back = [
		replace(
			order, name=f"Facts R{money}", total=-Decimal(money), is_return=True, return_against="Facts 1"
		)
		for money in returned
	]
	write(World(companies, [Member("Facts X")], [order, *back], []))
	assert read_facts(read_policy(), day, ["Facts X"]).loc["Facts X"]["orders_ever"] == orders
	assert sum(line.is_order for line in explain("Facts X", day).lines) == orders
