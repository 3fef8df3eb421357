"""Texts reach nothing but their values, and ledgers show only customers that their reader may see."""

from collections.abc import Iterator
from datetime import date

import frappe
import pytest

from customer_tiering.hooks import permission_query_conditions
from customer_tiering.tiering.templates import fill
from tests.site import factories as make

AS_OF = date(2026, 6, 30)
HIT = "Outreach Hit"  # knows its customer by its touch
LEDGERS = tuple({*permission_query_conditions} - {HIT, "Coupon Code"})


@pytest.fixture
def new_site(site: str) -> Iterator[None]:
	with make.uncommitted():
		make.as_if_new()
		yield


@pytest.mark.parametrize(
	"text",
	[
		"{{ frappe.db.sql('select 1') }}",
		"{{ frappe.get_doc('User', 'Administrator') }}",
		"{{ customer.__class__.__mro__ }}",
		"{{ customer.update({'x': 1}) }}",
		"{{ customer.add_roles('System Manager') }}",
		"{{ cycler.__init__.__globals__ }}",
		"{{ _.__globals__ }}",
	],
)
def test_a_text_reaches_nothing_of_the_site(site: str, text: str) -> None:
	from jinja2 import TemplateError

	with pytest.raises(TemplateError):
		fill(text, {"customer": {"name": "X"}})


@pytest.mark.usefixtures("new_site")
def test_ledgers_follow_the_permissions_of_the_customer() -> None:
	seen, hidden = (make.make_customer().name for _ in range(2))
	for customer in (seen, hidden):
		make.make_invoice(customer, 10, AS_OF)
		for doctype in {*LEDGERS} - {"Tiering Event"}:
			frappe.get_doc(doctype=doctype, customer=customer).db_insert()
		touch = frappe.db.get_value("Outreach Touch", {"customer": customer})
		frappe.get_doc(doctype=HIT, name=customer, touch=touch).db_insert()
	frappe.get_doc(doctype="Outreach Suppression", address="anybody@example.com").insert()
	make.recompute(AS_OF)
	place = frappe.get_doc(doctype="Territory", territory_name="Tiering Land", is_group=0).insert().name
	frappe.db.set_value("Customer", seen, "territory", place)
	user = make.ensure_user("ledger@example.com", "Sales User", "Sales Manager")
	frappe.get_doc(doctype="User Permission", user=user, allow="Territory", for_value=place).insert()
	frappe.set_user(user)
	for doctype in LEDGERS:
		assert set(frappe.get_list(doctype, pluck="customer")) == {seen}, doctype
	assert frappe.get_list(HIT, pluck="name") == [seen]
	assert [frappe.has_permission(HIT, doc=name) for name in (seen, hidden)] == [True, False]
	frappe.set_user("Administrator")
	assert {seen, hidden} <= set(frappe.get_list(HIT, pluck="name"))
	of_nobody = frappe.db.get_value("Outreach Suppression", {"address": "anybody@example.com"})
	assert not frappe.has_permission("Outreach Suppression", doc=of_nobody, user=user)
	for doctype in LEDGERS:
		(row, *_more) = frappe.get_all(doctype, filters={"customer": hidden}, pluck="name")
		assert not frappe.has_permission(doctype, doc=row, user=user), doctype
		assert {seen, hidden} <= set(frappe.get_list(doctype, pluck="customer")), doctype


@pytest.mark.usefixtures("new_site")
def test_nobody_changes_or_deletes_what_was_decided() -> None:
	customer = make.make_customer().name
	make.make_invoice(customer, 10, AS_OF)
	make.recompute(AS_OF)
	event = frappe.get_last_doc("Tiering Event")
	event.cause = "Order"
	with pytest.raises(frappe.ValidationError):
		event.save()
	with pytest.raises(frappe.ValidationError):
		frappe.delete_doc("Tiering Event", event.name, force=True)


@pytest.mark.usefixtures("new_site")
def test_only_what_is_too_old_is_taken_out_and_what_still_holds_stays() -> None:
	from customer_tiering.tiering.retention import tidy

	customer = make.make_customer().name
	make.make_invoice(customer, 40_000, AS_OF)
	make.recompute(AS_OF)
	make.recompute(AS_OF, customers=[customer])
	make.make_invoice(customer, 600_000, AS_OF)
	make.recompute(AS_OF, full=False)
	make.make_invoice(customer, 1, AS_OF)
	make.recompute(AS_OF, full=False)
	signals = make.signals(customer)
	failed = {"status": "Failed", "scope": "Incremental", "as_of": AS_OF, "started_at": AS_OF}
	frappe.get_doc(doctype="Tiering Run", **failed).insert()  # wrote nothing
	old = "2020-01-01"
	frappe.db.sql("UPDATE `tabTiering Event` SET as_of = %s", old)
	frappe.db.sql("UPDATE `tabTiering Run` SET creation = %s", old)
	tidy()
	runs = frappe.get_all("Tiering Run", fields=["scope", "events"], order_by="name")
	assert [(run.scope, run.events > 0) for run in runs] == [("Full", True), ("Incremental", True)]
	assert len(make.events(customer, decision="Tier")) == 2
	frappe.db.set_single_value("Tiering Settings", "ledger_retention_years", 5)
	tidy()
	stages = [event.new_value for event in make.events(customer, decision="Stage")]
	assert stages == ["High Value"]
	assert [(event.new_value, event.signal) for event in make.events(customer, decision="Tier")] == [
		("A", "Tier Up")
	]
	assert make.signals(customer) == signals  # a forgotten one could come again


@pytest.mark.usefixtures("new_site")
def test_nobody_makes_a_follow_up_by_hand_and_sees_its_customer() -> None:
	seen, hidden = (make.make_customer().name for _ in range(2))
	place = frappe.get_doc(doctype="Territory", territory_name="Tiering Land", is_group=0).insert().name
	frappe.db.set_value("Customer", seen, "territory", place)
	user = make.ensure_user("forger@example.com", "Sales User")
	frappe.get_doc(doctype="User Permission", user=user, allow="Territory", for_value=place).insert()
	values = {"doctype": "ToDo", "description": "Call", "reference_type": "Customer", "allocated_to": user}
	own = frappe.get_doc(**values, reference_name=seen, follow_up_key="rule|seen|1").insert(
		ignore_permissions=True
	)
	assert own.follow_up_key == "rule|seen|1"
	frappe.set_user(user)
	forged = frappe.get_doc(
		**values, reference_name=hidden, follow_up_key="x|forged", follow_up_tries=2
	).insert()
	assert (forged.follow_up_key, forged.follow_up_tries or 0) == (None, 0)
	own = frappe.get_doc("ToDo", own.name)
	own.update({"reference_name": hidden, "follow_up_key": "x|other", "status": "Closed"}).save()
	own.update({"reference_name": hidden, "status": "Open"}).save()
	assert (own.reference_name, own.follow_up_key) == (seen, "rule|seen|1")
	frappe.set_user("Administrator")
	assert not frappe.has_permission("Customer", doc=hidden, user=user)
