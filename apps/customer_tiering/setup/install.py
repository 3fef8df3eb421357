"""Install: refuse what would collide, then seed what administrators edit."""

import json

import frappe
from frappe import _

from customer_tiering.customer_insights.dormant_filter import follow_stages
from customer_tiering.setup import indexes, seed
from customer_tiering.tiering.customer import COMPUTED_FIELDS, OVERRIDE_FIELDS, RESERVED_FIELDS


def before_install() -> None:
	refuse_colliding_fields()


def after_install() -> None:
	"""What an earlier installation left behind would be taken for where customers stand, and for tiers set by hand."""
	fields = [*COMPUTED_FIELDS, *RESERVED_FIELDS, *OVERRIDE_FIELDS]
	left = [field for field in fields if field in frappe.db.get_table_columns("Customer")]
	if left:
		assignments = ", ".join(f"`{field}` = DEFAULT(`{field}`)" for field in left)
		frappe.db.sql(f"UPDATE `tabCustomer` SET {assignments}")


def after_sync() -> None:
	"""Runs after the fixtures of an install and after every migrate; doing it again changes nothing."""
	seed.seed()
	indexes.add_indexes()
	follow_stages()


def own_fields() -> list[dict]:
	"""The one list of the fields that the app adds to other DocTypes."""
	with open(frappe.get_app_path("customer_tiering", "fixtures", "custom_field.json")) as fixture:
		return json.load(fixture)


def refuse_colliding_fields() -> None:
	"""Raise ValidationError if another app, or the administrator, already has a field of one of our names."""
	taken = [
		f"{field['dt']}.{field['fieldname']}"
		for field in own_fields()
		if frappe.get_meta(field["dt"]).has_field(field["fieldname"])
		and frappe.db.get_value("Custom Field", field["name"], "module") != field["module"]
	]
	if taken:
		frappe.throw(
			_(
				"Customer Tiering can't be installed: this site already has the fields {0}. Rename or remove them, then install again."
			).format(", ".join(taken)),
			title=_("Field names are taken"),
		)
