"""The indexes that let the facts be read without touching a single document's row."""

import frappe

# What orders are read from. That of Sales Orders is only made where they are what is counted.
FACTS = "tiering_facts"
FACTS_COLUMNS = {
	"Sales Invoice": (
		"company",
		"docstatus",
		"customer",
		"posting_date",
		"is_return",
		"is_opening",
		"is_debit_note",
		"base_net_total",
	),
	"Sales Order": (
		"company",
		"docstatus",
		"customer",
		"transaction_date",
		"status",
		"per_billed",
		"base_net_total",
	),
}
# What an incremental run looks its customers up in.
PARTIES = "tiering_party"
PARTIES_COLUMNS = {
	"Customer": {"tiering_referred_by": ("referred_by",), "tiering_rolls_up_to": ("rolls_up_to",)},
	"Opportunity": {PARTIES: ("party_name",)},
	"Loyalty Point Entry": {PARTIES: ("customer",)},
	# Few follow-ups are open, of many that ever were.
	"ToDo": {"tiering_open": ("status", "allocated_to")},
}


def add_indexes() -> None:
	"""Make what is missing: after installation, after every migration, and when Tiering Settings count something else."""
	add_facts_index("Sales Invoice")
	if frappe.get_cached_doc("Tiering Settings").get("orders_from") == "Sales Order":
		add_facts_index("Sales Order")
	for doctype, indexes in PARTIES_COLUMNS.items():
		for name, columns in indexes.items():
			frappe.db.add_index(doctype, list(columns), index_name=name)


def add_facts_index(doctype: str) -> None:
	"""Takes some ten seconds a million documents; commits."""
	frappe.db.add_index(doctype, list(FACTS_COLUMNS[doctype]), index_name=FACTS)


def drop_indexes() -> None:
	for doctype in FACTS_COLUMNS:
		_drop(doctype, FACTS)
	for doctype, indexes in PARTIES_COLUMNS.items():
		for name in indexes:
			_drop(doctype, name)
	_drop_field_indexes()


def _drop(doctype: str, name: str) -> None:
	if frappe.db.has_index(f"tab{doctype}", name):
		frappe.db.sql_ddl(f"ALTER TABLE `tab{doctype}` DROP INDEX `{name}`")


def _drop_field_indexes() -> None:
	"""Those of our fields: their columns stay in the table, but nothing keeps them searchable or unique any more."""
	from customer_tiering.setup.install import own_fields

	for field in own_fields():
		table = f"tab{field['dt']}"
		found = """SELECT DISTINCT index_name FROM information_schema.statistics
			WHERE table_schema = DATABASE() AND table_name = %s AND column_name = %s"""
		for (name,) in frappe.db.sql(found, (table, field["fieldname"])):
			frappe.db.sql_ddl(f"ALTER TABLE `{table}` DROP INDEX `{name}`")
