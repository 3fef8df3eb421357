"""Interests on real documents: what counts, who gets a topic, and that what a person set stays."""

import json
from collections.abc import Callable, Iterator
from datetime import date

import frappe
import pytest
from frappe.model.document import Document
from frappe.utils import add_days, getdate

from customer_tiering.engine.interest_rules import SIGNALS_KEPT_DAYS
from customer_tiering.tiering import interest_api
from customer_tiering.tiering.behaviour import record_behaviour
from customer_tiering.tiering.interest_explain import explain_interests
from customer_tiering.tiering.interests import compute_interests, compute_interests_nightly, interest_names
from tests.site import factories as make
from tests.site.factories import days_ago

COFFEE, TEA = "Coffee Machines", "Tea"
ITEMS = {"Espresso 1": "Test Machines", "Espresso 2": "Test Machines", "Green Tea": "Test Leaves"}
WEIGHTS = {"purchase": 10, "enquiry": 8, "event": 5, "click": 5, "open": 4, "page_view": 1}


@pytest.fixture(scope="module", autouse=True)
def catalogue(site: str) -> Iterator[None]:
	"""Two item groups within one, with their items: made once, for they take longer than a test."""
	root = frappe.db.get_value("Item Group", {"parent_item_group": ("in", ("", None))})
	for name, parent, is_group in (
		("Test Drinks", root, 1),
		("Test Machines", "Test Drinks", 0),
		("Test Leaves", "Test Drinks", 0),
	):
		values = {"item_group_name": name, "parent_item_group": parent, "is_group": is_group}
		frappe.get_doc(doctype="Item Group", **values).insert()
	for code, of in ITEMS.items():
		values = {"item_code": code, "item_group": of, "is_stock_item": 0, "stock_uom": "Nos"}
		frappe.get_doc(doctype="Item", **values).insert()
	frappe.db.commit()
	yield
	frappe.db.rollback()
	for code in ITEMS:
		frappe.delete_doc("Item", code, force=True)
	for name in ("Test Machines", "Test Leaves", "Test Drinks"):
		frappe.delete_doc("Item Group", name, force=True)
	frappe.db.commit()


@pytest.fixture(autouse=True)
def new_site(catalogue: None) -> Iterator[None]:
	"""No topics yet, and the settings of a new site."""
	with make.uncommitted():
		make.as_if_new()
		for doctype in ("Interest Topic", "Interest Source", "Customer Interest", "Interest Signal"):
			frappe.db.delete(doctype)
		settings = {f"interest_weight_{kind}": weight for kind, weight in WEIGHTS.items()}
		settings |= {"interest_half_life": 90, "interest_free_opens": 3, "interest_topics": 3}
		set_rules(**settings, interest_min_score=3)
		yield


def topic(name: str = COFFEE, *sources: tuple[str, str], **values: object) -> Document:
	doc = frappe.get_doc(doctype="Interest Topic", topic_name=name, **values)
	for source_type, what in sources or [("Item Group", "Test Machines")]:
		pattern = source_type in ("Web Route", "Event Subject")
		doc.append("sources", {"source_type": source_type, "pattern" if pattern else "source": what})
	return doc.insert()


def invoice(customer: str, *items: str, day: date | str | None = None) -> Document:
	lines = [{"item_code": code, "qty": 2, "rate": 100} for code in items]
	made = make.make_invoice(customer, 100, day, submit=False)
	made.items = []
	made.extend("items", lines)
	return made.save().submit()


def set_rules(**values: object) -> None:
	for field, value in values.items():
		frappe.db.set_single_value("Tiering Settings", field, value)
	frappe.clear_document_cache("Tiering Settings", "Tiering Settings")


def opened(customer: str, template: str, times: int, **values: object) -> None:
	for _ in range(times):
		record_behaviour(customer, "Open", email_template=template, **values)


def mail(name: str = "Machines") -> str:
	return frappe.get_doc(doctype="Email Template", name=name, subject="News", response="News").insert().name


def scores(customer: str) -> dict[str, float]:
	return {each.topic: each.score for each in explain_interests(customer).topics}


def tags(customer: str) -> dict[str, str]:
	"""The customer's topics in the order of the form, each by hand or computed."""
	rows = frappe.get_all(
		"Customer Interest",
		{"parent": customer, "parenttype": "Customer"},
		["topic", "computed"],
		order_by="idx",
	)
	return {row.topic: "computed" if row.computed else "by hand" for row in rows}


def by_hand(customer: str, *topics: str) -> None:
	doc = frappe.get_doc("Customer", customer)
	doc.extend("interests", [{"topic": name} for name in topics])
	doc.save()


@pytest.fixture
def customer() -> str:
	return make.make_customer().name


class TestPurchases:
	def test_an_order_counts_once_for_a_topic_however_many_lines(self, customer: str) -> None:
		topic()
		invoice(customer, "Espresso 1", "Espresso 2", "Green Tea")
		assert scores(customer) == {COFFEE: 10}
		invoice(customer, "Espresso 1", day=days_ago(90))
		assert scores(customer) == {COFFEE: 15}

	def test_a_group_brings_the_groups_below_and_an_item_its_variants(self, customer: str) -> None:
		topic("Drinks", ("Item Group", "Test Drinks"))
		topic("Espresso One", ("Item", "Espresso 1"))
		frappe.db.set_value("Item", "Espresso 2", "variant_of", "Espresso 1")
		invoice(customer, "Green Tea")
		assert scores(customer) == {"Drinks": 10}
		invoice(customer, "Espresso 2")
		assert scores(customer) == {"Drinks": 20, "Espresso One": 10}

	def test_a_line_that_came_back_wholly_counts_nothing(self, customer: str) -> None:
		topic()
		topic(TEA, ("Item", "Green Tea"))
		sold = invoice(customer, "Espresso 1", "Green Tea")
		give_back(sold, "Espresso 1", qty=-1)
		assert scores(customer) == {COFFEE: 10, TEA: 10}, "half of it is still there"
		give_back(sold, "Espresso 1", qty=-1)
		assert scores(customer) == {TEA: 10}
		give_back(sold, "Green Tea", qty=-2)
		assert scores(customer) == {}

	def test_an_order_that_was_credited_without_naming_its_lines_counts_nothing(self, customer: str) -> None:
		topic()
		sold = invoice(customer, "Espresso 1")
		credit = give_back(sold, "Espresso 1", qty=-2)
		frappe.db.set_value("Sales Invoice Item", credit.items[0].name, "sales_invoice_item", None)
		assert scores(customer) == {}

	def test_drafts_cancelled_later_and_other_items_count_nothing(self, customer: str) -> None:
		topic()
		make.make_invoice(customer, 10, submit=False, item={"item_code": "Espresso 1"})
		invoice(customer, "Espresso 1").cancel()
		invoice(customer, "Espresso 1", day=add_days(getdate(), 3))
		invoice(customer, "Green Tea")
		assert scores(customer) == {}

	def test_sales_orders_count_where_they_are_the_orders(self, customer: str) -> None:
		topic()
		make.make_sales_order(customer, 10, item={"item_code": "Espresso 1"})
		assert scores(customer) == {}
		set_rules(orders_from="Sales Order")
		assert scores(customer) == {COFFEE: 10}
		(line,) = explain_interests(customer).topics[0].lines
		assert (line.kind, line.doctype, line.day) == ("Purchase", "Sales Order", getdate())


def give_back(sold: Document, code: str, qty: int) -> Document:
	"""A return of so many of one item."""
	from erpnext.controllers.sales_and_purchase_return import make_return_doc

	credit = make_return_doc("Sales Invoice", sold.name)
	credit.items = [line for line in credit.items if line.item_code == code]
	credit.items[0].update({"qty": qty, "price_list_rate": 0})
	credit.update({"due_date": None, "disable_rounded_total": 1, "payment_schedule": []})
	return credit.insert().submit()


class TestEnquiriesAndEvents:
	def test_opportunities_and_quotations(self, customer: str) -> None:
		topic()
		line = {"item_code": "Espresso 1", "qty": 1, "rate": 5}
		make.make_opportunity(customer, items=[line], transaction_date=days_ago(90))
		assert scores(customer) == {COFFEE: 4}
		quotation = frappe.get_doc(
			doctype="Quotation", quotation_to="Customer", party_name=customer, company=make.ensure_company()
		)
		quotation.append("items", line)
		quotation.insert().submit()
		assert scores(customer) == {COFFEE: 12}
		assert {line.doctype for line in explain_interests(customer).topics[0].lines} == {
			"Opportunity",
			"Quotation",
		}
		quotation.cancel()
		assert scores(customer) == {COFFEE: 4}

	def test_an_event_counts_for_whoever_takes_part_once_it_has_been(self, customer: str) -> None:
		topic(COFFEE, ("Event Subject", "coffee tast"))
		contact = make.make_contact(customer)
		subject = {"subject": "Spring Coffee Tasting"}
		event = make.make_event(customer, days_ago(0), **subject)
		event.append(
			"event_participants", {"reference_doctype": "Contact", "reference_docname": contact.name}
		)
		event.save()
		make.make_event(customer, days_ago(0), subject="Coffee, not tasted")
		make.make_event(customer, add_days(getdate(), 2), **subject)
		assert scores(customer) == {COFFEE: 5}
		event.update({"status": "Cancelled"}).save()
		assert scores(customer) == {}


class TestBehaviour:
	def test_the_fourth_opened_mail_makes_an_interest(self, customer: str) -> None:
		template = mail()
		topic(COFFEE, ("Email Template", template))
		opened(customer, template, 3)
		compute_interests()
		assert tags(customer) == {} and scores(customer) == {COFFEE: 0}
		opened(customer, template, 1)
		compute_interests()
		assert tags(customer) == {COFFEE: "computed"} and scores(customer) == {COFFEE: 4}

	def test_a_mail_is_opened_once_however_often_it_is_read(self, customer: str) -> None:
		template = mail()
		topic(COFFEE, ("Email Template", template))
		set_rules(interest_free_opens=1)

		def touch() -> dict:
			name = frappe.get_doc(doctype="ToDo", description="Touch").insert().name
			return {"reference_doctype": "ToDo", "reference_name": name}

		opened(customer, template, 4, on=f"{days_ago(180)} 10:00:00", **touch())
		assert scores(customer) == {COFFEE: 0}
		last = touch()
		for day in (days_ago(90), getdate()):  # it is as old as the first time
			opened(customer, template, 1, on=f"{day} 10:00:00", **last)
		assert scores(customer) == {COFFEE: 2}

	def test_forgetting_what_is_old_changes_nothing(self, customer: str) -> None:
		template = mail()
		topic(COFFEE, ("Email Template", template))
		for day in (
			SIGNALS_KEPT_DAYS + 1,
			SIGNALS_KEPT_DAYS,
			90,
			90,
			0,
		):  # three of the last four are the free ones
			opened(customer, template, 1, on=f"{days_ago(day)} 00:00:00")
		assert scores(customer) == {COFFEE: 4}
		compute_interests_nightly()
		assert scores(customer) == {COFFEE: 4} and frappe.db.count("Interest Signal") == 4

	def test_a_click_counts_by_mail_and_by_page_but_once(self, customer: str) -> None:
		template = mail()
		topic(COFFEE, ("Email Template", template), ("Web Route", "products/coffee*"))
		topic(TEA, ("Web Route", "/products/tea_100%"))
		record_behaviour(
			customer, "Click", email_template=template, route="https://shop.example.com/products/coffee-1?x=1"
		)
		assert scores(customer) == {COFFEE: 5}
		record_behaviour(customer, "Click", route="/products/coffee-2")
		record_behaviour(customer, "Click", route="products/tea-1000")
		assert scores(customer) == {COFFEE: 10}
		record_behaviour(customer, "Click", route="products/tea_100%")
		assert scores(customer) == {COFFEE: 10, TEA: 5}

	def test_pages_that_a_portal_user_saw_count_once_a_day(self, customer: str) -> None:
		topic(COFFEE, ("Web Route", "products/*"))
		user = make.ensure_user("portal@example.com")
		make.make_contact(customer, "portal@example.com", user=user)
		for owner, path, ago in (
			(user, "products/1", 0),
			(user, "products/1", 0),
			(user, "products/2", 0),
			(user, "products/1", 90),
			(user, "about", 0),
			("Guest", "products/1", 0),
		):
			view = frappe.get_doc(doctype="Web Page View", path=path).insert()
			frappe.db.set_value(
				"Web Page View",
				view.name,
				{"owner": owner, "creation": f"{days_ago(ago)} 10:00:00"},
				update_modified=False,
			)
		assert scores(customer) == {COFFEE: 2.5}
		assert {line.text for line in explain_interests(customer).topics[0].lines} == {
			"products/1",
			"products/2",
		}

	@pytest.mark.parametrize("wrong", [{"kind": "Dream"}, {"email_template": None}, {"customer": "Nobody"}])
	def test_what_makes_no_sense_is_refused(self, customer: str, wrong: dict) -> None:
		given = {"customer": customer, "kind": "Open", "email_template": mail(), **wrong}
		with pytest.raises(frappe.ValidationError):
			record_behaviour(**given)
		assert not frappe.get_all("Interest Signal")

	def test_a_template_that_is_gone_and_a_deleted_customer_leave_nothing_in_the_way(
		self, customer: str
	) -> None:
		opened(customer, mail("Short-lived"), 1)
		frappe.delete_doc("Email Template", "Short-lived")
		frappe.delete_doc("Customer", customer)
		assert not frappe.get_all("Interest Signal")

	def test_signals_show_only_customers_that_one_may_see(self, customer: str) -> None:
		opened(customer, mail(), 1)
		place = frappe.get_doc(doctype="Territory", territory_name="Interest Land", is_group=0).insert().name
		user = make.ensure_user("interest-rep@example.com", "Sales User")
		frappe.get_doc(doctype="User Permission", user=user, allow="Territory", for_value=place).insert()
		frappe.set_user(user)
		assert frappe.get_list("Interest Signal") == []
		frappe.set_user("Administrator")
		frappe.db.set_value("Customer", customer, "territory", place)
		frappe.set_user(user)
		assert len(frappe.get_list("Interest Signal")) == 1


class TestTags:
	def test_the_strongest_topics_that_reach_the_minimum(self, customer: str) -> None:
		topic()
		topic(TEA, ("Item", "Green Tea"))
		topic("Drinks", ("Item Group", "Test Drinks"))
		invoice(customer, "Espresso 1", "Green Tea")
		invoice(customer, "Green Tea")
		set_rules(interest_topics=2)
		summary = compute_interests()
		assert tags(customer) == {"Drinks": "computed", TEA: "computed"}
		assert (summary.customers, summary.changed, summary.topics) == (1, 1, {"Drinks": 1, TEA: 1})
		set_rules(interest_min_score=10.01)
		compute_interests()
		assert list(tags(customer)) == ["Drinks", TEA]
		set_rules(interest_min_score=20.01)
		compute_interests()
		assert tags(customer) == {}

	def test_only_what_differs_is_written_and_modified_stands_still(self, customer: str) -> None:
		topic()
		invoice(customer, "Espresso 1")
		modified = frappe.db.get_value("Customer", customer, "modified")
		assert compute_interests(dry_run=True).changed == 1
		assert tags(customer) == {}
		compute_interests()
		before = make.checksums("Customer Interest")
		assert compute_interests().changed == 0
		assert make.checksums("Customer Interest") == before
		assert frappe.db.get_value("Customer", customer, "modified") == modified

	def test_what_a_person_set_stays_for_ever(self, customer: str) -> None:
		topic()
		topic(TEA, ("Item", "Green Tea"))
		invoice(customer, "Espresso 1")
		by_hand(customer, TEA)
		compute_interests()
		assert tags(customer) == {TEA: "by hand", COFFEE: "computed"}
		by_hand(customer, COFFEE)
		assert tags(customer) == {TEA: "by hand", COFFEE: "by hand"}
		set_rules(interest_topics=0)
		assert compute_interests().changed == 0
		assert tags(customer) == {TEA: "by hand", COFFEE: "by hand"}
		assert set(interest_names(customer)) == {TEA, COFFEE}

	def test_keeping_a_computed_one_on_the_form_sets_it_by_hand(self, customer: str) -> None:
		topic()
		invoice(customer, "Espresso 1")
		compute_interests()
		form = frappe.get_doc("Customer", customer)
		form.interests[0].computed = 0
		form.save()
		assert tags(customer) == {COFFEE: "by hand"}
		changes = [
			json.loads(data) for data in frappe.get_all("Version", {"docname": customer}, pluck="data")
		]
		assert changes and not any(change["row_changed"] for change in changes), (
			"it breaks the form's timeline"
		)

	def test_a_tag_set_by_hand_can_be_taken_away_again_and_a_computed_one_cannot(self, customer: str) -> None:
		topic()
		topic(TEA)
		by_hand(customer, TEA)
		invoice(customer, "Espresso 1")
		set_rules(interest_topics=1)
		compute_interests()
		doc = frappe.get_doc("Customer", customer)
		doc.interests = []
		doc.save()
		assert tags(customer) == {COFFEE: "computed"}

	def test_a_form_that_was_open_meanwhile_brings_nothing_back_and_takes_nothing_away(
		self, customer: str
	) -> None:
		topic()
		topic(TEA, ("Item", "Green Tea"))
		invoice(customer, "Espresso 1")
		compute_interests()
		form = frappe.get_doc("Customer", customer)
		invoice(customer, "Green Tea")
		frappe.get_doc("Interest Topic", COFFEE).update({"disabled": 1}).save()
		compute_interests()
		assert tags(customer) == {TEA: "computed"}
		form.website = "https://example.com"
		form.save()
		assert tags(customer) == {TEA: "computed"}
		assert compute_interests().changed == 0

	def test_nobody_forges_a_computed_one(self, customer: str) -> None:
		topic()
		doc = frappe.get_doc("Customer", customer)
		doc.append("interests", {"topic": COFFEE, "computed": 1})
		doc.save()
		assert tags(customer) == {}
		made = make.make_customer(interests=[{"topic": COFFEE, "computed": 1}])
		assert tags(made.name) == {}

	def test_disabled_and_internal_customers_have_none(self, customer: str) -> None:
		topic()
		invoice(customer, "Espresso 1")
		compute_interests()
		frappe.db.set_value("Customer", customer, "disabled", 1)
		compute_interests()
		assert tags(customer) == {}

	def test_the_list_of_customers_filters_by_interest(self, customer: str) -> None:
		topic()
		by_hand(customer, COFFEE)
		make.make_customer()
		filters = [["Customer Interest", "topic", "=", COFFEE]]
		assert frappe.get_list("Customer", filters=filters, pluck="name") == [customer]

	def test_a_merge_of_customers_keeps_what_people_set_on_either(self, customer: str) -> None:
		for name in (COFFEE, TEA, "Drinks"):
			topic(name, ("Item", "Espresso 1"))
		other = make.make_customer().name
		invoice(customer, "Espresso 1")
		invoice(other, "Espresso 1")
		by_hand(customer, TEA)
		by_hand(other, TEA, COFFEE)
		opened(other, mail(), 1)
		compute_interests()
		frappe.rename_doc("Customer", other, customer, merge=True)
		assert tags(customer) == {TEA: "by hand", COFFEE: "by hand", "Drinks": "computed"}
		assert frappe.get_all("Interest Signal", pluck="customer") == [customer]
		assert not frappe.get_all("Customer Interest", {"parent": other})
		assert compute_interests().changed == 0
		assert scores(customer)[COFFEE] == 20


class TestTopics:
	def test_a_disabled_topic_loses_its_computed_tags_and_keeps_the_others(self, customer: str) -> None:
		doc = topic()
		other = make.make_customer().name
		for name in (customer, other):
			invoice(name, "Espresso 1")
		by_hand(other, COFFEE)
		compute_interests()
		doc.update({"disabled": 1}).save()
		compute_interests()
		assert (tags(customer), tags(other)) == ({}, {COFFEE: "by hand"})

	def test_deleting_one_takes_computed_tags_along_and_refuses_over_those_of_people(
		self, customer: str
	) -> None:
		topic()
		invoice(customer, "Espresso 1")
		compute_interests()
		frappe.delete_doc("Interest Topic", COFFEE)
		assert tags(customer) == {} and not frappe.get_all("Interest Source")
		topic()
		by_hand(customer, COFFEE)
		with pytest.raises(frappe.LinkExistsError, match="1 customers have the interest"):
			frappe.delete_doc("Interest Topic", COFFEE)
		assert tags(customer) == {COFFEE: "by hand"}

	def test_renaming_and_merging_take_the_tags_along_once(self, customer: str) -> None:
		topic()
		topic(TEA, ("Item", "Green Tea"))
		invoice(customer, "Espresso 1", "Green Tea")
		compute_interests()
		frappe.rename_doc("Interest Topic", COFFEE, "Espresso")
		assert set(tags(customer)) == {"Espresso", TEA}
		by_hand(customer, TEA)
		frappe.rename_doc("Interest Topic", "Espresso", TEA, merge=True)
		assert tags(customer) == {TEA: "by hand"}
		frappe.get_doc("Customer", customer).save()

	def test_sources_follow_what_they_name(self, customer: str) -> None:
		topic()
		frappe.rename_doc("Item Group", "Test Machines", "Test Makers")
		invoice(customer, "Espresso 1")
		assert scores(customer) == {COFFEE: 10}
		frappe.db.delete("Item Group", {"name": "Test Makers"})
		assert scores(customer) == {}

	@pytest.mark.parametrize(
		("row", "words"),
		[
			({"source_type": "Item"}, "Row 1: Record is needed"),
			({"source_type": "Event Subject"}, "Row 1: Pattern is needed"),
			({"source_type": "Web Route", "pattern": " /* "}, "Row 1: Pattern takes everything"),
			({"source_type": "Item", "source": "No Such Item"}, "No Such Item"),
			({"source_type": "Horoscope", "source": "x"}, "Horoscope"),
		],
	)
	def test_rows_that_say_nothing_are_refused(self, row: dict, words: str) -> None:
		doc = frappe.get_doc(doctype="Interest Topic", topic_name=COFFEE, sources=[row])
		with pytest.raises(frappe.ValidationError, match=words):
			doc.insert()

	def test_a_row_stands_once(self) -> None:
		with pytest.raises(frappe.ValidationError, match="there already"):
			topic(COFFEE, ("Item", "Espresso 1"), ("Item", "Espresso 1"))


class TestExplanation:
	def test_it_adds_up_and_says_where_everything_came_from(self, customer: str) -> None:
		template = mail()
		topic(COFFEE, ("Item Group", "Test Machines"), ("Email Template", template))
		topic(TEA, ("Item", "Green Tea"))
		sold = invoice(customer, "Espresso 1", day=days_ago(7))
		opened(customer, template, 4)
		touch = frappe.get_doc(doctype="ToDo", description="Touch").insert()
		reference = {"reference_doctype": "ToDo", "reference_name": touch.name}
		record_behaviour(customer, "Click", email_template=template, **reference)
		by_hand(customer, TEA)
		compute_interests()
		found = interest_api.explain_interests(customer)
		coffee, tea = found["topics"]
		assert (coffee["topic"], tea["topic"]) == (COFFEE, TEA)
		points = [line["points"] for line in coffee["lines"]]
		assert round(sum(points), 2) == coffee["score"] == 18.48
		assert sorted(points) == [0, 0, 0, 4, 5, 9.48]
		assert [line["name"] for line in coffee["lines"] if line["kind"] == "Purchase"] == [sold.name]
		assert [line["name"] for line in coffee["lines"] if line["kind"] == "Click"] == [touch.name]
		assert coffee["standing"].startswith("Computed. It goes about")
		assert (tea["standing"], tea["lines"], tea["by_hand"]) == ("Set by hand: it stays.", [], True)

	def test_it_says_what_the_next_run_will_do(self, customer: str) -> None:
		topic()
		topic(TEA, ("Item", "Green Tea"))
		invoice(customer, "Espresso 1")
		assert explain_interests(customer).topics[0].standing.startswith("Comes with the next run.")
		compute_interests()
		set_rules(interest_weight_purchase=2)
		assert explain_interests(customer).topics[0].standing == "Goes with the next run."
		compute_interests()
		assert explain_interests(customer).topics[0].standing == "Below the minimum score of 3."
		set_rules(interest_weight_purchase=10, interest_topics=1)
		invoice(customer, "Green Tea")
		invoice(customer, "Green Tea")
		compute_interests()
		assert "1 strongest" in explain_interests(customer).topics[1].standing

	def test_it_is_for_whoever_may_read_the_customer(self, customer: str) -> None:
		topic(COFFEE, ("Event Subject", "secret"))
		make.make_event(customer, getdate(), subject="Secret plan")
		frappe.set_user(make.ensure_user("nobody@example.com"))
		with pytest.raises(frappe.PermissionError):
			interest_api.explain_interests(customer)
		frappe.set_user(make.ensure_user("interest-sales@example.com", "Sales User"))
		(line,) = interest_api.explain_interests(customer)["topics"][0]["lines"]
		assert (line["text"], line["points"]) == ("", 5)


class TestDesk:
	def test_a_preview_takes_the_form_as_it_is_and_writes_nothing(self, customer: str) -> None:
		topic(TEA, ("Item", "Green Tea"))
		invoice(customer, "Espresso 1", "Green Tea")
		before = make.checksums("Interest Topic", "Interest Source", "Customer Interest")
		source = {"source_type": "Item", "source": "Espresso 1"}
		form = {
			"doctype": "Interest Topic",
			"name": "new-interest-topic-1",
			"__islocal": 1,
			"topic_name": COFFEE,
		}
		found = interest_api.preview_topic(json.dumps({**form, "sources": [source]}))
		assert (found["customers"], found["had"], found["by_hand"]) == (1, 0, 0)
		assert [(row["customer"], row["score"]) for row in found["shown"]] == [(customer, 10)]
		saved = {"doctype": "Interest Topic", "name": TEA, "topic_name": TEA}
		assert interest_api.preview_topic(json.dumps({**saved, "sources": [source]}))["customers"] == 1
		assert interest_api.preview_topic(json.dumps({**saved, "sources": []}))["customers"] == 0
		assert make.checksums("Interest Topic", "Interest Source", "Customer Interest") == before

	def test_topics_from_item_groups(self, customer: str) -> None:
		topic("Test Leaves")
		offered = {row["name"]: row["items"] for row in interest_api.groups_without_topic()}
		assert offered["Test Machines"] == 2 and not {"Test Leaves", "Test Drinks"} & set(offered)
		assert interest_api.make_topics(json.dumps(["Test Machines", "Test Leaves", "No Such"])) == [
			"Test Machines"
		]
		invoice(customer, "Espresso 1")
		assert scores(customer)["Test Machines"] == 10

	@pytest.mark.parametrize("call", [interest_api.preview_topic, interest_api.make_topics])
	def test_what_is_no_json_is_refused(self, call: Callable) -> None:
		with pytest.raises(frappe.ValidationError, match="no JSON"):
			call("{ no <b>JSON")

	@pytest.mark.parametrize("groups", ['["in", ["a"]]', '{"a": 1}', [1]])
	def test_what_is_no_list_of_names_is_refused(self, groups: str | list) -> None:
		with pytest.raises(frappe.ValidationError, match="a list of names"):
			interest_api.make_topics(groups)

	def test_they_are_for_who_may_edit_topics(self) -> None:
		frappe.set_user(make.ensure_user("interest-sales@example.com", "Sales User"))
		calls: list[Callable] = [
			lambda: interest_api.preview_topic('{"doctype": "Interest Topic"}'),
			interest_api.groups_without_topic,
			lambda: interest_api.make_topics("[]"),
		]
		for call in calls:
			with pytest.raises(frappe.PermissionError):
				call()

	@pytest.mark.parametrize(
		("field", "value"),
		[
			("interest_half_life", 0),
			("interest_half_life", 3651),
			("interest_topics", 21),
			("interest_min_score", -1),
			("interest_free_opens", 101),
			("interest_weight_open", 1001),
			("interest_weight_page_view", -1),
		],
	)
	def test_settings_out_of_range_are_refused_by_name(self, field: str, value: int) -> None:
		label = frappe.get_meta("Tiering Settings").get_label(field)
		with pytest.raises(frappe.ValidationError, match=label.replace("(", r"\(").replace(")", r"\)")):
			frappe.get_single("Tiering Settings").update({field: value}).save()


def test_the_command_writes_says_and_explains(
	bench_command: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
	done = bench_command("tiering", "interests", "--dry-run", "--json")
	assert done.returncode == 0, done.stderr
	assert set(json.loads(done.stdout)) == {"as_of", "customers", "changed", "topics"}
	unknown = bench_command("tiering", "interests", "--explain", "No Such Customer")
	assert unknown.returncode == 1 and "No Such Customer" in unknown.stderr
