"""A simulation decides what a dry run would decide, writes nothing, adds up, and shows nobody what is not theirs to see."""

import csv
import io
import json
import random
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path

import frappe
import openpyxl
import pandas as pd
import pytest

from customer_tiering.customer_insights import simulation
from customer_tiering.customer_insights.page.tiering_simulation import tiering_simulation as page
from customer_tiering.customer_insights.simulated import Simulated
from customer_tiering.engine.assignment import is_held_out
from customer_tiering.engine.policy import Policy
from customer_tiering.tiering import recompute as runs
from customer_tiering.tiering.audience import Condition, customers_in
from customer_tiering.tiering.policy import read_policy
from customer_tiering.tiering.presets import presets
from customer_tiering.tiering.proposal import Proposal
from customer_tiering.tiering.rule_changes import apply
from customer_tiering.tiering.simulate import simulate
from tests.site import factories as make
from tests.site.worlds import make_world, write

AS_OF = date(2026, 6, 30)
TABLES = (
	"Customer",
	"Customer Tier",
	"Lifecycle Stage",
	"RFM Segment",
	"Tiering Event",
	"Tiering Run",
	"Tiering Queue",
	"Tiering Rule Change",
	"ToDo",
	"Outreach Enrollment",
	"Email Queue",
	"Singles",
)


@pytest.fixture(autouse=True)
def new_site(site: str) -> Iterator[None]:
	with make.uncommitted():
		make.as_if_new()
		yield
	for user in ("Administrator", "manager@example.com", "other@example.com"):
		simulation.start(user, "")


@pytest.fixture
def population(company: str) -> str:
	"""A hundred customers with random documents, after a run some weeks ago."""
	write(make_world(random.Random(7), AS_OF, {company: "USD"}))
	make.recompute(date(2026, 5, 20))
	return company


def checksums() -> dict[str, list]:
	tables = [f"tab{name}" for name in TABLES]
	return {table: frappe.db.sql(f"CHECKSUM TABLE `{table}`")[0][1] for table in tables}


def some_changes(chance: random.Random) -> dict:
	"""Rules of every kind; what doesn't fit together is drawn again by the caller."""
	values = sorted((chance.randrange(1, 700) * 1000 for _ in range(3)), reverse=True)
	tiers = [{"name": name, "entry_value": value} for name, value in zip("ABC", values, strict=True)]
	for tier in tiers:
		tier |= {"grace_days": chance.choice([0, 0, 30]), "minimum_dwell_days": chance.choice([0, 0, 60])}
	dormant = chance.randrange(20, 300)
	stages = [
		{"name": "Dormant", "min_days_since_order": dormant, "quiet_days": chance.choice([0, 30, 90])},
		{"name": "Lost", "min_days_since_order": dormant + chance.randrange(1, 300)},
		{"name": "Repeat", "min_orders": chance.randrange(1, 4)}
		| {"min_days_since_first_order": chance.choice([0, 0, 180])},
	]
	settings = {
		"window_months": chance.choice([12, 12, 6, 24]),
		"near_score": chance.randrange(1, 6),
		"sleep_default_days": chance.randrange(1, 100),
		"whale_factor": chance.choice([0, 2, 100]),
		"upsell_value": chance.choice([0, 0, 1000]),
		"scoring": chance.choice(["Percentile", "Fixed Breakpoints"]),
	}
	parts = [{"tiers": tiers}, {"stages": stages}, settings]
	return {key: value for part in chance.sample(parts, chance.randint(1, 3)) for key, value in part.items()}


def dry_run(policy: Policy, monkeypatch: pytest.MonkeyPatch) -> runs.Decided:
	"""What a full run by this policy finds before it writes."""
	from customer_tiering.tiering import scope

	monkeypatch.setattr(scope, "read_policy", lambda: policy)
	return runs._decide(scope.full_scope(AS_OF), AS_OF, runs.no_progress)


@pytest.mark.parametrize("seed", range(6))
def test_it_decides_what_a_dry_run_decides(
	seed: int, population: str, monkeypatch: pytest.MonkeyPatch
) -> None:
	proposal = simulation.propose(None, some_changes(random.Random(seed)))
	proposal.validate()
	now, then = read_policy(), proposal.policy()
	found = simulate(then, AS_OF)
	for policy, ending in ((now, "now"), (then, "then")):
		decided = dry_run(policy, monkeypatch)
		for name, field in (
			("tier", "customer_tier"),
			("stage", "lifecycle_stage"),
			("segment", "rfm_segment"),
		):
			assert found.customers[f"{name}_{ending}"].to_dict() == decided.decisions[field].to_dict()
		assert found.customers[f"money_{ending}"].to_dict() == decided.facts["annual_value"].to_dict()
	assert (found.customers["tier_now"] != found.customers["tier_then"]).sum() + (
		found.customers["stage_now"] != found.customers["stage_then"]
	).sum()


def test_it_writes_nothing(population: str) -> None:
	before = checksums()
	for preset in presets():
		summary, rows = simulation.result(simulation.propose(preset), AS_OF, runs.no_progress)
		assert summary["customers"] == len(rows["customer"])
	assert checksums() == before


def test_the_matrix_adds_up(population: str) -> None:
	changes = {"tiers": [{"name": "A", "entry_value": 300_000}], "window_months": 6}
	summary, rows = simulation.result(simulation.propose("retail", changes), AS_OF, runs.no_progress)
	frame = simulate(simulation.propose("retail", changes).policy(), AS_OF).customers
	for kind in simulation.KINDS:
		found = summary[kind]
		assert sum(map(sum, found["counts"])) == summary["customers"] == len(frame)
		for ending, totals in (
			("now", map(sum, found["counts"])),
			("then", map(sum, zip(*found["counts"], strict=True))),
		):
			counted = frame[f"{kind}_{ending}"].fillna("").value_counts()
			assert {
				name: total for name, total in zip(found[ending], totals, strict=True) if total
			} == counted.to_dict()
			assert sum(found[f"money_{ending}"]) == pytest.approx(frame[f"money_{ending}"].sum(), abs=0.1)
		for i, now in enumerate(found["now"]):
			for j, then in enumerate(found["then"]):
				places = simulation.places(rows, kind, now, then)
				assert len(places) == found["counts"][i][j]
				assert all(simulation.row(rows, place)[f"{kind}_now"] == now for place in places)
	movers = frame[frame["tier_now"].fillna("") != frame["tier_then"].fillna("")]
	assert len(simulation.places(rows, "tier")) == len(movers) >= summary["rise"] + summary["fall"] > 0


def test_rising_and_falling_by_the_entry_value() -> None:
	rich, poor = make.make_customer().name, make.make_customer().name
	make.make_invoice(rich, 400_000, AS_OF)
	make.make_invoice(poor, 40_000, AS_OF)
	make.recompute(AS_OF)
	changes = {"tiers": [{"name": "A", "entry_value": 300_000}, {"name": "C", "entry_value": 50_000}]}
	summary, _rows = simulation.result(simulation.propose(None, changes), AS_OF, runs.no_progress)
	assert (summary["rise"], summary["fall"], summary["grace"]) == (1, 1, 0)
	frame = simulate(simulation.propose(None, changes).policy(), AS_OF).customers
	assert list(frame.loc[rich, ["tier_now", "tier_then", "stage_then"]]) == ["B", "A", "High Value"]
	assert list(frame.loc[poor, ["tier_now", "tier_then"]]) == ["C", "D"]
	changes["tiers"][1] = {"name": "C", "entry_value": 50_000, "grace_days": 30}
	summary, _rows = simulation.result(simulation.propose(None, changes), AS_OF, runs.no_progress)
	assert (summary["rise"], summary["fall"], summary["grace"]) == (1, 0, 1)


def test_renaming_a_tier_moves_nobody(population: str) -> None:
	summary, _rows = simulation.result(simulation.propose("precious_names"), AS_OF, runs.no_progress)
	assert (summary["rise"], summary["fall"]) == (0, 0)
	assert summary["new_names"]["Customer Tier|A"] == "Diamond"


def test_what_it_would_start_and_does_not() -> None:
	frappe.db.delete("Outreach Sequence", {"entry_signal": "Became Dormant", "name": ("!=", "Wake Up")})
	frappe.db.delete(
		"Follow Up Rule", {"signal": "Became Dormant", "name": ("!=", "Call a dormant customer")}
	)
	for days in (50, 60, 70, 10):
		make.make_invoice(make.make_customer().name, 100, make.days_ago(days, AS_OF))
	make.recompute(AS_OF)
	proposal = simulation.propose(None, {"stages": [{"name": "Dormant", "min_days_since_order": 55}]})
	summary, _rows = simulation.result(proposal, AS_OF, runs.no_progress)
	(dormant,) = (signal for signal in summary["signals"] if signal["signal"] == "Became Dormant")
	assert dormant["customers"] == 2
	steps = len(frappe.get_doc("Outreach Sequence", "Wake Up").steps)
	assert {(row["doctype"], row["count"]) for row in dormant["starts"]} == {
		("Follow Up Rule", 2),
		("Outreach Sequence", 2 * (steps - 1)),  # the rule asks for the call
	}
	assert summary["would_start"] == {"todos": 2, "mails": 0}
	apply(proposal, "Earlier")
	make.recompute(AS_OF)
	assert (
		frappe.db.count("Tiering Event", {"signal": "Became Dormant", "cause": ("in", ("Order", "Time"))})
		== 0
	)


def test_consequences_by_what_rules_and_sequences_listen_to_and_whom_they_are_for() -> None:
	from customer_tiering.customer_insights.consequences import consequences, totals

	frappe.db.set_value("Follow Up Rule", {"enabled": 1}, "enabled", 0)
	frappe.db.set_value("Outreach Sequence", {"enabled": 1}, "enabled", 0)
	big, small = (make.make_customer().name for _ in range(2))
	frappe.db.set_value("Customer", small, "website", "small.example.com")
	signals = pd.DataFrame({"customer": [big, small], "signal": "Declining"})
	fields = {"customer_tier": ["A", "B"], "annual_value": [10.0, 10.0]}
	then = Simulated(pd.DataFrame(fields, index=[big, small]), AS_OF)

	def rule(name: str, **values: object) -> None:
		more = [{"signal": signal} for signal in values.pop("more", ())]
		values = {"trigger": "Signal", "signal": "Won Back", **values}
		rule = frappe.get_doc(
			doctype="Follow Up Rule", rule_name=name, description="x", due_in_days=1, **values
		)
		rule.update(
			{"more_signals": more, "priority": "Low", "assign_to": "Account Manager", "enabled": 1}
		).insert()

	rule("One of several", more=("Declining", "Tier Up"))
	rule("No signal any more", trigger="Cadence", signal="Declining", every=1, every_unit="Months")
	top = json.dumps([["Customer", "customer_tier", "in", ["A"]]])
	rule("For the new top tier", signal="Declining", audience_filters=top)
	site = json.dumps(
		[["Customer", "website", "=", "small.example.com"], ["Customer", "annual_value", ">", 9]]
	)
	rule("For a website", signal="Declining", audience_filters=site)
	template = frappe.get_all("Email Template", limit=1, pluck="name")[0]

	def sequence(name: str, **values: object) -> None:
		mail = {"channel": "Email", "email_template": template}
		steps = [
			{"day_offset": 0, **mail, "variant": "A", "weight": 1},
			{"day_offset": 0, **mail, "variant": "B", "weight": 1},
			{"day_offset": 3, **mail},
			{"day_offset": 4, "channel": "Call Task", "message": "Call"},
			{"day_offset": 5, "channel": "SMS", "message": "Hello"},
		]
		values = {"entry_by": "Signal", "entry_signal": "Declining", **values}
		doc = frappe.get_doc(doctype="Outreach Sequence", sequence_name=name, steps=steps, **values).insert()
		doc.db_set("enabled", 1)

	sequence("By signal")
	sequence("By hand", entry_by="Hand")
	held_out = [name for name in (big, small) if is_held_out(50, "Half", name)]
	sequence("Half", holdout_percent=50)
	(found,) = consequences(signals, then)
	started = {row["name"]: (row["todos"], row["mails"]) for row in found["starts"] if row["enabled"]}
	each = 2 - len(held_out)
	assert started == {
		"One of several": (2, 0),
		"For the new top tier": (1, 0),
		"For a website": (1, 0),
		"By signal": (0, 4),  # one sleeping customer is one call, which the rules ask for
		"Half": (0, 2 * each),
	}
	assert totals([found]) == {"todos": 4, "mails": 4 + 2 * each}
	frappe.db.set_value("Follow Up Rule", {"name": ("in", ("One of several", "For a website"))}, "enabled", 0)
	(found,) = consequences(signals, then)
	started = {row["name"]: row["todos"] for row in found["starts"] if row["enabled"]}
	assert started == {"For the new top tier": 1, "By signal": 1, "Half": len({small} - set(held_out))}


def test_who_newly_comes_into_an_audience_is_started_by_saving() -> None:
	from customer_tiering.customer_insights.consequences import newcomers, totals

	frappe.db.set_value("Follow Up Rule", {"enabled": 1}, "enabled", 0)
	frappe.db.set_value("Outreach Sequence", {"enabled": 1}, "enabled", 0)
	for name in ("Monthly call to an A customer", "Birthday greetings"):
		frappe.db.set_value("Follow Up Rule", name, "enabled", 1)
	by_tier = json.dumps([["Customer", "customer_tier", "=", "A"]])
	frappe.db.set_value("Follow Up Rule", "Birthday greetings", "audience_filters", by_tier)
	frappe.db.set_value("Outreach Sequence", "VIP Care", "enabled", 1)
	names = [make.make_customer().name for _ in range(4)]
	frappe.db.set_value("Customer", names[1], "key_date_birthday", "1980-05-05")
	now, then = (
		Simulated(pd.DataFrame({"customer_tier": tiers}, index=names), AS_OF)
		for tiers in (["B", "B", "A", "A"], ["A", "A", "A", "B"])
	)
	found = newcomers(now, then)
	steps = frappe.get_doc("Outreach Sequence", "VIP Care").steps
	mails = 2 * sum(step.channel == "Email" for step in steps)
	calls = 2 * sum(step.channel == "Call Task" for step in steps)
	assert {
		row["name"]: (row["customers"], row["todos"], row["mails"]) for row in found if row["enabled"]
	} == {
		"Monthly call to an A customer": (2, 2, 0),
		"Birthday greetings": (1, 1, 0),
		"VIP Care": (2, calls, mails),
	}
	assert totals([{"starts": found}]) == {"todos": 3 + calls, "mails": mails}


ASKED_OF_AUDIENCES = (
	["purchase_frequency", "=", "High"],
	["purchase_frequency", "is", "not set"],
	["abc_class", "in", ["A", "B"]],
	["abc_class", "not in", "A,B"],
	["churn_risk", "!=", "High"],
	["churn_risk", "like", "%ig%"],
	["rfm_score", "like", "5%"],
	["rfm_score", "not like", "%1%"],
	["annual_value", ">", 30_000],
	["annual_value", "<=", 0],
	["annual_orders", ">=", 2],
	["last_order_date", "between", ["2026-01-01", "2026-06-30"]],
	["last_order_date", "<", "2026-03-01"],
	["last_order_date", "timespan", "last year"],
	["last_order_date", "is", "not set"],
	["feedback_category", "!=", "Detractor"],
	["loyalty_points", "<", 1],
	["tier_since", ">=", "2026-05-20"],
	["below_keep_since", "is", "set"],
	["tiering_review_on", "<", "2026-12-31"],
)


def test_an_audience_is_who_would_be_in_it_after_saving_and_a_run(population: str) -> None:
	"""Whatever it asks for that rules decide."""
	changes = {
		"tiers": [{"name": "C", "entry_value": 20_000}],
		**{"window_months": 6, "high_frequency_orders": 1, "abc_a_percent": 50, "near_score": 2},
		**{"churn_medium_factor": 0.5, "churn_high_factor": 0.8, "scoring": "Fixed Breakpoints"},
	}
	proposal = simulation.propose(None, changes)
	asked = [[Condition("Customer", *each)] for each in ASKED_OF_AUDIENCES]
	make.recompute(AS_OF)
	found = simulate(proposal.policy(), AS_OF)
	moved = 0
	for fields in (found.fields_now, found.fields_then):
		simulated = Simulated(fields, AS_OF)
		audiences = [simulated.fitting(conditions) for conditions in asked]
		stored = [customers_in([list(each) for each in conditions], as_of=AS_OF) for conditions in asked]
		assert audiences == [names & set(fields.index) for names in stored]
		assert sum(0 < len(names) < len(fields) for names in audiences) > 12
		if fields is found.fields_now:
			before = audiences
			apply(proposal, "Other rules")
			make.recompute(AS_OF)
		else:
			moved = sum(one != other for one, other in zip(before, audiences, strict=True))
	assert moved > 9


def test_a_signal_that_has_come_in_its_period_does_not_come_again() -> None:
	customer = make.make_customer().name
	make.make_invoice(customer, 100, make.days_ago(58, AS_OF))
	make.recompute(make.days_ago(3, AS_OF))
	proposal = simulation.propose(None, {"sleep_default_days": 40, "sleep_min_days": 0})

	def warned() -> list[str]:
		return [row["signal"] for row in simulation.result(proposal, AS_OF, runs.no_progress)[0]["signals"]]

	assert warned() == ["Sleep Warning"]
	frappe.db.set_single_value("Tiering Settings", "sleep_default_days", 30)
	make.recompute(AS_OF)
	frappe.db.set_single_value("Tiering Settings", "sleep_default_days", 60)
	assert warned() == []


class TestThePage:
	@pytest.fixture
	def manager(self) -> str:
		return make.ensure_user(
			"manager@example.com", "Tiering Manager", "Sales Manager", "Sales Master Manager"
		)

	def simulated(self, user: str, **given: object) -> dict:
		"""As the job of this user does it."""
		frappe.set_user(user)
		simulation.start(user, "token")
		simulation.run(given.get("preset"), given.get("changes"), str(AS_OF), "token", "en")
		return page.get_status()

	def test_from_start_to_save(self, population: str, manager: str, monkeypatch: pytest.MonkeyPatch) -> None:
		from customer_tiering.tiering import api

		frappe.set_user(manager)
		changes = json.dumps({"tiers": [{"name": "A", "entry_value": 300_000}]})
		with pytest.raises(frappe.ValidationError, match=r"No background worker.*simulate"):
			page.start(changes)
		monkeypatch.setattr(api, "get_queues", lambda: ["bench:long"])
		jobs: list[dict] = []
		monkeypatch.setattr(frappe, "enqueue", lambda method, queue, timeout, job_id, **job: jobs.append(job))
		with pytest.raises(frappe.ValidationError, match="already starts"):
			page.start(json.dumps({"tiers": [{"name": "A", "entry_value": 100_000}]}))
		token = page.start(changes, as_of=str(AS_OF))["token"]
		status = page.get_status()
		assert (status["token"], status["state"]) == (token, "Queued")
		simulation.run(**jobs[0])
		done = page.get_status()
		assert (done["state"], done["token"]) == ("Done", token)
		(row,) = (i for i, name in enumerate(done["summary"]["tier"]["now"]) if name == "B")
		rising = done["summary"]["tier"]["counts"][row][0]
		behind = page.get_customers("tier", "B", "A")
		assert behind["total"] == rising == len(behind["rows"]) > 0 == behind["hidden"]
		assert page.get_customers("tier", way="rise") == behind
		assert page.get_customers("tier", way="fall")["total"] == done["summary"]["fall"] == 0
		assert page.differences(changes) == ["Customer Tier A · Entry Value: 500,000 → 300,000"]
		change = page.save(changes)
		assert read_policy().tiers[0].entry_value == 300_000
		assert frappe.db.get_value("Tiering Rule Change", change["name"], "status") == "Applied"

	def test_an_older_simulation_leaves_the_newer_alone(self, population: str, manager: str) -> None:
		frappe.set_user(manager)
		simulation.start(manager, "new")
		simulation.run("retail", {}, str(AS_OF), "old", "en")
		status = page.get_status()
		assert (status["token"], status["state"]) == ("new", "Queued")

	def test_an_older_simulation_ends_at_the_next_step(
		self, manager: str, monkeypatch: pytest.MonkeyPatch
	) -> None:
		steps: list[int] = []

		def result(_proposal: object, _day: date, progress: runs.Progress) -> tuple[dict, dict]:
			for number in range(4):
				progress(number, 4, "Reading")
				steps.append(number)
				simulation.start(manager, "new")
			return {}, {}

		monkeypatch.setattr(simulation, "result", result)
		frappe.set_user(manager)
		simulation.start(manager, "old")
		for _again in "12":  # the second one finds that it is too late before it begins
			simulation.run(None, {}, str(AS_OF), "old", "en")
		assert steps == [0]
		status = page.get_status()
		assert (status["token"], status["state"]) == ("new", "Queued")

	def test_one_that_was_killed_is_told(self, manager: str, monkeypatch: pytest.MonkeyPatch) -> None:
		"""As a worker that is gone leaves it: what it said last stands there, and nobody holds its lock."""
		frappe.set_user(manager)
		simulation.start(manager, "token")
		running = {"token": "token", "state": "Running", "percent": 40, "what": "Reading"}
		simulation._tell(manager, "token", running)
		with simulation._alone("token"):
			assert page.get_status() == running
		killed = page.get_status()
		assert killed["state"] == "Failed" and "Simulate again" in killed["error"]

	def test_one_whose_job_is_gone_is_told(self, manager: str, monkeypatch: pytest.MonkeyPatch) -> None:
		frappe.set_user(manager)
		simulation.start(manager, "token")
		assert page.get_status()["state"] == "Queued"
		monkeypatch.setattr(simulation, "SOON", -1)
		assert page.get_status()["state"] == "Failed"

	def test_rules_that_were_broken_meanwhile_are_told(
		self, population: str, manager: str, monkeypatch: pytest.MonkeyPatch
	) -> None:
		monkeypatch.setattr(frappe.db, "rollback", lambda **_: None)
		failed = self.simulated(manager, changes={"stages": [{"name": "Lost", "min_days_since_order": 10}]})
		assert failed["state"] == "Failed" and "dormant before they are lost" in failed["error"]

	def test_results_belong_to_one_user(self, population: str, manager: str) -> None:
		self.simulated(manager, preset="retail")
		frappe.set_user(make.ensure_user("other@example.com", "Tiering Manager", "Sales Manager"))
		assert not (page.get_status() or {}).get("summary")
		for call in (lambda: page.get_customers("tier"), lambda: page.export("csv")):
			with pytest.raises(frappe.ValidationError, match="not yours"):
				call()

	def test_only_managers(self, manager: str) -> None:
		frappe.set_user(make.ensure_user("head@example.com", "Sales Manager"))
		calls = (page.get_rules, page.start, page.get_status, lambda: page.get_customers("tier"))
		for call in (*calls, lambda: page.export("csv"), page.differences, page.save):
			with pytest.raises(frappe.PermissionError):
				call()

	def test_customers_follow_their_permissions(self, manager: str) -> None:
		seen, hidden = (make.make_customer().name for _ in range(2))
		for customer in (seen, hidden):
			make.make_invoice(customer, 400_000, AS_OF)
		place = frappe.get_doc(doctype="Territory", territory_name="Seen Land", is_group=0).insert().name
		frappe.db.set_value("Customer", seen, "territory", place)
		frappe.get_doc(doctype="User Permission", user=manager, allow="Territory", for_value=place).insert()
		changes = {"tiers": [{"name": "A", "entry_value": 300_000}]}
		assert self.simulated(manager, changes=changes)["summary"]["rise"] == 2
		found = page.get_customers("tier", "B", "A")
		assert ([row["customer"] for row in found["rows"]], found["total"], found["hidden"]) == ([seen], 1, 1)
		assert [row[0] for row in self.exported("csv")[1:]] == [seen]

	def test_customers_are_exported_by_who_may(self) -> None:
		make.make_invoice(make.make_customer().name, 400_000, AS_OF)
		user = make.ensure_user("reader@example.com", "Tiering Manager", "Sales Manager")
		if frappe.has_permission("Customer", "export", user=user):
			pytest.skip("real bench only: in the stand-in all who may read may export")
		self.simulated(user, changes={"tiers": [{"name": "A", "entry_value": 300_000}]})
		assert page.get_customers("tier", "B", "A")["total"] == 1
		assert self.exported("csv")[1:] == [["Your roles don't let you export customers."]]

	def exported(self, file_format: str) -> list[list]:
		page.export(file_format)
		content = frappe.response.pop("filecontent")
		if file_format == "csv":
			return list(csv.reader(io.StringIO(content.decode("utf-8-sig"))))
		return openpyxl.load_workbook(io.BytesIO(content))

	def test_files_hold_the_movers_and_no_formula(self, manager: str) -> None:
		names = ["=1+1", "@SUM(A1)", "-2+3", "+1", "<b>Müller & 王</b>", 'quote " and, comma']
		for name in names:
			customer = make.make_customer().name
			make.make_invoice(customer, 400_000, AS_OF)
			frappe.db.set_value("Customer", customer, "customer_name", name)
		make.make_invoice(make.make_customer("Stays").name, 10, AS_OF)
		self.simulated(manager, changes={"tiers": [{"name": "A", "entry_value": 300_000}]})
		rows = self.exported("csv")
		assert {row[1] for row in rows[1:]} == {f"'{name}" if name[0] in "=@-+" else name for name in names}
		assert not [cell for row in rows for cell in row if cell.startswith(("=", "@", "+", "-"))]
		book = self.exported("xlsx")
		assert book.sheetnames == ["Rules", "Tier", "Stage", "Segment", "Signals", "Customers"]
		said = {row[0]: row[1] for row in book["Rules"].iter_rows(values_only=True)}
		assert said["As of"].date() == AS_OF and said["Customers rise"] == len(names)
		assert said["The rules that differ"] == "Customer Tier A · Entry Value: 500,000 → 300,000"
		heads = [f"Money in the Window (USD) {when}" for when in ("now", "then")]
		assert rows[0][8:10] == heads == [cell.value for cell in book["Customers"][1]][8:10]
		assert (
			book["Tier"][1][-1].value == "Money in the Window (USD)" and book["Tier"][2][-1].data_type == "n"
		)
		assert {row[10].date() for row in book["Customers"].iter_rows(min_row=2, values_only=True)} == {AS_OF}
		assert {row[1] for row in book["Customers"].iter_rows(min_row=2, values_only=True)} == set(names)
		assert all(cell.data_type != "f" for sheet in book for row in sheet.iter_rows() for cell in row)
		assert book["Tier"]["B3"].value == len(names)
		with pytest.raises(frappe.ValidationError, match="file_format"):
			page.export("pdf")

	@pytest.mark.parametrize(
		("call", "words"),
		[
			(lambda: page.get_customers("name"), "tier, stage, segment"),
			(lambda: page.get_customers("tier", way="up"), "rise, fall"),
			(lambda: page.get_rules("../../x"), "no preset"),
			(lambda: page.start(preset="nope"), "no preset"),
			(lambda: page.start('{"tiers": [{"name": "<script>", "entry_value": 1}]}'), "special characters"),
			(lambda: page.start('{"x": 1}', as_of="2026-13-01"), "As of"),
		],
	)
	def test_wrong_arguments_are_told(
		self, call: Callable, words: str, manager: str, monkeypatch: pytest.MonkeyPatch
	) -> None:
		from customer_tiering.tiering import api

		monkeypatch.setattr(api, "get_queues", lambda: ["bench:long"])
		with pytest.raises(frappe.ValidationError, match=words):
			call()

	def test_the_form_shows_what_a_preset_would_set(self, manager: str) -> None:
		frappe.set_user(manager)
		rules = page.get_rules("retail")
		silent = next(row for row in rules["stages"] if row["name"] == "Dormant")
		assert (silent["label"], silent["values"]["min_days_since_order"]) == ("Silent", 30)
		assert silent["now"]["min_days_since_order"] == 180
		assert next(row for row in rules["stages"] if row["name"] == "Active")["now"] is None
		proposal = Proposal()
		assert [row["name"] for row in page.get_rules()["tiers"]] == list(
			"ABCD"
		) and not proposal.differences()


class TestTheCommand:
	def test_a_file_that_changes_one_thing(self, bench_command: Callable, tmp_path: Path) -> None:
		file = tmp_path / "rules.json"
		file.write_text('{"tiers": [{"name": "A", "entry_value": 300000}], "window_months": 24}')
		done = bench_command("tiering", "simulate", "--policy", str(file), "--as-of", "2026-06-30", "--json")
		found = json.loads(done.stdout)
		assert (done.returncode, found["as_of"]) == (0, "2026-06-30")
		assert any("300,000" in words for words in found["changes_in_words"])
		assert found["tier"]["then"][:4] == ["A", "B", "C", "D"]
		done = bench_command("tiering", "simulate", "--policy", str(file), "--preset", "retail")
		assert done.returncode == 0 and "Nothing was written" in done.stdout and "Silent" in done.stdout

	@pytest.mark.parametrize(
		("arguments", "words"),
		[
			(("--policy", "nowhere.json"), "nowhere.json"),
			(("--policy", "BAD"), "window_monts"),
			(("--preset", "nope"), "no preset nope"),
			((), "--policy FILE.json"),
		],
	)
	def test_a_mistake_is_one_sentence(
		self, arguments: tuple, words: str, bench_command: Callable, tmp_path: Path
	) -> None:
		(tmp_path / "bad.json").write_text('{"window_monts": 24}')
		given = [str(tmp_path / "bad.json") if each == "BAD" else each for each in arguments]
		done = bench_command("tiering", "simulate", *given)
		assert done.returncode and words in done.stderr and "Traceback" not in done.stderr + done.stdout
