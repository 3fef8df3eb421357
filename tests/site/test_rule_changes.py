"""Presets and other changed rules: as shown, whole or not at all, and undone to the byte."""

import contextlib
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Event

import frappe
import pytest

from customer_tiering.setup.seed import NEW_SITE
from customer_tiering.tiering import lock, rules_api
from customer_tiering.tiering.policy import read_policy
from customer_tiering.tiering.presets import presets
from customer_tiering.tiering.proposal import Proposal, put
from customer_tiering.tiering.rule_changes import apply, edited_since, last_change, undo
from customer_tiering.tiering.rule_input import apply_changes, parse
from tests.site import factories as make

TABLES = (
	"Customer Tier",
	"Lifecycle Stage",
	"RFM Segment",
	"Follow Up Rule",
	"Outreach Sequence",
	"Outreach Step",
)


@pytest.fixture(autouse=True)
def new_site(site: str) -> Iterator[None]:
	with make.uncommitted():
		make.as_if_new()
		yield


def rows() -> dict[str, list]:
	"""Every column of every row that a change of rules may touch."""
	found = {table: frappe.db.sql(f"SELECT * FROM `tab{table}` ORDER BY name") for table in TABLES}
	found["settings"] = frappe.db.sql(
		"SELECT * FROM tabSingles WHERE doctype = 'Tiering Settings' ORDER BY field"
	)
	found["companies"] = frappe.db.sql("SELECT company FROM `tabTiering Company` ORDER BY company")
	return found


def proposal_of(changes: dict) -> Proposal:
	proposal = Proposal()
	apply_changes(proposal, changes)
	return proposal


def tier(name: str, **values: object) -> dict:
	return {"tiers": [{"name": name, **values}]}


def stages_of(*customers: str) -> list[str]:
	return [make.computed(customer).lifecycle_stage for customer in customers]


class TestPresets:
	@pytest.mark.parametrize("name", presets())
	def test_is_shown_applied_and_undone_to_the_byte(self, name: str) -> None:
		frappe.db.set_single_value("Tiering Settings", "whale_factor", 42)  # so that none is what is set
		before, shown = rows(), rules_api.preview_preset(name)
		assert rows() == before
		change = rules_api.use_preset(name)["name"]
		assert len(frappe.db.get_value("Tiering Rule Change", change, "summary").split("\n")) == len(shown)
		assert rules_api.preview_preset(name) == []
		assert rows() != before
		read_policy()
		assert "message" in rules_api.undo_change(change)
		assert rows() == before
		assert frappe.db.get_value("Tiering Rule Change", change, "status") == "Undone"

	def test_retail_is_another_set_of_stages(self) -> None:
		rules_api.use_preset("retail")
		stages = {stage.name: stage for stage in read_policy().stages}
		assert list(stages) == ["Lead", "Lost", "Silent", "High Value", "Loyal", "Active", "New"]
		days = {name: (s.min_days_since_order, s.min_days_since_first_order) for name, s in stages.items()}
		assert (days["Lost"], days["Silent"]) == ((90, 0), (30, 0))
		assert (days["Loyal"], days["Active"], days["New"]) == ((0, 180), (0, 8), (0, 0))
		assert stages["Silent"].meaning == "Dormant"

	def test_names_of_tiers_take_their_customers_along(self) -> None:
		customer = make.make_customer().name
		make.make_invoice(customer, 600_000, make.days_ago(3))
		make.recompute()
		since = make.computed(customer).tier_since
		change = rules_api.use_preset("precious_names")["name"]
		assert make.computed(customer).customer_tier == "Diamond"
		assert make.recompute().changed == 0
		rules_api.undo_change(change)
		assert (make.computed(customer).customer_tier, make.computed(customer).tier_since) == ("A", since)

	def test_as_installed_brings_back_what_was_seeded(self) -> None:
		before = rows()
		rules_api.use_preset("precious_names")
		frappe.get_doc("Customer Tier", "Diamond").update({"entry_value": 700_000}).save()
		frappe.get_single("Tiering Settings").update({"window_months": 6}).save()
		rules_api.use_preset("seeded")
		policy = read_policy()
		assert [(tier.name, tier.entry_value) for tier in policy.tiers][:2] == [
			("A", 500_000),
			("B", 100_000),
		]
		assert policy.window_months == 12
		assert [row[0] for row in rows()["Customer Tier"]] == [row[0] for row in before["Customer Tier"]]

	def test_as_installed_is_what_a_new_site_has(self) -> None:
		"""Also what is off by default, so that an update changes nothing."""
		make_as_seeded()
		assert rules_api.preview_preset("seeded") == []

	def test_as_installed_brings_back_a_tier_and_a_stage_that_were_deleted(self) -> None:
		make_as_seeded()
		before = read_policy().as_json()
		tier, stage = (frappe.get_doc("Customer Tier", "C"), frappe.get_doc("Lifecycle Stage", "Repeat"))
		make.without_audiences()
		for doc in (tier, stage):
			frappe.delete_doc(doc.doctype, doc.name)
		new = {(row["what"], row["now"], row["then"]) for row in rules_api.preview_preset("seeded")}
		assert {("Customer Tier C", "–", "C"), ("Lifecycle Stage Repeat", "–", "Repeat")} <= new
		assert not any("Customer Tier D" in what for what, *_values in new)
		rules_api.use_preset("seeded")
		assert [each.entry_value for each in read_policy().tiers] == [500_000, 100_000, 30_000, 0]
		assert json.loads(read_policy().as_json())["tiers"] == json.loads(before)["tiers"]
		for doc, text in ((tier, "benefits"), (stage, "description")):
			assert doc.get(text) and frappe.db.get_value(doc.doctype, doc.name, text) == doc.get(text)

	def test_a_new_tier_takes_the_name_that_another_one_gives_up(self) -> None:
		"""Of A, Silver and D the last becomes C, and a new one D."""
		make_as_seeded()
		make.without_audiences()
		frappe.delete_doc("Customer Tier", "C")
		frappe.rename_doc("Customer Tier", "B", "Silver", force=True)
		before = rows()["Customer Tier"]
		rules_api.preview_preset("seeded")
		change = rules_api.use_preset("seeded")["name"]
		assert [(each.name, each.entry_value) for each in read_policy().tiers][1:] == [
			("B", 100_000),
			("C", 30_000),
			("D", 0),
		]
		assert not rules_api.undo_change(change).get("edited")
		assert rows()["Customer Tier"] == before

	def test_a_row_that_nothing_follows_is_the_last_stage(self) -> None:
		frappe.db.delete("Lifecycle Stage", {"name": ("in", ("First Purchase", "Repeat"))})
		make.forget_cached_rules()
		rules_api.use_preset("retail")
		names = [stage.name for stage in read_policy().stages]
		assert names == ["Lead", "Lost", "Silent", "High Value", "Loyal", "Active", "New"]

	def test_days_of_a_sequence_with_as_many_steps(self) -> None:
		sequence = frappe.get_doc("Outreach Sequence", {"entry_signal": "Became Dormant"})
		sequence.db_set("audience_filters", '[["Customer", "lifecycle_stage", "=", "Dormant"]]')
		rules_api.use_preset("e_commerce")
		sequence.reload()
		assert '"Silent"' in sequence.audience_filters
		assert [step.day_offset for step in sequence.steps] == [3, 7, 15, 18]
		rules_api.undo_change(last_change())
		sequence.reload()
		assert '"Dormant"' in sequence.audience_filters
		assert [step.day_offset for step in sequence.steps] == [7, 14, 21, 24]

	def test_days_of_rules_and_sequences_that_are_broken_otherwise(self) -> None:
		gone = json.dumps([["Customer", "a_field_that_is_gone", "=", 1]])
		rule = frappe.get_doc("Follow Up Rule", {"signal": "First Order"})
		sequence = frappe.get_doc("Outreach Sequence", {"entry_signal": "First Order"})
		for doc in (rule, sequence):
			doc.db_set("audience_filters", gone, update_modified=False)
		before, days = rows(), rule.due_in_days
		proposal = Proposal()
		for doc, field, value in (
			(rule, "due_in_days", days + 5),
			(sequence, "steps", [step.day_offset + 1 for step in sequence.steps]),
		):
			put(proposal.find(doc.doctype, doc.name), field, value)
		change = apply(proposal, "Days").name
		assert rule.reload().due_in_days == days + 5
		assert sequence.reload().audience_filters == gone and rows() != before
		assert "is set again" in rules_api.undo_change(change)["message"]
		assert rows() == before

	def test_one_that_is_not_there_is_named(self) -> None:
		with pytest.raises(frappe.ValidationError, match=r"no preset.*nope.*retail"):
			rules_api.preview_preset("nope")

	def test_one_that_does_not_fit_changes_nothing(self) -> None:
		make_stage("Early Loss", position=15, meaning="Lost", min_days_since_order=300)
		frappe.db.set_value("Lifecycle Stage", "Early Loss", "min_days_since_order", 80)
		frappe.db.set_value("Lifecycle Stage", "Dormant", "min_days_since_order", 70)
		before = rows()
		with pytest.raises(frappe.ValidationError, match="dormant before they are lost"):
			rules_api.use_preset("b2b_services")
		assert rows() == before

	def test_one_that_fails_half_way_leaves_nothing(self, monkeypatch: pytest.MonkeyPatch) -> None:
		from customer_tiering.tiering.doctype.tiering_rule_change.tiering_rule_change import TieringRuleChange

		def fail(*_: object) -> None:
			raise RuntimeError("the disk is full")

		monkeypatch.setattr(TieringRuleChange, "before_insert", fail, raising=False)
		before = rows()
		with pytest.raises(RuntimeError):
			rules_api.use_preset("retail")
		assert rows() == before


def make_as_seeded() -> None:
	"""The rules of a site on which nobody has changed any."""
	frappe.get_single("Tiering Settings").update(NEW_SITE).save()
	with contextlib.suppress(frappe.ValidationError):  # they are set already
		rules_api.use_preset("seeded")


def make_stage(name: str, **values: object) -> None:
	frappe.get_doc(doctype="Lifecycle Stage", stage_name=name, **values).insert()


class TestUndo:
	def test_says_what_was_edited_since_and_keeps_it(self) -> None:
		change = apply(proposal_of(tier("A", entry_value=300_000)), "Test").name
		frappe.get_doc("Customer Tier", "A").update({"entry_value": 350_000}).save()
		before = rows()
		(edited,) = rules_api.undo_change(change)["edited"]
		assert "Entry Value" in edited["what"] and (edited["then"], edited["now"]) == ("300,000", "350,000")
		assert rows() == before
		with pytest.raises(frappe.ValidationError, match="changed these rules since"):
			undo(frappe.get_doc("Tiering Rule Change", change))
		rules_api.undo_change(change, despite_edits=1)
		assert frappe.db.get_value("Customer Tier", "A", "entry_value") == 500_000

	def test_leaves_what_it_did_not_change(self) -> None:
		change = apply(proposal_of(tier("A", entry_value=300_000)), "Test").name
		frappe.get_doc("Customer Tier", "A").update({"benefits": "Cake"}).save()
		assert "message" in rules_api.undo_change(change)
		assert frappe.db.get_value("Customer Tier", "A", ["entry_value", "benefits"]) == (500_000, "Cake")

	def test_goes_from_the_latest_back(self) -> None:
		before = rows()
		first = apply(proposal_of(tier("A", entry_value=300_000)), "First").name
		second = apply(proposal_of({"window_months": 6}), "Second").name
		frappe.db.set_value("Customer Tier", "A", "entry_value", 350_000, update_modified=False)
		with pytest.raises(frappe.ValidationError, match=f"{second} came later"):
			rules_api.undo_change(first)  # before it asks about what was edited
		frappe.db.set_value("Customer Tier", "A", "entry_value", 300_000, update_modified=False)
		for name in (second, first):
			rules_api.undo_change(name)
		assert rows() == before
		with pytest.raises(frappe.ValidationError, match="undone already"):
			undo(frappe.get_doc("Tiering Rule Change", first))

	def test_takes_a_new_tier_away_and_its_customers_are_decided_anew(
		self, monkeypatch: pytest.MonkeyPatch
	) -> None:
		started = []
		monkeypatch.setattr(
			"customer_tiering.tiering.rule_changes.enqueue_recompute",
			lambda after_commit: started.append(after_commit),
		)
		customer = make.make_customer().name
		make.make_invoice(customer, 250_000, make.days_ago(3))
		make.recompute()
		before = rows()
		change = apply(proposal_of(tier("B+", entry_value=200_000)), "Test").name
		make.recompute()
		assert make.computed(customer).customer_tier == "B+"
		rules_api.undo_change(change)
		assert rows() == before and started == [True]
		make.recompute()
		assert make.computed(customer).customer_tier == "B"
		assert make.events(customer, decision="Tier")[-1].cause == "Policy"
		assert not make.signals(customer, decision="Tier")

	def test_keeps_what_people_point_at(self) -> None:
		"""What is deleted would stand on the customer, and be decided, for ever; and the audience would find nobody."""
		change = apply(proposal_of(tier("AA", entry_value=900_000, is_top=1)), "Test").name
		customer = make.make_customer()
		make.make_invoice(customer.name, 250_000, make.days_ago(3))
		customer.reload()
		by_hand = {"tier_override": "AA", "tier_override_until": "2099-12-31", "tier_override_reason": "Cup"}
		customer.update(by_hand).save()
		rule = frappe.get_doc("Follow Up Rule", {"signal": "Became Lost"})
		audience = json.dumps([["Customer", "customer_tier", "in", "AA, A"]])
		rule.update({"audience_filters": audience}).save()
		frappe.get_doc("Customer Tier", "A").update({"benefits": "Cake"}).save()
		before = rows()
		with pytest.raises(frappe.ValidationError, match=f"AA.*1 customers.*{rule.name}"):
			rules_api.undo_change(change)
		assert rows() == before
		rule.update({"audience_filters": "[]"}).save()
		with pytest.raises(frappe.ValidationError, match=r"1 customers have it by hand\. Choose"):
			rules_api.undo_change(change, despite_edits=1)
		with pytest.raises(frappe.ValidationError, match=r"AA.*in use: 1 customers have it by hand\. Choose"):
			frappe.delete_doc("Customer Tier", "AA", force=True)
		frappe.delete_doc(
			"Customer Tier", "AA", force=True, flags={"together": []}
		)  # with what takes its place
		make.recompute()
		assert make.computed(customer).customer_tier == "B"
		assert make.events(customer, decision="Tier")[-1].cause != "Override"

	def test_refuses_where_something_was_put_in_the_way(self) -> None:
		change = apply(proposal_of(tier("A", entry_value=300_000)), "Test").name
		frappe.get_doc(doctype="Customer Tier", tier_name="A+", entry_value=500_000, is_top=1).insert()
		before = rows()
		with pytest.raises(frappe.ValidationError, match="already starts at"):
			rules_api.undo_change(change)
		assert rows() == before

	def test_two_that_swap_names_and_back(self) -> None:
		before, proposal = rows(), Proposal()
		for name, other in (("A", "B"), ("B", "A")):
			proposal.rename(proposal.find("Customer Tier", name), other)
		change = apply(proposal, "Swap").name
		assert frappe.db.get_value("Customer Tier", "B", "entry_value") == 500_000
		rules_api.undo_change(change)
		assert rows() == before

	def test_follows_what_was_renamed_since(self) -> None:
		change = rules_api.use_preset("finance")["name"]
		frappe.rename_doc("Customer Tier", "B", "Silver", force=True)
		frappe.rename_doc("Customer Tier", "Silver", "Gold", force=True)
		(edited,) = rules_api.undo_change(change)["edited"]
		assert (edited["what"], edited["then"], edited["now"]) == ("Customer Tier B", "B", "Gold")
		assert "is set again" in rules_api.undo_change(change, despite_edits=1)["message"]
		assert frappe.db.get_value("Customer Tier", "Gold", ["grace_days", "minimum_dwell_days"]) == (0, 0)

	def test_what_it_renamed_and_somebody_renamed_again_gets_its_old_name(self) -> None:
		before = rows()
		change = rules_api.use_preset("precious_names")["name"]
		frappe.rename_doc("Customer Tier", "Diamond", "Gem", force=True)
		assert [each["now"] for each in rules_api.undo_change(change)["edited"]] == ["Gem"]
		rules_api.undo_change(change, despite_edits=1)
		assert [row[0] for row in rows()["Customer Tier"]] == [row[0] for row in before["Customer Tier"]]

	def test_says_what_it_could_not_put_back(self) -> None:
		change = apply(proposal_of({**tier("B", entry_value=90_000), "window_months": 6}), "Test").name
		make.without_audiences()
		frappe.delete_doc("Customer Tier", "B")
		message = rules_api.undo_change(change, despite_edits=1)["message"]
		assert "gone since: Customer Tier B · Entry Value" in message and "is set again" not in message
		assert read_policy().window_months == 12

	def test_says_when_customers_move(self) -> None:
		change = apply(proposal_of({"window_months": 6}), "Test").name
		assert "Customers move tonight" in rules_api.undo_change(change)["message"]

	def test_the_dormant_are_dormant_again_though_somebody_called_them(self) -> None:
		called, awake = make.make_customer().name, make.make_customer().name
		make.make_invoice(called, 100, make.days_ago(200))
		make.make_invoice(awake, 100, make.days_ago(200))
		make.make_communication("Customer", awake, make.days_ago(5))
		make.recompute(make.days_ago(3))
		make.make_communication("Customer", called, make.days_ago(2))
		before = stages_of(called, awake)
		assert before == ["Dormant", "First Purchase"]
		change = rules_api.use_preset("retail")["name"]
		make.recompute()
		assert stages_of(called, awake) == ["Lost", "Lost"]
		rules_api.undo_change(change)
		last = make.recompute()
		assert stages_of(called, awake) == before
		moved = frappe.get_all("Tiering Event", {"run": last.run, "decision": "Stage"}, ["cause", "signal"])
		assert moved == [{"cause": "Policy", "signal": None}] * 2
		assert make.recompute(customers=[called, awake], full=False).events == 0
		make.make_invoice(called, 100)
		make.recompute(full=False)
		assert stages_of(called) == ["Repeat"]

	def test_is_called_by_the_reader_s_name_of_the_preset(self) -> None:
		change = rules_api.use_preset("retail")["name"]
		frappe.local.lang = "zh"
		try:
			name = frappe.db.get_value("Outreach Sequence", {"entry_signal": "First Order"})
			assert any(row["what"].endswith(f" {name}") for row in rules_api.preview_preset("e_commerce"))
			assert rules_api.list_presets()["last"]["title"] == "零售 7 / 30 / 90"
			assert "零售" in rules_api.undo_change(change)["message"]
		finally:
			frappe.local.lang = "en"

	def test_a_record_that_is_gone_is_an_edit(self) -> None:
		change = apply(proposal_of(tier("B", entry_value=90_000)), "Test")
		make.without_audiences()
		frappe.delete_doc("Customer Tier", "B")
		(edited,) = edited_since(change)
		assert edited["now"] == "deleted or renamed"


class TestTogether:
	def test_bands_that_only_fit_together_are_saved_together(self) -> None:
		changes = {"tiers": [{"name": "A", "entry_value": 50_000}, {"name": "B", "entry_value": 20_000}]}
		changes["tiers"] += [{"name": "C", "entry_value": 10_000}]
		apply(proposal_of(changes), "Lower")
		assert [tier.entry_value for tier in read_policy().tiers] == [50_000, 20_000, 10_000, 0]

	def test_what_is_set_already_is_no_change(self) -> None:
		proposal = proposal_of(json.loads(read_policy().as_json()))
		assert proposal.differences() == []
		with pytest.raises(frappe.ValidationError, match="set already"):
			apply(proposal, "Nothing")


def test_one_changes_rules_at_a_time() -> None:
	place = (frappe.local.site, frappe.local.sites_path)

	def refused_elsewhere() -> str:
		frappe.init(place[0], sites_path=place[1])
		frappe.connect()
		try:
			rules_api.use_preset("nope")
		except frappe.ValidationError as error:
			return str(error)
		finally:
			frappe.destroy()

	with ThreadPoolExecutor(1) as another:
		with pytest.raises(frappe.ValidationError, match="no preset"):
			rules_api.use_preset("nope")
		assert "Somebody else is changing the rules" in another.submit(refused_elsewhere).result()
		frappe.db.rollback()
		assert "no preset" in another.submit(refused_elsewhere).result()


def test_names_stay_while_a_run_writes_them(monkeypatch: pytest.MonkeyPatch) -> None:
	monkeypatch.setattr(lock, "MOMENT", 0)
	place = (frappe.local.site, frappe.local.sites_path)
	running, over = Event(), Event()

	def run() -> None:
		frappe.init(place[0], sites_path=place[1])
		frappe.connect()
		try:
			with lock.only_one(lock.RUNS, "refused"):
				running.set()
				over.wait(30)
		finally:
			frappe.destroy()

	with ThreadPoolExecutor(1) as another:
		done = another.submit(run)
		running.wait(30)
		before = rows()
		make.without_audiences()
		for act in (
			lambda: rules_api.use_preset("precious_names"),
			lambda: rules_api.undo_change("RC-000001"),
			lambda: frappe.rename_doc("Customer Tier", "B", "Silver"),
			lambda: frappe.delete_doc("Customer Tier", "C"),
		):
			with pytest.raises(lock.RunInProgressError, match="A run is deciding"):
				act()
		over.set()
		done.result()
	assert rows()["Customer Tier"] == before["Customer Tier"]
	assert rules_api.use_preset("precious_names")["name"]


@pytest.mark.parametrize(
	("changes", "words"),
	[
		("[]", "JSON object"),
		("{", "no JSON"),
		('{"windowmonths": 6}', "windowmonths"),
		('{"window_months": "six"}', "window_months.*six.*whole number"),
		('{"window_months": 6.5}', "window_months.*whole number"),
		('{"window_months": 0}', "Window .* must be 1 or more"),
		('{"upsell_value": NaN}', "upsell_value.*number"),
		('{"upsell_value": true}', "upsell_value.*number"),
		('{"orders_from": "Quotation"}', "(?i)orders.*Quotation"),
		('{"companies": ["Nowhere Inc"]}', "Nowhere Inc"),
		('{"companies": "all"}', "companies.*list of names"),
		('{"reporting_currency": 7}', "reporting_currency.*text"),
		('{"recency_breakpoints": [9, 8, 7, 6]}', "Recency Breakpoints.*rising"),
		('{"recency_breakpoints": ["a"]}', "recency_breakpoints.*list of numbers"),
		('{"tiers": {"A": 1}}', "tiers.*list of objects"),
		('{"tiers": [{"entry_value": 1}]}', 'tiers.*"name"'),
		('{"tiers": [{"name": "A"}, {"name": "A"}]}', 'tiers.*"name"'),
		('{"tiers": [{"name": "A", "entry": 1}]}', "A.*entry.*entry_value"),
		('{"tiers": [{"name": "A", "entry_value": "1"}]}', "tiers, A: entry_value"),
		('{"tiers": [{"name": "A", "entry_value": 100000}]}', "Entry Value.*already starts"),
		('{"tiers": [{"name": "A", "entry_value": -1}]}', "Customer Tier A<.*Entry Value"),
		('{"tiers": [{"name": "A", "is_top": "yes"}]}', "is_top.*true or false"),
		('{"tiers": [{"name": "A", "keep_value": 600000}]}', "Keep Value.*above"),
		('{"stages": [{"name": "Lost", "min_days_since_order": 100}]}', "dormant before they are lost"),
		('{"stages": [{"name": "First Purchase", "min_orders": 5}]}', "takes every customer who has ordered"),
		('{"segments": [{"name": "General Keep", "near": true}]}', "already has this combination"),
		('{"tiers": [{"name": "<b>A", "colour": "red"}]}', "&lt;b&gt;A"),
	],
)
def test_a_mistake_in_a_file_is_named(changes: str, words: str) -> None:
	before = rows()
	with pytest.raises(frappe.ValidationError, match=words):
		proposal_of(parse(changes)).validate()
	assert rows() == before


def test_only_managers() -> None:
	change = apply(proposal_of({"window_months": 6}), "Test").name
	calls = (
		rules_api.list_presets,
		lambda: rules_api.preview_preset("retail"),
		lambda: rules_api.use_preset("retail"),
		lambda: rules_api.undo_change(change),
	)
	frappe.set_user(make.ensure_user("head@example.com", "Sales Manager"))
	for call in calls:
		with pytest.raises(frappe.PermissionError):
			call()
	frappe.set_user(make.ensure_user("manager@example.com", "Tiering Manager"))
	assert rules_api.list_presets()["last"].name == change
	calls[3]()
	calls[2]()
	assert read_policy().window_months == 12
