"""What administrators edit: bad input is refused with the field's name, and changes nothing."""

from collections.abc import Iterator
from dataclasses import fields, replace
from datetime import date
from pathlib import Path

import frappe
import pytest
from frappe.model.document import Document

from customer_tiering.engine.policy import Policy
from customer_tiering.tiering import retention
from tests.engine.populations import Customers, order, policy
from tests.engine.test_conditions import keys_of
from tests.oracle import Person
from tests.site import factories as make
from tests.site.factories import checksums, computed, recompute


@pytest.fixture(autouse=True)
def new_site(site: str) -> Iterator[None]:
	with make.uncommitted():
		make.as_if_new()
		yield


def refused(doc: Document, words: str) -> None:
	"""Saving raises an error that holds the words, and the database stays as it was."""
	before = checksums(doc.doctype) if not doc.meta.issingle else frappe.db.get_singles_dict(doc.doctype)
	with pytest.raises(frappe.ValidationError, match=words):
		doc.save() if not doc.is_new() else doc.insert()
	after = checksums(doc.doctype) if not doc.meta.issingle else frappe.db.get_singles_dict(doc.doctype)
	assert before == after


def tier(name: str, **values: object) -> Document:
	doc = frappe.get_doc("Customer Tier", name)
	return doc.update(values)


def new_tier(**values: object) -> Document:
	return frappe.get_doc(doctype="Customer Tier", **{"tier_name": "X", **values})


def stage(name: str, **values: object) -> Document:
	return frappe.get_doc("Lifecycle Stage", name).update(values)


def new_stage(**values: object) -> Document:
	given = {"stage_name": "Stage X", "position": 99, "meaning": "Repeat", **values}
	return frappe.get_doc(doctype="Lifecycle Stage", **given)


def settings(**values: object) -> Document:
	return frappe.get_single("Tiering Settings").update(values)


class TestStagesTogether:
	def test_nobody_is_asleep_without_days(self) -> None:
		refused(stage("Dormant", min_days_since_order=0), "Days since Last Order must be 1 or more")

	@pytest.mark.parametrize(
		("name", "days"), [("Dormant", 365), ("Dormant", 400), ("Lost", 180), ("Lost", 100)]
	)
	def test_customers_are_dormant_before_they_are_lost(self, name: str, days: int) -> None:
		refused(stage(name, min_days_since_order=days), "dormant before they are lost")

	def test_some_stage_must_take_whoever_no_other_takes(self) -> None:
		for name, who in (("First Purchase", "every customer who has ordered"), ("Lead", "never ordered")):
			with pytest.raises(frappe.ValidationError, match=who):
				frappe.delete_doc("Lifecycle Stage", name)
			assert frappe.db.exists("Lifecycle Stage", name)
		refused(stage("First Purchase", min_orders=2), "every customer who has ordered")
		frappe.delete_doc("Lifecycle Stage", "Lost")

	def test_a_gap_that_was_there_is_closed_in_any_order(self) -> None:
		frappe.db.set_value("Lifecycle Stage", "First Purchase", "min_orders", 2)
		stage("Lost", min_days_since_order=400).save()
		stage("First Purchase", min_orders=0).save()

	def test_the_desk_is_told_in_what_currency_figures_are(self) -> None:
		"""Under the name of which the framework looks a field's currency up: `:DocType`."""
		make.ensure_company("Euro Books", "EUR")
		frappe.cache.set_value("bootinfo", "of before")
		settings(reporting_currency="EUR").save()
		told = frappe._dict(docs=[])
		for method in frappe.get_hooks("extend_bootinfo", app_name="customer_tiering"):
			frappe.get_attr(method)(told)
		(shown,) = told.docs
		assert (shown["doctype"], shown["reporting_currency"]) == (":Tiering Settings", "EUR")
		options = frappe.get_meta("Customer").get_field("predicted_clv").options.split(":")
		assert options[::2] == ["Tiering Settings", "reporting_currency"]
		assert not frappe.get_meta("Customer").has_field(options[1])
		assert frappe.cache.get_value("bootinfo") != "of before"

	def test_a_currency_without_rates_is_taken_with_a_warning(self) -> None:
		make.ensure_company("Euro Books", "EUR")
		make.make_invoice(make.make_customer().name, 100, make.days_ago(5))
		frappe.clear_messages()
		settings(reporting_currency="EUR").save()
		(message,) = map(str, frappe.message_log)
		assert "1 of 1 documents have no exchange rate to EUR" in message
		settings(reporting_currency="USD").save()
		make.make_rate("USD", "EUR", make.days_ago(5), 0.9)
		frappe.clear_messages()
		settings(reporting_currency="EUR").save()
		assert not frappe.message_log

	@pytest.mark.parametrize("months", ["12.7", 12.7])
	def test_a_whole_number_is_not_cut_off(self, months: object) -> None:
		refused(settings(window_months=months), "Window .*must be a whole number")

	def test_a_currency_without_a_company_is_refused(self) -> None:
		refused(settings(reporting_currency="CHF"), "no company keeps its books in CHF")


class TestSettings:
	@pytest.mark.parametrize(
		"text",
		["", "30", "30, 90, 180", "30, 90, 180, 180", "365, 180, 90, 30", "30, 90, x, 365", "0, 1, 2, 3"],
	)
	def test_breakpoints_are_four_rising_numbers(self, text: str) -> None:
		refused(settings(recency_breakpoints=text), "Recency Breakpoints .* four rising numbers")

	def test_days_and_orders_are_whole_numbers(self) -> None:
		refused(settings(frequency_breakpoints="1.5, 2, 3, 4"), "must be whole numbers")
		settings(monetary_breakpoints="1.5，2, 3; 4").save()

	def test_what_must_rise_rises(self) -> None:
		refused(settings(abc_a_percent=95), "must be less than")
		refused(settings(churn_high_factor=1), "must be less than")

	@pytest.mark.parametrize(
		("field", "values"),
		[
			("window_months", [0, -1, 121]),
			("high_frequency_orders", [0, -3]),
			("near_score", [0, 6, -1]),
			("high_score", [0, 6, -1]),
			("abc_a_percent", [0, 100]),
			("abc_b_percent", [101]),
			("churn_medium_factor", [0, -1]),
			("sleep_default_days", [0]),
			("decline_percent", [-1, 101]),
			("decline_months", [25]),
			("upsell_value", [-1]),
			("key_date_lead_days", [181]),
			("ledger_retention_years", [-1]),
		],
	)
	def test_numbers_out_of_range_are_refused_by_name(self, field: str, values: list[int]) -> None:
		label = frappe.get_meta("Tiering Settings").get_label(field)
		for value in values:
			with pytest.raises(frappe.ValidationError) as refusal:
				settings(**{field: value}).save()
			assert label in str(refusal.value)
			assert frappe.db.get_single_value("Tiering Settings", field, cache=False) not in values

	def test_the_ends_of_the_ranges_are_taken(self) -> None:
		settings(window_months=1, high_frequency_orders=1, near_score=1, high_score=5).save()
		settings(window_months=120, near_score=5, high_score=1).save()

	def test_an_empty_reporting_currency_is_refused(self) -> None:
		refused(settings(reporting_currency=None), "(?i)reporting.currency")

	def test_an_unknown_reporting_currency_is_refused(self) -> None:
		refused(settings(reporting_currency="XXQ"), "(?i)reporting.currency.*XXQ")

	def test_a_disabled_follow_up_user_is_refused(self) -> None:
		user = make.ensure_user("gone@example.com")
		frappe.db.set_value("User", user, "enabled", 0)
		refused(settings(default_follow_up_user=user), "(?i)default follow-up user.*gone@example.com")

	def test_a_sales_user_may_not_write_and_a_tiering_manager_may(self) -> None:
		sales = make.ensure_user("sales@example.com", "Sales User")
		manager = make.ensure_user("manager@example.com", "Tiering Manager")
		frappe.set_user(sales)
		for doc in (
			settings(window_months=6),
			tier("A", entry_value=600000),
			stage("Lost", min_days_since_order=400),
		):
			with pytest.raises(frappe.PermissionError):
				doc.save()
		frappe.set_user(manager)
		for doc in (
			settings(window_months=6),
			tier("A", entry_value=600000),
			stage("Lost", min_days_since_order=400),
		):
			doc.save()

	def test_the_button_is_for_managers(self) -> None:
		from customer_tiering.tiering.api import get_policy, recompute_now

		frappe.set_user(make.ensure_user("sales@example.com", "Sales User"))
		for function in (recompute_now, get_policy):
			with pytest.raises(frappe.PermissionError):
				function()
		frappe.set_user(make.ensure_user("head@example.com", "Sales Manager"))
		assert [row.name for row in get_policy()["tiers"]] == ["A", "B", "C", "D"]
		with pytest.raises(frappe.PermissionError):
			recompute_now()
		frappe.set_user(make.ensure_user("manager@example.com", "Tiering Manager"))
		with pytest.raises(frappe.ValidationError, match="No background worker"):
			recompute_now()


class TestTiers:
	def test_two_tiers_of_one_entry_value_are_refused(self) -> None:
		refused(new_tier(entry_value=100000), "(?i)entry value.*B.*already starts")
		refused(tier("C", entry_value=100000), "(?i)entry value.*B.*already starts")
		refused(new_tier(entry_value=0), "(?i)entry value.*D.*already starts")

	def test_a_negative_entry_value_is_refused(self) -> None:
		refused(new_tier(entry_value=-1), "(?i)entry value")
		refused(tier("D", entry_value=-0.01), "(?i)entry value")

	def test_a_top_tier_below_another_is_refused(self) -> None:
		refused(tier("B", is_top=1, entry_value=600000).update({"is_top": 0}), "(?i)top tier.*A.*below.*B")
		refused(tier("C", is_top=1), "(?i)top tier.*C.*below.*B")
		refused(new_tier(entry_value=600000, is_top=0), "(?i)top tier.*A.*below.*X")
		tier("B", is_top=1).save()

	def test_a_name_is_taken_once(self) -> None:
		with pytest.raises((frappe.DuplicateEntryError, frappe.UniqueValidationError)):
			new_tier(tier_name="A", entry_value=7).insert()

	def test_the_last_tier_cannot_be_deleted(self) -> None:
		make.without_audiences()
		for name in "ABC":
			frappe.delete_doc("Customer Tier", name)
		with pytest.raises(frappe.ValidationError, match="last Customer Tier"):
			frappe.delete_doc("Customer Tier", "D")
		assert frappe.db.exists("Customer Tier", "D")

	def test_a_tier_that_customers_are_in_cannot_be_deleted(self) -> None:
		customer = make.make_customer().name
		make.make_invoice(customer, 600000, make.days_ago(3))
		recompute()
		with pytest.raises(frappe.ValidationError, match=r"A.*in use: Follow Up Rule.*Outreach Sequence"):
			frappe.delete_doc("Customer Tier", "A")
		make.without_audiences()
		with pytest.raises(frappe.LinkExistsError, match=customer):
			frappe.delete_doc("Customer Tier", "A")
		assert computed(customer).customer_tier == "A"
		frappe.delete_doc("Customer Tier", "B")

	def test_a_tier_that_is_renamed_takes_its_customers_along(self) -> None:
		customer = make.make_customer().name
		make.make_invoice(customer, 600000, make.days_ago(3))
		recompute()
		since = computed(customer).tier_since
		frappe.rename_doc("Customer Tier", "A", "Platinum")
		assert computed(customer).customer_tier == "Platinum"
		assert recompute().changed == 0
		assert computed(customer).tier_since == since

	def test_a_new_tier_is_used_by_the_next_run(self) -> None:
		customer = make.make_customer().name
		make.make_invoice(customer, 250000, make.days_ago(3))
		recompute()
		assert computed(customer).customer_tier == "B"
		new_tier(tier_name="B+", entry_value=200000).insert()
		recompute()
		assert computed(customer).customer_tier == "B+"

	def test_the_lowest_tier_takes_everybody_who_ordered(self) -> None:
		frappe.delete_doc("Customer Tier", "D")
		customer = make.make_customer().name
		make.make_invoice(customer, 1, make.days_ago(3))
		recompute()
		assert computed(customer).customer_tier == "C"


class TestStages:
	def test_two_stages_of_one_position_are_refused(self) -> None:
		refused(new_stage(position=30), "(?i)position.*Dormant.*30")
		refused(stage("Repeat", position=30), "(?i)position.*Dormant.*30")

	@pytest.mark.parametrize(
		"field",
		["position", "min_days_since_order", "min_days_since_first_order", "quiet_days", "min_orders"],
	)
	def test_negative_numbers_are_refused_by_name(self, field: str) -> None:
		label = frappe.get_meta("Lifecycle Stage").get_label(field)
		with pytest.raises(frappe.ValidationError) as refusal:
			stage("Dormant", **{field: -1}).save()
		assert label in str(refusal.value)
		assert frappe.db.get_value("Lifecycle Stage", "Dormant", field) >= 0

	@pytest.mark.parametrize(
		"condition",
		[
			{"min_days_since_order": 5},
			{"min_days_since_first_order": 5},
			{"min_orders": 1},
			{"top_tier_only": 1},
		],
	)
	def test_conditions_that_contradict_each_other_are_refused(self, condition: dict) -> None:
		refused(new_stage(never_ordered=1, **condition), "Never Ordered: nobody")

	def test_a_meaning_that_is_none_is_refused(self) -> None:
		refused(new_stage(meaning="Asleep"), "Meaning")

	def test_a_stage_of_ones_own_matches_in_its_place(self) -> None:
		customer = make.make_customer().name
		make.make_invoice(customer, 1, make.days_ago(100))
		new_stage(stage_name="Drowsy", position=35, min_days_since_order=90).insert()
		recompute()
		assert computed(customer).lifecycle_stage == "Drowsy"

	def test_a_stage_can_ask_for_how_long_somebody_has_been_a_customer(self) -> None:
		new, old = make.make_customer().name, make.make_customer().name
		for customer, first in ((new, 179), (old, 180)):
			make.make_invoice(customer, 1, make.days_ago(first))
			make.make_invoice(customer, 1, make.days_ago(3))
		stage("Repeat", min_days_since_first_order=180).save()
		recompute()
		assert computed(new).lifecycle_stage == "First Purchase"
		assert computed(new).tiering_review_on == frappe.utils.getdate(make.days_ago(-1))
		assert computed(old).lifecycle_stage == "Repeat"


class TestSegments:
	def test_a_combination_has_one_segment(self) -> None:
		given = {"segment_name": "Twice", "recency": "Near", "frequency": "High", "monetary": "High"}
		doc = frappe.get_doc(doctype="RFM Segment", **given)
		refused(doc, "(?i)recency, frequency.*Important Value")

	def test_without_segments_customers_have_scores_only(self) -> None:
		frappe.db.delete("RFM Segment")
		customer = make.make_customer().name
		make.make_invoice(customer, 1, make.days_ago(3))
		recompute()
		assert computed(customer).rfm_score == "111"
		assert not computed(customer).rfm_segment


class TestPolicyWithGaps:
	@pytest.fixture
	def customer(self, new_site: None) -> str:
		customer = make.make_customer().name
		make.make_invoice(customer, 600000, make.days_ago(3))
		recompute()
		return customer

	@staticmethod
	def refuses(customer: str, words: str, monkeypatch: pytest.MonkeyPatch) -> None:
		make.forget_cached_rules()
		monkeypatch.setattr(frappe.db, "rollback", lambda **_: None)  # would take our customer with it
		make.make_invoice(customer, 10, make.days_ago(2))
		before, events = computed(customer), checksums("Tiering Event")
		for dry_run in (True, False):
			with pytest.raises(frappe.ValidationError, match=words):
				recompute(dry_run=dry_run)
		assert computed(customer) == before
		assert checksums("Tiering Event") == events
		assert frappe.get_last_doc("Tiering Run").status == "Failed"

	def test_no_tier(self, customer: str, monkeypatch: pytest.MonkeyPatch) -> None:
		frappe.db.delete("Customer Tier")
		self.refuses(customer, "no Customer Tier", monkeypatch)

	def test_the_button_says_so_at_once(self, customer: str, monkeypatch: pytest.MonkeyPatch) -> None:
		from customer_tiering.tiering import api

		monkeypatch.setattr(api, "refuse_without_worker", lambda _command: None)
		monkeypatch.setattr(api, "enqueue_recompute", lambda **_: pytest.fail("a job was started"))
		frappe.db.set_value("Lifecycle Stage", "First Purchase", "min_orders", 2)
		with pytest.raises(frappe.ValidationError, match="takes every customer who has ordered"):
			api.recompute_now()

	def test_no_stage_for_everybody(self, customer: str, monkeypatch: pytest.MonkeyPatch) -> None:
		frappe.db.delete("Lifecycle Stage", {"name": "First Purchase"})
		self.refuses(customer, "No Lifecycle Stage takes every customer", monkeypatch)

	def test_no_stage_at_all(self, customer: str, monkeypatch: pytest.MonkeyPatch) -> None:
		frappe.db.delete("Lifecycle Stage")
		self.refuses(customer, "No Lifecycle Stage takes every customer", monkeypatch)

	def test_no_reporting_currency(self, customer: str, monkeypatch: pytest.MonkeyPatch) -> None:
		frappe.db.set_single_value("Tiering Settings", "reporting_currency", None)
		self.refuses(customer, "Reporting Currency", monkeypatch)


class TestWhatIsSaidTwice:
	"""Lists that stand in Python and in a DocType must be the same."""

	def options(self, doctype: str, field: str) -> set[str]:
		return set(filter(None, frappe.get_meta(doctype).get_field(field).options.split("\n")))

	def test_every_signal_can_be_noted_and_acted_on(self) -> None:
		from customer_tiering.engine.signals import SIGNALS

		lists = (
			("Tiering Event", "signal"),
			("Follow Up Rule", "signal"),
			("Follow Up Signal", "signal"),
			("Outreach Sequence", "entry_signal"),
		)
		for doctype, field in lists:
			assert self.options(doctype, field) == set(SIGNALS), doctype

	def test_every_setting_of_the_policy_reaches_it_with_the_default_of_the_form(self) -> None:
		from customer_tiering.engine.policy import Policy
		from customer_tiering.tiering.policy import policy_of
		from customer_tiering.tiering.proposal import FIELDS

		form = frappe.new_doc("Tiering Settings")
		form.reporting_currency = None
		default = policy_of(form, (), (), ())
		assert default == Policy((), (), ())
		others = {"companies": [{"company": "One"}], "orders_from": "Sales Order", "measure": "Gross Margin"}
		others |= {"scoring": "Fixed Breakpoints", "reporting_currency": "XYZ"}
		names = {each.name for each in fields(Policy) if each.init} - {"tiers", "stages", "segments"}
		assert set(FIELDS["Tiering Settings"]) == names
		for name in names:
			doc = frappe.copy_doc(form)
			value = "7, 77, 777, 7777" if name.endswith("breakpoints") else others.get(name, 1)
			doc.set(name, value if name in others or doc.get(name) != 1 else 0)
			assert getattr(policy_of(doc, (), (), ()), name) != getattr(default, name), name

	def test_every_condition_of_a_stage_is_a_field_that_reaches_the_rules(self) -> None:
		from customer_tiering.engine.policy import Stage
		from customer_tiering.tiering.policy import _stage, _takes_whoever_ordered

		form = frappe.get_meta("Lifecycle Stage").fields
		kinds = ("Int", "Check", "Select")
		conditions = {each.name for each in fields(Stage)} - {"name", "position", "meaning"}
		assert {field.fieldname for field in form if field.fieldtype in kinds} == {
			*conditions,
			"position",
			"meaning",
		}
		for name in conditions:
			value = "Promoter" if name == "feedback" else 2
			stage_ = _stage(frappe._dict(name="X", position=1, meaning="Repeat", **{name: value}))
			assert getattr(stage_, name) == value or getattr(stage_, name) is True
			assert not _takes_whoever_ordered(stage_), name

	def test_the_settings_form_shows_every_condition_of_a_stage(self) -> None:
		from customer_tiering.tiering.policy import STAGE_CONDITIONS

		folder = Path(frappe.get_app_path("customer_tiering", "tiering", "doctype", "tiering_settings"))
		script = (folder / "tiering_settings.js").read_text(encoding="utf-8")
		assert [name for name in STAGE_CONDITIONS if f"stage.{name}" not in script] == []

	def test_every_number_of_the_settings_has_its_range(self) -> None:
		from customer_tiering.tiering.doctype.tiering_settings.tiering_settings import RANGES
		from customer_tiering.tiering.zeros import SWITCHES, WEIGHTS

		numbers = {
			field.fieldname
			for field in frappe.get_meta("Tiering Settings").fields
			if field.fieldtype in ("Int", "Float", "Currency", "Percent")
		}
		assert set(RANGES) == numbers
		assert {RANGES[field][0] for field in (*SWITCHES, *WEIGHTS)} == {0}
		assert {field for field in RANGES if field.startswith("interest_weight_")} == set(WEIGHTS)

	def test_whatever_switches_a_signal_off_is_known_as_a_switch(self) -> None:
		from customer_tiering.engine.signals import SIGNALS
		from customer_tiering.tiering.doctype.tiering_settings.tiering_settings import RANGES
		from customer_tiering.tiering.zeros import SWITCHES

		rules = policy(upsell_value=1.0)
		can_be_zero = [name for name, (least, _most) in RANGES.items() if not least and hasattr(rules, name)]
		assert len(signals_by(rules)) == 8 and signals_by(rules) < set(SIGNALS)
		off = {name for name in can_be_zero if signals_by(rules) != signals_by(replace(rules, **{name: 0}))}
		assert off == set(SWITCHES)


def signals_by(rules: Policy) -> set[str]:
	"""The condition signals by these rules among people of whom each has another one."""
	today = date(2024, 3, 2)
	people = (
		*(Person("yearly"), Person("falling"), Person("quiet"), Person("promoter"), Person("whale")),
		Person("silent", enquiries=(date(2024, 2, 20),)),
		Person("friend", referred_by="promoter"),
		Person("birthday", key_date_birthday=date(1980, 3, 2)),
	)
	months = (date(2023, 11, 30), date(2023, 12, 1), date(2024, 1, 31), date(2024, 2, 29))
	documents = (
		*(order("yearly", day) for day in (date(2022, 3, 1), date(2023, 3, 2))),
		*(
			order("falling", day, amount)
			for day, amount in zip(months, ("100.00", "80.00", "64.00", "51.20"), strict=True)
		),
		order("quiet", date(2023, 12, 20)),
		order("promoter", today, "50.00"),
		order("friend", today),
		order("silent", date(2023, 8, 20)),
		order("whale", today, "1000000.00"),
	)
	return {signal for _customer, signal, _period in keys_of(Customers(people, documents, today), rules)}


class TestWhatIsSwitchedOff:
	def test_an_emptied_number_says_that_its_signal_is_off(self) -> None:
		frappe.clear_messages()
		settings(whale_factor=None).save()
		assert "Switched off: <strong>Whale" in str(frappe.message_log[-1])
		frappe.clear_messages()
		settings(silent_days=90).save()
		assert not frappe.message_log

	def test_one_message_says_what_each_zero_does(self) -> None:
		emptied = {
			"follow_ups_per_day": "without a limit",
			"try_again_after_days": "not tried again",
			"interest_topics": "lose all interests",
			"feedback_days": "no answer of a customer counts",
			"detractor_score": "answers 0",
			"sleep_min_days": "after a few days",
			"pattern_lead_days": "on the day itself",
			"key_date_lead_days": "on the day itself",
		}
		weights = ("interest_weight_purchase", "interest_weight_page_view")
		settings(**dict.fromkeys((*emptied, *weights), 5)).save()
		frappe.clear_messages()
		settings(**dict.fromkeys((*emptied, *weights), None)).save()
		(message,) = map(str, frappe.message_log)
		meta = frappe.get_meta("Tiering Settings")
		for field, words in emptied.items():
			assert f"{meta.get_label(field)}</strong> is zero" in message and words in message, field
		for field in weights:
			assert meta.get_label(field) in message, field
		frappe.clear_messages()
		settings().save()
		assert not frappe.message_log

	def test_a_shorter_memory_says_how_much_it_takes(self) -> None:
		customer = make.make_customer().name
		make.make_invoice(customer, 100, make.days_ago(3))
		recompute()
		stored = frappe.get_doc("Tiering Event", {"customer": customer, "decision": "Tier"}).as_dict()
		columns = ("customer", "decision", "cause", "run", "new_value", "old_value")
		frappe.get_doc(
			doctype="Tiering Event",
			name="AN-OLD-ONE",
			as_of=make.days_ago(800),
			**{column: stored[column] for column in columns},
		).db_insert()
		frappe.clear_messages()
		settings(ledger_retention_years=5).save()
		assert not frappe.message_log
		settings(ledger_retention_years=1).save()
		(message,) = map(str, frappe.message_log)
		assert "deletes 1 Tiering Events" in message
		retention.tidy()
		assert not frappe.db.exists("Tiering Event", "AN-OLD-ONE")


class TestImpossibleNumbers:
	@pytest.mark.parametrize("value", [float("nan"), float("inf"), "nan", "-inf"])
	def test_what_is_no_number_is_refused_by_name(self, value: float | str) -> None:
		for doc, label in (
			(settings(window_months=value), "Window"),
			(settings(churn_medium_factor=value), "Medium Risk from"),
			(tier("B", entry_value=value), "Entry Value"),
			(tier("B", grace_days=value), "Grace"),
			(stage("Repeat", min_orders=value), "Orders"),
		):
			refused(doc, f"{label}.* must be a number")

	def test_what_no_column_takes_is_refused_by_name(self) -> None:
		refused(tier("A", entry_value=1e15), "Entry Value must be 999,999,999,999 or less")
		refused(settings(upsell_value=1e15), "Upsell Ready from must be 999,999,999,999 or less")
		tier("A", entry_value=999_999_999_999).save()


def test_a_company_counts_once(company: str) -> None:
	refused(settings(companies=[{"company": company}, {"company": company}]), f"{company} stands twice in")


class TestWhatHappenedStays:
	def refuses(self, doc: Document) -> None:
		before = checksums(doc.doctype)
		for act in (doc.save, doc.delete):
			with pytest.raises(frappe.ValidationError, match="can't be changed or deleted"):
				act()
		assert checksums(doc.doctype) == before

	def test_a_run(self) -> None:
		make.make_customer()
		recompute()
		self.refuses(frappe.get_last_doc("Tiering Run"))

	def test_a_change_of_rules(self) -> None:
		from customer_tiering.tiering.rules_api import use_preset

		self.refuses(frappe.get_doc("Tiering Rule Change", use_preset("retail")["name"]))


def test_what_only_disabled_customers_hold_can_be_deleted() -> None:
	kept = {"customer_tier": "C", "lifecycle_stage": "Lost"}
	gone = make.make_customer(disabled=1).name
	frappe.db.set_value("Customer", gone, kept)
	make.without_audiences()
	frappe.delete_doc("Customer Tier", "C")
	frappe.delete_doc("Lifecycle Stage", "Lost")
	assert [
		frappe.db.get_value("Customer", gone, field) for field in ("customer_tier", "lifecycle_stage")
	] == [None, None]
	alive = make.make_customer().name
	frappe.db.set_value("Customer", alive, "customer_tier", "B")
	with pytest.raises(frappe.LinkExistsError):
		frappe.delete_doc("Customer Tier", "B")


@pytest.mark.parametrize(
	("doctype", "old", "new"),
	[
		("Customer Tier", "B", "C"),
		("Lifecycle Stage", "Repeat", "High Value"),
		("RFM Segment", "General Keep", "General Value"),
	],
)
def test_two_rules_are_not_merged_into_one(doctype: str, old: str, new: str) -> None:
	before = checksums(doctype)
	with pytest.raises(frappe.ValidationError, match=f"{old}.*can't be merged.*delete it"):
		frappe.rename_doc(doctype, old, new, merge=True, force=True)
	assert checksums(doctype) == before


def test_an_update_brings_a_new_setting_though_the_default_user_has_left() -> None:
	from customer_tiering.setup import seed

	left = make.ensure_user("has.left@example.com", "Sales User")
	frappe.db.set_value("User", left, "enabled", 0)
	frappe.db.set_single_value("Tiering Settings", "default_follow_up_user", left)
	frappe.db.delete("Singles", {"doctype": "Tiering Settings", "field": "window_months"})
	frappe.db.delete("Tracking Consent Country")
	frappe.clear_document_cache("Tiering Settings", "Tiering Settings")
	seed._remember(seed.RECORDS)  # those that the version before had
	seed.seed()
	settings = frappe.get_single("Tiering Settings")
	assert "Germany" in [row.country for row in settings.tracking_consent_countries]
	saved = frappe.db.get_singles_dict("Tiering Settings")
	assert (str(saved["window_months"]), saved["default_follow_up_user"]) == ("12", left)
