"""Who a rule or a sequence is for: the framework's filters, read with the system's rights, on any day."""

import json
from collections.abc import Iterator
from datetime import date

import frappe
import pytest
from frappe.utils import get_timespan_date_range, getdate

from customer_tiering.tiering.api import preview_audience
from customer_tiering.tiering.audience import customers_in, validate
from customer_tiering.tiering.timespans import days_of
from tests.site import factories

TIMESPANS = [
	*(
		f"{which} {unit}"
		for which in ("last", "this", "next")
		for unit in ("week", "month", "quarter", "year")
	),
	*("last 6 months", "next 6 months", "yesterday", "today", "tomorrow"),
	*(f"last {days} days" for days in (7, 14, 30, 90)),
	*(f"next {days} days" for days in (7, 14, 30)),
]


@pytest.fixture(autouse=True)
def alone(on_site: None) -> Iterator[None]:
	with factories.uncommitted():
		yield


def make(name: str, *topics: str, **values: object) -> str:
	customer = factories.make_customer(name, interests=[{"topic": topic(each)} for each in topics])
	if values:
		customer.db_set(values)
	return customer.name


def topic(name: str) -> str:
	if not frappe.db.exists("Interest Topic", name):
		frappe.get_doc(doctype="Interest Topic", topic_name=name).insert()
	return name


def found(*filters: list, **more: object) -> set[str]:
	return {name for name in customers_in(json.dumps(filters), **more) if name.startswith("Audience")}


def test_several_filters_are_all_met() -> None:
	make("Audience A", customer_tier="A", annual_orders=3)
	make("Audience B", customer_tier="A", annual_orders=1)
	make("Audience C", customer_tier="B", annual_orders=3)
	tier = ["Customer", "customer_tier", "=", "A"]
	assert found(tier) == {"Audience A", "Audience B"}
	assert found(tier, ["Customer", "annual_orders", ">=", 2]) == {"Audience A"}
	assert found(["Customer", "customer_tier", "in", "A,B"], among=["Audience C", "Nobody"]) == {"Audience C"}
	assert found(["Customer", "customer_tier", "in", ["A", "B"]], among=[]) == set()


def test_without_filters_it_is_everybody_but_disabled_and_internal_ones() -> None:
	make("Audience A")
	make("Audience B", disabled=1)
	make("Audience C", is_internal_customer=1)
	assert found() == {"Audience A"}
	assert customers_in(None) >= {"Audience A"}


def test_interests() -> None:
	make("Audience A", "Pumps", "Valves")
	make("Audience B", "Valves")
	make("Audience C")
	pumps = ["Customer Interest", "topic", "=", "Pumps"]
	assert found(pumps) == {"Audience A"}
	assert found(["Customer Interest", "topic", "in", "Pumps,Valves"]) == {"Audience A", "Audience B"}
	assert found(["Customer Interest", "topic", "!=", "Pumps"]) == {"Audience B", "Audience C"}
	assert found(["Customer Interest", "topic", "not in", "Pumps, Valves"]) == {"Audience C"}
	assert found(["Customer Interest", "topic", "is", "not set"]) == {"Audience C"}
	assert found(pumps, ["Customer Interest", "topic", "!=", "Valves"]) == set()


def test_a_territory_and_all_below_it() -> None:
	leaf = make("Audience A")
	territory = frappe.db.get_value("Customer", leaf, "territory")
	root = frappe.get_all("Territory", filters={"is_group": 1}, order_by="lft", limit=1, pluck="name")[0]
	assert found(["Customer", "territory", "descendants of", root]) == {"Audience A"}
	assert found(["Customer", "territory", "descendants of", territory]) == set()


def test_a_company_that_they_ordered_from() -> None:
	buyer, other = make("Audience A"), make("Audience B")
	factories.make_invoice(buyer, 100)
	factories.make_invoice(other, 100, submit=False)
	assert found(company=factories.ensure_company()) == {buyer}


def test_timespans_are_seen_from_the_day_that_is_asked_for() -> None:
	make("Audience A", last_order_date="2026-02-10")
	last_month = ["Customer", "last_order_date", "Timespan", "last month"]
	assert found(last_month, as_of=date(2026, 3, 31)) == {"Audience A"}
	assert found(last_month, as_of=date(2026, 4, 1)) == set()


@pytest.mark.parametrize("timespan", TIMESPANS)
def test_a_timespan_is_what_the_framework_takes_it_for(timespan: str) -> None:
	theirs = get_timespan_date_range(timespan)
	if not theirs:
		pytest.skip("real bench only: the framework of 2023 knows fewer timespans")
	assert days_of(timespan, getdate()) == tuple(getdate(day) for day in theirs)


@pytest.mark.parametrize(
	("filters", "named"),
	[
		([["Customer", "shoe_size", "=", 44]], "shoe_size"),
		([["Customer", "customer_tier", "resembles", "A"]], "Tier"),
		([["Customer", "customer_tier", "=", "Platinum Plus"]], "Platinum Plus"),
		([["Customer", "last_order_date", "Timespan", "last fortnight"]], "last fortnight"),
		([["Customer", "last_order_date", ">", "long ago"]], "Last Order"),
		([["Sales Invoice", "customer", "=", "X"]], "Sales Invoice"),
		([["Customer", "interests", "=", "Pumps"]], "interests"),
		("nonsense", "Audience|audience"),
		('{"customer_tier": "A"}', "Audience|audience"),
		([["Customer"]], "audience"),
		([["Customer", ["name"], "=", 1]], "audience"),
	],
)
def test_bad_filters_are_refused_by_name(filters: object, named: str) -> None:
	with pytest.raises(frappe.ValidationError, match=named):
		validate(filters if isinstance(filters, str) else json.dumps(filters))


def test_good_ones_are_not() -> None:
	validate(None)
	validate("[]")
	validate([["Customer", "customer_tier", "in", "A,B"], ["Customer", "creation", "Timespan", "last year"]])
	validate([["Customer", "customer_tier", "is", "not set", False]])


def test_the_preview_is_for_those_who_edit_rules() -> None:
	make("Audience A", customer_tier="A", annual_value=10**9)
	rep = factories.ensure_user("audience.rep@example.com", "Sales User", "Sales Manager")
	manager = factories.ensure_user("audience.manager@example.com", "Tiering Manager")
	frappe.set_user(rep)
	with pytest.raises(frappe.PermissionError):
		preview_audience("[]")
	frappe.set_user(manager)
	filters = json.dumps([["Customer", "customer_name", "=", "Audience A"]])
	assert preview_audience(filters) == {"count": 1, "some": []}  # may not read customers
	frappe.set_user("Administrator")
	assert [each.name for each in preview_audience(filters)["some"]] == ["Audience A"]
	with pytest.raises(frappe.ValidationError, match="shoe_size"):
		preview_audience('[["Customer", "shoe_size", "=", 44]]')
