"""Fields of a Customer that people are asked for: Tiering Settings say which, Property Setters of ours make them so."""

from collections.abc import Iterable, Mapping

import frappe
from frappe import _

MODULE = "Tiering"
# As they are called in Tiering Settings.
FIELDS = {
	"Industry": "industry",
	"Territory": "territory",
	"Market Segment": "market_segment",
	"Account Manager": "account_manager",
	"E-Mail": "email_id",
	"Tax ID": "tax_id",
	"Website": "website",
	"Birthday": "key_date_birthday",
	"Founded On": "key_date_founded",
	"Partner Since": "key_date_partner_since",
}
PROMPTED = "Prompted"
ON_FORM = "Required on the Form"
ALWAYS = "Required Always"
# What makes a field required: the framework asks for the first in the browser alone, for the second on every save.
PROPERTIES = {ON_FORM: ("mandatory_depends_on", "eval:true", "Data"), ALWAYS: ("reqd", "1", "Check")}
# Not the customer's own field: it comes from the primary contact.
NEVER_REQUIRED = ("email_id",)


def apply(levels: Mapping[str, str]) -> None:
	"""Require exactly these fields, by the name of the field; what others have set up stays as it is."""
	wanted = {(field, PROPERTIES[level][0]) for field, level in levels.items() if level in PROPERTIES}
	for setter in _setters({"module": MODULE}):
		if (setter.field_name, setter.property) not in wanted:
			frappe.delete_doc("Property Setter", setter.name, ignore_permissions=True, force=True)
	there = {(setter.field_name, setter.property) for setter in _setters({})}
	for field, level in levels.items():
		if level in PROPERTIES and (field, PROPERTIES[level][0]) not in there:
			_require(field, *PROPERTIES[level])


def refuse_conflicts(levels: Mapping[str, str]) -> None:
	"""Raise ValidationError where somebody else's Property Setter says the contrary, or where a field can't be required."""
	for field, level in levels.items():
		if level not in PROPERTIES:
			continue
		if field in NEVER_REQUIRED:
			frappe.throw(
				_(
					"{0} can only be prompted for: it is the primary contact's, and a new customer has no contact yet."
				).format(label_of(field))
			)
		name, value, _type = PROPERTIES[level]
		for setter in _setters({"field_name": field, "property": name, "module": ("!=", MODULE)}):
			if (setter.value or "") != value:
				frappe.throw(
					_("{0} is set up otherwise in Customize Form. Reset it there first.").format(
						label_of(field)
					)
				)


def missing(customer: "frappe.Document", fields: Iterable[str]) -> list[dict]:
	"""Those of the fields that are empty: fieldname, label."""
	return [{"fieldname": field, "label": label_of(field)} for field in fields if not _value(customer, field)]


def count_without(field: str) -> int:
	"""Customers, disabled ones too, who have nothing in the field."""
	return frappe.db.count("Customer", {field: ("is", "not set")})


def label_of(field: str) -> str:
	return _(next(label for label, name in FIELDS.items() if name == field))


def _value(customer: "frappe.Document", field: str) -> object:
	return customer.get(field) or (field == "email_id" and _address_of_a_contact(customer.name))


def _address_of_a_contact(customer: str) -> str | None:
	links = {"parenttype": "Contact", "link_doctype": "Customer", "link_name": customer}
	contacts = frappe.get_all("Dynamic Link", filters=links, pluck="parent")
	return frappe.db.get_value("Contact", {"name": ("in", contacts), "email_id": ("is", "set")}, "email_id")


def _setters(filters: dict) -> list[frappe._dict]:
	return frappe.get_all(
		"Property Setter",
		filters={
			"doc_type": "Customer",
			"field_name": ("in", list(FIELDS.values())),
			"property": ("in", [name for name, _value, _type in PROPERTIES.values()]),
			**filters,
		},
		fields=["name", "field_name", "property", "value"],
	)


def _require(field: str, name: str, value: str, kind: str) -> None:
	frappe.get_doc(
		doctype="Property Setter",
		doctype_or_field="DocField",
		doc_type="Customer",
		field_name=field,
		property=name,
		property_type=kind,
		value=value,
		module=MODULE,
	).insert(ignore_permissions=True)
