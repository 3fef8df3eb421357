"""Fields that people are asked for: set up by a switch and taken back, and nobody else's settings touched."""

from collections.abc import Iterator

import frappe
import pytest
from frappe.utils import random_string

from customer_tiering.tiering import api
from customer_tiering.tiering.required_fields import ALWAYS, FIELDS, ON_FORM, PROMPTED
from tests.site import factories as make


@pytest.fixture(autouse=True)
def new_site(site: str) -> Iterator[None]:
	with make.uncommitted():
		make.as_if_new()
		make.ensure_company()
		yield
	frappe.clear_cache(doctype="Customer")


def ask_for(**levels: str) -> None:
	"""ask_for(Industry=PROMPTED)"""
	settings = frappe.get_single("Tiering Settings")
	settings.set("required_fields", [])
	for field, level in levels.items():
		settings.append("required_fields", {"field": field.replace("_", " "), "level": level})
	settings.save()


def industry_field() -> tuple[bool, str | None]:
	field = frappe.get_meta("Customer").get_field("industry")
	return bool(field.reqd), field.mandatory_depends_on


def setters() -> list[tuple]:
	fields = ["name", "field_name", "property", "value", "module"]
	rows = frappe.get_all("Property Setter", {"doc_type": "Customer"}, fields, as_list=True)
	return sorted(rows, key=str)


def somebody_else_s(name: str, value: str) -> str:
	given = {"doctype_or_field": "DocField", "doc_type": "Customer", "field_name": "industry"}
	return (
		frappe.get_doc(doctype="Property Setter", property=name, value=value, property_type="Data", **given)
		.insert()
		.name
	)


def test_every_field_is_one_of_customer_s_and_can_be_chosen() -> None:
	meta = frappe.get_meta("Customer")
	assert all(meta.has_field(field) for field in FIELDS.values())
	choices = frappe.get_meta("Required Customer Field")
	assert choices.get_field("field").options.split("\n") == list(FIELDS)
	assert choices.get_field("level").options.split("\n") == [PROMPTED, ON_FORM, ALWAYS]


def test_required_on_the_form_stops_nobody_but_the_form() -> None:
	before = setters()
	old = make.make_customer()
	ask_for(Industry=ON_FORM)
	assert industry_field() == (False, "eval:true")
	frappe.get_doc("Customer", old.name).save()
	make.make_customer()
	ask_for()
	assert industry_field() == (False, None) and setters() == before


def test_required_always_refuses_every_save_but_not_a_run() -> None:
	before = setters()
	old = make.make_customer()
	ask_for(Industry=ALWAYS)
	assert industry_field() == (True, None)
	assert any("can save them until" in message["message"] for message in frappe.get_message_log())
	with pytest.raises(frappe.MandatoryError):
		frappe.get_doc("Customer", old.name).save()
	make.make_invoice(old.name, 10, make.days_ago(1))
	make.recompute()
	assert make.computed(old).customer_tier == "D"
	ask_for(Industry=PROMPTED)
	assert industry_field() == (False, None) and setters() == before
	frappe.get_doc("Customer", old.name).save()


def test_one_level_follows_the_other() -> None:
	for level, expected in ((ALWAYS, (True, None)), (ON_FORM, (False, "eval:true")), (ALWAYS, (True, None))):
		ask_for(Industry=level)
		assert industry_field() == expected


def test_what_somebody_else_set_up_stays() -> None:
	theirs = somebody_else_s("reqd", "1")
	before = setters()
	ask_for(Industry=ALWAYS)
	assert setters() == before
	ask_for()
	assert setters() == before and industry_field() == (True, None)
	frappe.db.set_value("Property Setter", theirs, "value", "0")
	with pytest.raises(frappe.ValidationError, match="Industry is set up otherwise in Customize Form"):
		ask_for(Industry=ALWAYS)
	ask_for(Industry=PROMPTED, Territory=ON_FORM)


def test_uninstalling_takes_ours_back_and_leaves_theirs(monkeypatch: pytest.MonkeyPatch) -> None:
	from customer_tiering.setup import uninstall

	before = setters()
	ask_for(Industry=ON_FORM, Territory=ALWAYS)
	assert len(setters()) == len(before) + 2
	uninstall._delete_customizations()
	assert setters() == before


@pytest.mark.parametrize(
	("rows", "words"),
	[
		([("E-Mail", ON_FORM)], "E-Mail can only be prompted for"),
		([("Industry", PROMPTED), ("Industry", ALWAYS)], "Industry stands twice"),
		([("Name", PROMPTED)], "Field"),
		([("Industry", "Now and Then")], "Level"),
	],
)
def test_what_is_refused(rows: list, words: str) -> None:
	before = setters()
	settings = frappe.get_single("Tiering Settings")
	for field, level in rows:
		settings.append("required_fields", {"field": field, "level": level})
	with pytest.raises(frappe.ValidationError, match=words):
		settings.save()
	assert setters() == before


def test_the_form_is_told_what_is_missing() -> None:
	customer = make.make_customer(website="https://example.com").name

	def missing() -> list[str]:
		return [field["fieldname"] for field in api.customer_hints(customer)["missing"]]

	assert missing() == []
	ask_for(Industry=PROMPTED, Website=ALWAYS, Birthday=ON_FORM)
	assert missing() == ["industry", "key_date_birthday"]
	settings = frappe.get_single("Tiering Settings")
	settings.append("required_fields", {"field": "E-Mail", "level": PROMPTED})
	settings.save()
	assert missing() == ["industry", "key_date_birthday", "email_id"]
	make.make_contact(customer, f"{random_string(6).lower()}@example.com")
	assert missing() == ["industry", "key_date_birthday"]
