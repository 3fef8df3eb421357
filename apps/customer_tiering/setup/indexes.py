"""The index that lets the facts be read without touching a single invoice row."""

import frappe

DOCTYPE = "Sales Invoice"
NAME = "tiering_facts"
COLUMNS = (
	"company",
	"docstatus",
	"customer",
	"posting_date",
	"is_return",
	"is_opening",
	"is_debit_note",
	"base_net_total",
)


def add_indexes() -> None:
	frappe.db.add_index(DOCTYPE, list(COLUMNS), index_name=NAME)


def drop_indexes() -> None:
	if frappe.db.has_index(f"tab{DOCTYPE}", NAME):
		frappe.db.sql_ddl(f"ALTER TABLE `tab{DOCTYPE}` DROP INDEX `{NAME}`")
	_drop_field_indexes()


def _drop_field_indexes() -> None:
	"""Those of our fields: their columns stay in the table, but nothing keeps them searchable or unique any more."""
	from customer_tiering.setup.install import own_fields

	for field in own_fields():
		table = f"tab{field['dt']}"
		found = """SELECT DISTINCT index_name FROM information_schema.statistics
			WHERE table_schema = DATABASE() AND table_name = %s AND column_name = %s"""
		for (name,) in frappe.db.sql(found, (table, field["fieldname"])):
			frappe.db.sql_ddl(f"ALTER TABLE `{table}` DROP INDEX `{name}`")
