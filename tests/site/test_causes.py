"""What a change is put down to, and that only orders and time start anything."""

from collections.abc import Iterator
from datetime import date, timedelta

import frappe
import pytest

from customer_tiering.tiering.explain import explain
from tests.site import factories as make
from tests.site.factories import computed, events, recompute

AS_OF = date(2026, 6, 30)
NEXT_DAY = AS_OF + timedelta(days=1)


@pytest.fixture(autouse=True)
def new_site(site: str) -> Iterator[None]:
	with make.uncommitted():
		make.as_if_new()
		yield


def customer_with_order(amount: float, days: int) -> tuple[str, str]:
	customer = make.make_customer().name
	return customer, make.make_invoice(customer, amount, AS_OF - timedelta(days=days)).name


def set_entry_value(tier: str, value: float) -> None:
	doc = frappe.get_doc("Customer Tier", tier)
	doc.entry_value = value
	doc.save()


def test_a_changed_threshold_fires_nothing_though_the_invoice_was_touched() -> None:
	customer, invoice = customer_with_order(150_000, 10)
	recompute(AS_OF)
	frappe.db.set_value("Sales Invoice", invoice, "remarks", "paid")
	set_entry_value("B", 200_000)
	recompute(NEXT_DAY)
	(change,) = events(customer, as_of=NEXT_DAY, decision="Tier")
	assert (change.cause, change.new_value) == ("Policy", "C")


def test_a_rule_change_does_not_swallow_what_time_did_that_day() -> None:
	customer, _invoice = customer_with_order(100, 179)
	recompute(AS_OF)
	set_entry_value("B", 200_000)
	recompute(NEXT_DAY)
	(change,) = events(customer, as_of=NEXT_DAY, decision="Stage")
	assert (change.cause, change.signal) == ("Time", "Became Dormant")


def test_a_changed_window_is_a_changed_rule() -> None:
	customer = make.make_customer().name
	make.make_invoice(customer, 40_000, AS_OF - timedelta(days=100))
	recompute(AS_OF)
	frappe.db.set_single_value("Tiering Settings", "window_months", 1)
	make.forget_cached_rules()
	recompute(NEXT_DAY)
	(change,) = events(customer, as_of=NEXT_DAY, decision="Tier")
	assert (change.cause, change.new_value) == ("Policy", "D")


def test_an_override_taken_back_fires_nothing() -> None:
	customer, _invoice = customer_with_order(100, 10)
	given = {"tier_override": "A", "tier_override_until": "2099-12-31", "tier_override_reason": "Promised"}
	frappe.db.set_value("Customer", customer, given)
	recompute(AS_OF)
	frappe.db.set_value("Customer", customer, dict.fromkeys(given))
	recompute(NEXT_DAY)
	(change,) = events(customer, as_of=NEXT_DAY, decision="Tier")
	assert (change.cause, change.new_value, change.signal) == ("Override Ended", "D", None)
	recompute(NEXT_DAY + timedelta(days=1))
	assert len(events(customer, decision="Tier")) == 2


def test_a_mail_on_a_quoted_opportunity_is_a_follow_up() -> None:
	customer, _invoice = customer_with_order(100, 200)
	opportunity = make.make_opportunity(customer)
	frappe.db.set_value("Opportunity", opportunity.name, "status", "Quotation")
	make.make_communication("Opportunity", opportunity.name, AS_OF - timedelta(days=5))
	recompute(AS_OF)
	assert computed(customer).lifecycle_stage == "First Purchase"


def test_a_renamed_customer_does_not_fall_asleep_twice() -> None:
	customer, _invoice = customer_with_order(100, 179)
	recompute(AS_OF)
	recompute(NEXT_DAY)
	renamed = frappe.rename_doc("Customer", customer, f"{customer} renamed", force=True)
	later = make.make_invoice(renamed, 5, NEXT_DAY)
	recompute(NEXT_DAY + timedelta(days=1))
	later.cancel()
	recompute(NEXT_DAY + timedelta(days=2))
	assert computed(renamed).lifecycle_stage == "Dormant"
	assert len(events(renamed, signal="Became Dormant")) == 1


def test_a_merge_leaves_no_customer_that_points_at_itself() -> None:
	gone, kept = (make.make_customer().name for _ in range(2))
	frappe.db.set_value("Customer", kept, {"rolls_up_to": gone, "referred_by": gone})
	frappe.rename_doc("Customer", gone, kept, merge=True, force=True)
	doc = frappe.get_doc("Customer", kept)
	assert (doc.rolls_up_to, doc.referred_by) == (None, None)
	doc.save()


def test_every_scheduled_function_has_its_job() -> None:
	from customer_tiering.hooks import scheduler_events

	wanted = {method for methods in scheduler_events.values() for method in methods}
	jobs = {"method": ("like", "customer_tiering.%")}
	assert wanted == set(frappe.get_all("Scheduled Job Type", jobs, pluck="method"))


def test_a_renamed_tier_is_no_changed_rule_and_keeps_its_ledger() -> None:
	customer, _invoice = customer_with_order(150_000, 10)
	recompute(AS_OF)
	frappe.rename_doc("Customer Tier", "B", "Silver", force=True)
	assert recompute(NEXT_DAY).changed == 0
	(event,) = events(customer, decision="Tier")
	assert event.new_value == "Silver"
	set_entry_value("Silver", 200_000)
	recompute(NEXT_DAY + timedelta(days=1))
	assert events(customer, decision="Tier")[-1].cause == "Policy"


def test_a_renamed_stage_and_a_changed_threshold_fire_nothing() -> None:
	customer, _invoice = customer_with_order(100, 20)
	recompute(AS_OF)
	frappe.rename_doc("Lifecycle Stage", "First Purchase", "One Order", force=True)
	stage = frappe.get_doc("Lifecycle Stage", "Dormant")
	stage.min_days_since_order = 10
	stage.save()
	recompute(NEXT_DAY)
	last = events(customer, decision="Stage")[-1]
	assert (last.old_value, last.new_value, last.cause, last.signal) == (
		"One Order",
		"Dormant",
		"Policy",
		None,
	)


class TestRates:
	"""A changed exchange rate or cost starts nothing; what time or an order did in the same full run does."""

	@pytest.fixture
	def company(self) -> str:
		currency = frappe.db.get_value("Company", make.ensure_company(), "default_currency")
		frappe.db.set_single_value("Tiering Settings", "reporting_currency", currency)
		make.forget_cached_rules()
		return make.ensure_company()

	def correct_all_documents(self, share: float) -> None:
		"""As a corrected rate does: the same orders are worth less."""
		frappe.db.sql("UPDATE `tabSales Invoice` SET base_net_total = base_net_total * %s", share)

	def test_a_corrected_rate(self, company: str) -> None:
		customer, _invoice = customer_with_order(110_000, 10)
		recompute(AS_OF)
		self.correct_all_documents(0.8)
		recompute(NEXT_DAY)
		(tier,) = events(customer, decision="Tier", as_of=NEXT_DAY)
		assert (tier.cause, tier.new_value, tier.signal) == ("Policy", "C", None)

	def test_a_corrected_rate_beside_a_visit(self, company: str) -> None:
		customer, _invoice = customer_with_order(110_000, 10)
		recompute(AS_OF)
		self.correct_all_documents(0.8)
		make.make_communication("Customer", customer, AS_OF)
		recompute(NEXT_DAY - timedelta(days=1), full=False)
		(tier,) = [row for row in events(customer, decision="Tier") if row.old_value]
		assert (tier.cause, tier.new_value, tier.signal) == ("Policy", "C", None)

	@pytest.mark.parametrize("days", [0, 30])
	def test_a_corrected_rate_beside_a_small_order(self, company: str, days: int) -> None:
		"""What lowers the money is the rate: also when a grace delays the fall."""
		frappe.get_doc("Customer Tier", "B").update({"grace_days": days}).save()
		customer, _invoice = customer_with_order(110_000, 10)
		recompute(AS_OF)
		self.correct_all_documents(0.8)
		make.make_invoice(customer, 10, AS_OF)
		recompute(AS_OF, full=False)
		recompute(AS_OF + timedelta(days=days), full=False)
		assert events(customer, decision="Tier")[-1].new_value == "C"
		assert [(row.cause, row.signal) for row in events(customer, decision="Tier")][1:] == [
			("Policy", None)
		]

	def test_a_return_beside_a_small_order(self, company: str) -> None:
		customer, _invoice = customer_with_order(110_000, 10)
		recompute(AS_OF)
		make.make_invoice(customer, 10, NEXT_DAY)
		make.make_credit_note(customer, 20_000, NEXT_DAY)
		recompute(NEXT_DAY, full=False)
		assert events(customer, decision="Tier")[-1].signal == "Tier Down"

	def test_a_corrected_rate_makes_no_upsell(self, company: str) -> None:
		frappe.get_single("Tiering Settings").update({"upsell_value": 100_000}).save()
		customer, _invoice = customer_with_order(90_000, 10)
		recompute(AS_OF)
		self.correct_all_documents(1.2)
		recompute(NEXT_DAY - timedelta(days=1))
		(signal,) = events(customer, signal="Upsell Ready")
		assert signal.cause == "Policy"

	def test_time_and_orders_fire_in_that_run(self, company: str) -> None:
		sleeper, _invoice = customer_with_order(100, 179)
		missed, buyer = (customer_with_order(90_000, 10)[0] for _ in range(2))
		recompute(AS_OF)
		for customer in (missed, buyer):
			make.make_invoice(customer, 50_000, NEXT_DAY)
		frappe.db.delete("Tiering Queue", {"customer": missed})
		recompute(NEXT_DAY)
		assert events(sleeper, decision="Stage")[-1].signal == "Became Dormant"
		for customer in (missed, buyer):
			assert events(customer, decision="Tier")[-1].signal == "Tier Up"

	def test_a_signal_of_the_month_comes_with_a_full_run(self, company: str) -> None:
		frappe.get_single("Tiering Settings").update({"upsell_value": 50_000}).save()
		customer, _invoice = customer_with_order(90_000, 10)
		recompute(AS_OF)
		recompute(NEXT_DAY)
		assert [row.cause for row in events(customer, signal="Upsell Ready")] == ["Baseline", "Time"]


class TestTiersByHand:
	def test_a_member_s_own_that_is_over_gives_no_reason(self) -> None:
		head, member = (customer_with_order(100, 10)[0] for _ in range(2))
		frappe.get_doc("Customer", member).update({"rolls_up_to": head}).save()
		until = {member: ("D", AS_OF), head: ("A", AS_OF + timedelta(days=9))}
		for name, (tier, day) in until.items():
			given = {"tier_override": tier, "tier_override_until": day, "tier_override_reason": f"For {name}"}
			frappe.db.set_value("Customer", name, given)
		recompute(AS_OF)
		recompute(NEXT_DAY, full=False)
		said = frappe.get_all(
			"Tiering Event", {"customer": member, "decision": "Tier"}, pluck="detail", order_by="name"
		)
		assert said == [f"For {member}", f"For {head}"]

	def by_hand(self, customer: str, until: date, tier: str = "A") -> None:
		doc = frappe.get_doc("Customer", customer)
		doc.update({"tier_override": tier, "tier_override_reason": "Promised"})
		doc.tier_override_until = "2099-12-31"
		doc.save()
		frappe.db.set_value("Customer", customer, "tier_override_until", until)

	def tiers(self, customer: str, after: date = AS_OF) -> list[tuple]:
		rows = events(customer, decision="Tier", as_of=(">", after))
		return [(row.old_value, row.new_value, row.cause, row.signal) for row in rows]

	def test_the_tier_that_the_customer_has_already(self) -> None:
		customer, invoice = customer_with_order(500_000, 10)
		make.make_invoice(customer, 100_000, AS_OF)
		recompute(AS_OF)
		self.by_hand(customer, AS_OF + timedelta(days=5))
		recompute(NEXT_DAY, full=False)
		make.make_return(frappe.get_doc("Sales Invoice", invoice), AS_OF + timedelta(days=2))
		for days in (2, 6, 7):
			recompute(AS_OF + timedelta(days=days), full=False)
		assert self.tiers(customer) == [("A", "A", "Override", None), ("A", "B", "Override Ended", None)]
		detail = frappe.get_all(
			"Tiering Event", {"customer": customer, "cause": "Override", "decision": "Tier"}, pluck="detail"
		)
		assert detail == ["Promised"]

	def test_begun_and_over_on_one_day(self) -> None:
		customer, _invoice = customer_with_order(500_000, 10)
		recompute(AS_OF)
		self.by_hand(customer, NEXT_DAY)
		begun = recompute(NEXT_DAY, full=False)
		doc = frappe.get_doc("Customer", customer)
		doc.update({"tier_override": None}).save()
		over = recompute(NEXT_DAY, full=False)
		assert (begun.events, over.events) == (1, 1)
		assert [row[2] for row in self.tiers(customer)] == ["Override", "Override Ended"]

	def test_a_group_has_it_of_its_head(self) -> None:
		head, member = (customer_with_order(300_000, 10)[0] for _ in range(2))
		frappe.get_doc("Customer", member).update({"rolls_up_to": head}).save()
		recompute(AS_OF)
		self.by_hand(head, AS_OF + timedelta(days=5))
		recompute(NEXT_DAY, full=False)
		assert self.tiers(member) == [("A", "A", "Override", None)]
		recompute(AS_OF + timedelta(days=6), full=False)
		assert self.tiers(member)[1:] == [("A", "A", "Override Ended", None)]

	def test_a_first_order_in_the_same_run(self) -> None:
		customer = make.make_customer().name
		recompute(AS_OF)
		self.by_hand(customer, AS_OF + timedelta(days=5))
		make.make_invoice(customer, 100, NEXT_DAY)
		recompute(NEXT_DAY, full=False)
		(stage,) = events(customer, decision="Stage", as_of=NEXT_DAY)
		assert (stage.new_value, stage.cause, stage.signal) == ("High Value", "Order", "First Order")


class TestMerges:
	"""Where a customer stands, and whether by hand, is what its own rows say, whomever was merged into it."""

	by_hand = TestTiersByHand.by_hand
	tiers = TestTiersByHand.tiers

	def test_the_other_s_tier_by_hand_is_not_the_kept_one_s(self) -> None:
		gone = make.make_customer().name
		frappe.db.sql("UPDATE `tabCustomer Tier` SET grace_days = 30 WHERE name = 'B'")
		make.forget_cached_rules()
		kept, invoice = customer_with_order(120_000, 10)
		recompute(AS_OF)
		self.by_hand(gone, AS_OF + timedelta(days=90))
		make.make_return(frappe.get_doc("Sales Invoice", invoice), NEXT_DAY)
		make.make_invoice(kept, 50_000, NEXT_DAY)
		recompute(NEXT_DAY, full=False)
		frappe.rename_doc("Customer", gone, kept, merge=True, force=True)
		recompute(NEXT_DAY + timedelta(days=1), full=False)
		assert computed(kept).customer_tier == "B"
		assert explain(kept, NEXT_DAY).overridden is None
		assert self.tiers(kept, NEXT_DAY) == []

	def test_the_kept_one_s_tier_by_hand_ends_as_such(self) -> None:
		gone, kept = (customer_with_order(60_000, 10)[0] for _ in range(2))
		recompute(AS_OF)
		self.by_hand(kept, AS_OF + timedelta(days=5))
		recompute(NEXT_DAY, full=False)
		make.make_invoice(gone, 60_000, NEXT_DAY)
		recompute(NEXT_DAY + timedelta(days=1), full=False)
		frappe.rename_doc("Customer", gone, kept, merge=True, force=True)
		recompute(AS_OF + timedelta(days=3), full=False)
		recompute(AS_OF + timedelta(days=6), full=False)
		assert self.tiers(kept, AS_OF + timedelta(days=3)) == [("A", "B", "Override Ended", None)]


class TestEdits:
	"""What somebody typed in starts nothing: neither a group nor a merge nor a tier by hand is a customer's doing."""

	def two_in_one_group(self) -> tuple[str, str]:
		head, member = (customer_with_order(60_000, 10)[0] for _ in range(2))
		recompute(AS_OF, full=True)
		frappe.get_doc("Customer", member).update({"rolls_up_to": head}).save()
		recompute(NEXT_DAY, full=False)
		return head, member

	def last_tier(self, customer: str) -> tuple:
		event = events(customer, decision="Tier")[-1]
		return event.cause, event.new_value, event.signal

	def test_a_group_that_is_put_together_and_taken_apart(self) -> None:
		head, member = self.two_in_one_group()
		assert [self.last_tier(name) for name in (head, member)] == [("Edit", "B", None)] * 2
		frappe.get_doc("Customer", member).update({"rolls_up_to": None}).save()
		recompute(NEXT_DAY + timedelta(days=1), full=False)
		assert [self.last_tier(name) for name in (head, member)] == [("Edit", "C", None)] * 2

	def test_a_member_that_is_disabled(self) -> None:
		head, member = self.two_in_one_group()
		frappe.get_doc("Customer", member).update({"disabled": 1}).save()
		recompute(NEXT_DAY + timedelta(days=1), full=False)
		assert self.last_tier(head) == ("Edit", "C", None)

	def test_a_member_that_becomes_internal(self) -> None:
		head, member = self.two_in_one_group()
		internal = {"is_internal_customer": 1, "represents_company": make.ensure_company()}
		frappe.get_doc("Customer", member).update(internal).save()
		recompute(NEXT_DAY + timedelta(days=1), full=False)
		assert self.last_tier(head) == ("Edit", "C", None)

	def test_a_referrer_who_is_typed_in(self) -> None:
		promoter, friend = customer_with_order(100, 10)[0], customer_with_order(500, 10)[0]
		recompute(AS_OF)
		frappe.get_doc("Customer", friend).update({"referred_by": promoter}).save()
		recompute(NEXT_DAY, full=False)
		(signal,) = events(promoter, signal="Super Promoter")
		assert signal.cause == "Edit"

	def test_an_order_in_a_new_group_fires(self) -> None:
		_head, member = self.two_in_one_group()
		make.make_invoice(member, 500_000, NEXT_DAY)
		recompute(NEXT_DAY + timedelta(days=1), full=False)
		assert self.last_tier(member) == ("Order", "A", "Tier Up")

	def test_a_merge(self) -> None:
		gone, kept = (customer_with_order(60_000, 10)[0] for _ in range(2))
		lead = make.make_customer().name
		recompute(AS_OF)
		frappe.rename_doc("Customer", gone, kept, merge=True, force=True)
		frappe.rename_doc("Customer", kept, lead, merge=True, force=True)
		recompute(NEXT_DAY, full=False)
		assert self.last_tier(lead) == ("Edit", "B", None)
		(stage,) = events(lead, decision="Stage", as_of=NEXT_DAY)
		assert (stage.cause, stage.new_value, stage.signal) == ("Edit", "Repeat", None)

	def test_a_stage_has_the_cause_of_the_tier_that_it_follows(self) -> None:
		customer, _invoice = customer_with_order(100, 10)
		recompute(AS_OF)
		doc = frappe.get_doc("Customer", customer)
		given = {
			"tier_override": "A",
			"tier_override_until": "2099-12-31",
			"tier_override_reason": "Promised",
		}
		doc.update(given).save()
		recompute(NEXT_DAY, full=False)
		doc.reload()
		doc.update(dict.fromkeys(given)).save()
		recompute(NEXT_DAY + timedelta(days=1), full=False)
		stages = [(event.cause, event.new_value) for event in events(customer, decision="Stage")[1:]]
		assert stages == [("Override", "High Value"), ("Override Ended", "First Purchase")]

	def test_who_fell_asleep_in_a_new_group_did_so_by_time(self) -> None:
		customer, head = customer_with_order(100, 179)[0], make.make_customer().name
		recompute(AS_OF)
		frappe.get_doc("Customer", customer).update({"rolls_up_to": head}).save()
		recompute(NEXT_DAY, full=False)
		(stage,) = events(customer, decision="Stage", as_of=NEXT_DAY)
		assert (stage.cause, stage.signal) == ("Time", "Became Dormant")


def fallen(customer: str) -> tuple:
	change = events(customer, decision="Tier")[-1]
	return change.new_value, change.cause, change.signal


def nights(*days: int) -> None:
	for day in days:
		recompute(AS_OF + timedelta(days=day), full=False)


class TestTheEndOfAGrace:
	"""It tells what had begun it, and whom nothing but a rule or an edit brought under the keep value hears nothing."""

	@pytest.fixture(autouse=True)
	def grace(self) -> None:
		frappe.get_doc("Customer Tier", "B").update({"grace_days": 30}).save()

	def test_begun_by_a_rule(self) -> None:
		customer, _invoice = customer_with_order(150_000, 10)
		recompute(AS_OF)
		set_entry_value("B", 200_000)
		recompute(NEXT_DAY)
		assert computed(customer).below_keep_cause == "Policy"
		nights(30, 31)
		assert fallen(customer) == ("C", "Policy", None)

	def test_begun_by_an_edit(self) -> None:
		(head, _), (member, _) = customer_with_order(90_000, 10), customer_with_order(60_000, 10)
		frappe.get_doc("Customer", member).update({"rolls_up_to": head}).save()
		recompute(AS_OF)
		frappe.get_doc("Customer", member).update({"rolls_up_to": None}).save()
		nights(1, 31)
		assert [fallen(name) for name in (head, member)] == [("C", "Edit", None)] * 2

	def test_begun_by_a_return(self) -> None:
		customer, invoice = customer_with_order(150_000, 10)
		recompute(AS_OF)
		make.make_return(frappe.get_doc("Sales Invoice", invoice), NEXT_DAY, rate=60_000)
		nights(1, 31)
		assert fallen(customer) == ("C", "Time", "Tier Down")

	def test_begun_by_a_rule_and_again_by_a_return(self) -> None:
		customer, _invoice = customer_with_order(150_000, 10)
		recompute(AS_OF)
		set_entry_value("B", 200_000)
		recompute(NEXT_DAY)
		new = make.make_invoice(customer, 60_000, AS_OF + timedelta(days=2))
		nights(2)
		make.make_return(new, AS_OF + timedelta(days=3))
		nights(3, 33)
		assert fallen(customer) == ("C", "Time", "Tier Down")
