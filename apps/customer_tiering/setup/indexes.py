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
