"""The Customer form beside the runs: who may write which field, and what renaming, merging and deleting do."""

import json
import subprocess
import sys
from collections.abc import Iterator

import frappe
import pytest
from frappe.utils import add_days, getdate

from tests.site import factories as make
from tests.site.factories import computed, events, recompute

RESERVED = {
	"below_keep_since": "2020-01-01",
	"below_keep_cause": "Edit",
	"churn_risk": "High",
	"loyalty_points": 77,
	"feedback_category": "Promoter",
	"predicted_clv": 9,
	"tiering_review_on": "2020-01-01",
}
FORGED = {
	"customer_tier": "A",
	"tier_since": "2020-01-01",
	"lifecycle_stage": "High Value",
	"rfm_segment": "Important Value",
	"rfm_score": "555",
	"annual_value": 1000000,
	"annual_orders": 99,
	"last_order_date": "2020-01-01",
	"purchase_frequency": "High",
	"abc_class": "A",
	**RESERVED,
}
OVERRIDE = {"tier_override": "B", "tier_override_until": "2099-12-31", "tier_override_reason": "Promised"}


@pytest.fixture
def new_site(site: str) -> Iterator[None]:
	with make.uncommitted():
		make.as_if_new()
		yield


@pytest.fixture
def customer(new_site: None) -> str:
	"""A customer of tier C, decided by a run."""
	name = make.make_customer().name
	make.make_invoice(name, 40000, make.days_ago(10))
	recompute()
	return name


def all_computed(name: str) -> frappe._dict:
	return frappe.db.get_value("Customer", name, list(FORGED), as_dict=True)


def log_in_as(*roles: str) -> None:
	frappe.set_user(make.ensure_user(f"{'-'.join(roles).lower().replace(' ', '-')}@example.com", *roles))


def test_the_list_of_computed_fields_is_that_of_the_app() -> None:
	from customer_tiering.tiering.customer import COMPUTED_FIELDS, RESERVED_FIELDS

	assert set(FORGED) == {*COMPUTED_FIELDS, *RESERVED_FIELDS}
	meta = frappe.get_meta("Customer")
	for field in FORGED:
		assert meta.get_field(field).read_only and meta.get_field(field).no_copy, field


def test_a_run_knows_which_computed_fields_hold_dates_and_money() -> None:
	from customer_tiering.tiering.changes import DATE_FIELDS, MONEY_FIELDS
	from customer_tiering.tiering.customer import COMPUTED_FIELDS

	kinds = {field: frappe.get_meta("Customer").get_field(field).fieldtype for field in COMPUTED_FIELDS}
	assert {field for field, kind in kinds.items() if kind == "Date"} == set(DATE_FIELDS)
	assert {field for field, kind in kinds.items() if kind == "Currency"} == set(MONEY_FIELDS)


class TestComputedFields:
	def test_saving_does_not_take_them(self, customer: str) -> None:
		before = all_computed(customer)
		doc = frappe.get_doc("Customer", customer)
		doc.update(FORGED)
		doc.save()
		assert all_computed(customer) == before
		assert doc.customer_tier == "C"

	@pytest.mark.parametrize("field", FORGED)
	def test_setting_one_by_rest_does_not_take_it(self, customer: str, field: str) -> None:
		from frappe.client import set_value

		before = all_computed(customer)
		set_value("Customer", customer, field, FORGED[field])
		assert all_computed(customer) == before

	def test_a_new_customer_comes_without_them(self, new_site: None) -> None:
		from frappe.client import insert

		doc = insert(json.dumps({"doctype": "Customer", "customer_name": "Forged Ltd", **FORGED}))
		assert not any(all_computed(doc["name"]).values())

	def test_a_copy_comes_without_them(self, customer: str) -> None:
		frappe.db.set_value("Customer", customer, {**OVERRIDE})
		copy = frappe.copy_doc(frappe.get_doc("Customer", customer), ignore_no_copy=False)
		assert not any(copy.get(field) for field in (*FORGED, *OVERRIDE))
		copy.customer_name = "Copy Ltd"
		copy.insert()
		assert not any(all_computed(copy.name).values())

	def test_an_ordinary_change_is_still_saved(self, customer: str) -> None:
		doc = frappe.get_doc("Customer", customer)
		doc.website = "https://example.com"
		doc.save()
		assert frappe.db.get_value("Customer", customer, "website") == "https://example.com"
		assert computed(customer).customer_tier == "C"

	def test_a_form_that_was_open_during_a_run_keeps_what_the_run_wrote(self, customer: str) -> None:
		form = frappe.get_doc("Customer", customer)
		make.make_invoice(customer, 70000, getdate())
		recompute()
		form.website = "https://example.com"
		form.save()
		after = computed(customer)
		assert (after.customer_tier, after.annual_value) == ("B", 110000)
		assert form.customer_tier == "B"
		assert recompute().changed == 0


RUN_ELSEWHERE = """
import sys
import frappe

frappe.init(site=sys.argv[1])
frappe.connect()
from customer_tiering.tiering.recompute import recompute

recompute()
"""


def test_a_save_whose_transaction_is_older_than_the_run_keeps_what_the_run_wrote(site: str) -> None:
	"""A long job reads a customer, a run of another process commits, then the job saves."""
	customer = make.make_customer()
	invoice = make.make_invoice(customer.name, 40000, make.days_ago(10))
	frappe.db.commit()
	try:
		form = frappe.get_doc("Customer", customer.name)
		assert not form.customer_tier
		subprocess.run(
			[sys.executable, "-c", RUN_ELSEWHERE, site], check=True, capture_output=True, timeout=120
		)
		form.website = "https://example.com"
		form.save()
		frappe.db.commit()
		assert computed(customer).customer_tier == "C"
	finally:
		frappe.db.rollback()
		invoice.reload()
		invoice.cancel()
		invoice.delete(force=True)  # its ledger entries stay
		customer.reload()
		customer.delete(force=True)
		frappe.db.delete("Tiering Event")
		frappe.db.delete("Tiering Run")
		frappe.db.commit()


class TestOverride:
	def test_a_sales_user_may_not_set_change_or_clear_it(self, customer: str) -> None:
		log_in_as("Sales User", "Sales Master Manager")
		doc = frappe.get_doc("Customer", customer)
		doc.update(OVERRIDE)
		with pytest.raises(frappe.PermissionError, match="Tiering Manager"):
			doc.save()
		frappe.db.set_value("Customer", customer, {**OVERRIDE})
		for values in (
			{"tier_override": "A"},
			{"tier_override_until": "2098-01-01"},
			{"tier_override": None},
		):
			doc = frappe.get_doc("Customer", customer)
			doc.update(values)
			with pytest.raises(frappe.PermissionError):
				doc.save()
		doc = frappe.get_doc("Customer", customer)
		doc.website = "https://example.com"
		doc.save()

	def test_nor_create_a_customer_with_it(self, new_site: None) -> None:
		log_in_as("Sales User", "Sales Master Manager")
		with pytest.raises(frappe.PermissionError):
			make.make_customer(**OVERRIDE)
		assert make.make_customer().name

	def test_a_tiering_manager_may(self, customer: str) -> None:
		log_in_as("Tiering Manager", "Sales Master Manager")
		doc = frappe.get_doc("Customer", customer)
		doc.update(OVERRIDE)
		doc.save()
		frappe.set_user("Administrator")
		recompute()
		assert computed(customer).customer_tier == "B"

	@pytest.mark.parametrize("missing", ["tier_override_until", "tier_override_reason"])
	def test_it_needs_an_end_and_a_reason(self, customer: str, missing: str) -> None:
		doc = frappe.get_doc("Customer", customer)
		doc.update({**OVERRIDE, missing: None})
		label = doc.meta.get_label(missing)
		with pytest.raises(frappe.ValidationError, match=label):
			doc.save()
		assert not frappe.db.get_value("Customer", customer, "tier_override")

	def test_it_may_end_today_and_not_earlier(self, customer: str) -> None:
		doc = frappe.get_doc("Customer", customer)
		doc.update({**OVERRIDE, "tier_override_until": add_days(getdate(), -1)})
		with pytest.raises(frappe.ValidationError, match="Until is in the past"):
			doc.save()
		doc = frappe.get_doc("Customer", customer)
		doc.update({**OVERRIDE, "tier_override_until": getdate()})
		doc.save()

	def test_a_tier_that_is_none_is_refused(self, customer: str) -> None:
		doc = frappe.get_doc("Customer", customer)
		doc.update({**OVERRIDE, "tier_override": "Z"})
		with pytest.raises(frappe.LinkValidationError, match="Z"):
			doc.save()

	def test_clearing_the_tier_clears_the_rest(self, customer: str) -> None:
		doc = frappe.get_doc("Customer", customer)
		doc.update(OVERRIDE)
		doc.save()
		doc.tier_override = None
		doc.save()
		assert not any(frappe.db.get_value("Customer", customer, list(OVERRIDE)))

	def test_one_that_is_over_stands_in_nobodys_way(self, customer: str) -> None:
		frappe.db.set_value("Customer", customer, {**OVERRIDE, "tier_override_until": "2020-01-01"})
		doc = frappe.get_doc("Customer", customer)
		doc.website = "https://example.com"
		doc.save()
		assert frappe.db.get_value("Customer", customer, "website")


@pytest.mark.parametrize("field", ["referred_by", "rolls_up_to"])
def test_a_customer_is_not_its_own_relative(customer: str, field: str) -> None:
	doc = frappe.get_doc("Customer", customer)
	doc.set(field, customer)
	with pytest.raises(frappe.ValidationError, match=doc.meta.get_label(field)):
		doc.save()
	doc.reload()
	doc.set(field, make.make_customer().name)
	doc.save()


class TestRenameMergeDelete:
	def test_a_rename_takes_the_ledger_along(self, customer: str) -> None:
		before = events(customer)
		fields = computed(customer)
		frappe.rename_doc("Customer", customer, "Renamed Ltd")
		for event in before:
			event.signal_key = event.signal_key and event.signal_key.replace(f"{customer}|", "Renamed Ltd|")
		assert events("Renamed Ltd") == before
		assert not events(customer)
		assert computed("Renamed Ltd") == fields
		assert recompute().changed == 0

	def test_a_merge_keeps_both_ledgers_and_adds_up_the_orders(self, customer: str) -> None:
		other = make.make_customer().name
		make.make_invoice(other, 70000, make.days_ago(10))
		recompute()
		rows = len(events(customer)) + len(events(other))
		frappe.rename_doc("Customer", other, customer, merge=True)
		assert not frappe.db.exists("Customer", other)
		assert len(events(customer)) == rows
		recompute()
		assert (computed(customer).customer_tier, computed(customer).annual_value) == ("B", 110000)
		assert recompute().changed == 0

	def test_two_sleepers_can_be_merged_in_either_direction(self, new_site: None) -> None:
		names = [make.make_customer().name for _ in range(3)]
		for name in names:
			make.make_invoice(name, 100, "2026-01-01")
		recompute("2026-06-29")
		recompute("2026-06-30")
		keys = [
			event.signal_key for name in names for event in events(name) if event.signal == "Became Dormant"
		]
		assert len(set(keys)) == 3
		frappe.rename_doc("Customer", names[0], names[1], merge=True)
		frappe.rename_doc("Customer", names[1], names[2], merge=True)
		assert sum(event.signal == "Became Dormant" for event in events(names[2])) == 3
		recompute("2026-07-01")
		assert computed(names[2]).lifecycle_stage == "Dormant"

	def test_a_customer_without_orders_can_be_deleted_in_spite_of_the_ledger(self, new_site: None) -> None:
		name = make.make_customer().name
		recompute()
		assert events(name)
		frappe.delete_doc("Customer", name)
		assert not frappe.db.exists("Customer", name)
		assert events(name), "the ledger keeps what it says"
		assert recompute().customers == 0

	def test_a_customer_with_orders_is_kept_by_erpnext_and_not_by_us(self, customer: str) -> None:
		with pytest.raises(frappe.LinkExistsError) as refusal:
			frappe.get_doc("Customer", customer).check_no_back_links_exist()
		assert "Sales Invoice" in str(refusal.value)


def test_rest_reads_the_fields(customer: str) -> None:
	from frappe.client import get_list

	(row,) = get_list("Customer", fields=["customer_tier", "annual_value"], filters={"name": customer})
	assert (row.customer_tier, row.annual_value) == ("C", 40000)


class TestGroups:
	def test_a_circle_is_refused_and_one_that_is_there_stops_no_other_edit(self, new_site: None) -> None:
		one, other, third = (make.make_customer() for _ in range(3))
		other.update({"rolls_up_to": one.name}).save()
		with pytest.raises(frappe.ValidationError, match="in turn"):
			one.update({"rolls_up_to": other.name}).save()
		frappe.db.set_value("Customer", one.name, "rolls_up_to", other.name)
		frappe.get_doc("Customer", one.name).update({"website": "example.com"}).save()
		third.update({"rolls_up_to": one.name}).save()

	def test_a_merge_that_closes_a_circle_opens_it_again(self, new_site: None) -> None:
		low, middle, top = (make.make_customer() for _ in range(3))
		middle.update({"rolls_up_to": top.name}).save()
		low.update({"rolls_up_to": middle.name}).save()
		frappe.rename_doc("Customer", top.name, low.name, merge=True)
		frappe.get_doc("Customer", low.name).save()
		assert not frappe.db.get_value("Customer", low.name, "rolls_up_to")

	def test_a_customer_whose_todo_is_done_can_be_merged(self, new_site: None) -> None:
		one, other = make.make_customer().name, make.make_customer().name
		frappe.db.set_value("Customer", one, "_assign", "")
		frappe.rename_doc("Customer", one, other, merge=True)
		assert not frappe.db.exists("Customer", one)


class TestWhoMayGroup:
	"""A rep who may see one customer alone, and write it."""

	@pytest.fixture
	def rep(self, customer: str) -> str:
		user = make.ensure_user("one-customer@example.com", "Sales User")
		frappe.get_doc(doctype="User Permission", user=user, allow="Customer", for_value=customer).insert()
		return user

	@pytest.mark.parametrize("field", ["referred_by", "rolls_up_to"])
	def test_a_customer_that_may_not_be_seen_is_set_as_no_relative(
		self, customer: str, rep: str, field: str
	) -> None:
		from frappe.client import set_value

		hidden = make.make_customer().name
		frappe.set_user(rep)
		with pytest.raises(frappe.PermissionError, match="may not see"):
			set_value("Customer", customer, field, hidden)

	def test_only_who_may_edit_the_head_or_a_manager_changes_a_group(self, customer: str, rep: str) -> None:
		from frappe.share import add

		def set_head(head: str | None) -> None:
			frappe.set_user(rep)
			try:
				frappe.get_doc("Customer", customer).update({"rolls_up_to": head}).save()
			finally:
				frappe.set_user("Administrator")

		head = make.make_customer().name
		frappe.db.set_value("Customer", customer, "rolls_up_to", head)
		with pytest.raises(frappe.PermissionError, match="Sales Manager"):
			set_head(None)
		frappe.db.set_value("Customer", customer, "rolls_up_to", None)
		add("Customer", head, rep, read=1, notify=0)
		with pytest.raises(frappe.PermissionError, match="Sales Manager"):
			set_head(head)
		add("Customer", head, rep, read=1, write=1, notify=0)
		set_head(head)
		add("Customer", head, rep, read=1, write=0, notify=0)
		frappe.get_doc("User", rep).add_roles("Sales Manager")
		set_head(None)

	def test_whose_head_may_not_be_seen_is_still_seen_and_edited(self, customer: str, rep: str) -> None:
		head = make.make_customer().name
		frappe.db.set_value("Customer", customer, {"rolls_up_to": head, "referred_by": head})
		frappe.set_user(rep)
		assert frappe.get_list("Customer", pluck="name") == [customer]
		frappe.get_doc("Customer", customer).update({"website": "example.com"}).save()
