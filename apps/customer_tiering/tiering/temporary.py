"""Temporary tables of this connection: what a query is narrowed to, or joined with, by the thousand."""

from collections.abc import Iterable, Sequence

import frappe

CHUNK = 5000
SCOPE = "_tiering_scope"

# MariaDB commits nothing for a temporary table. Without the comment in front the framework would take the statement for a
# change of the schema, log it and refuse it amid writes.
OURS = "/* temporary */"


def open_scope(customers: Iterable[str]) -> None:
	"""The table `_tiering_scope` (name), with these customers and no others."""
	create(SCOPE, "(PRIMARY KEY (name)) SELECT name FROM `tabCustomer` LIMIT 0")
	fill(SCOPE, ("name",), [(name,) for name in sorted(set(customers))])


def in_scope(column: str, scoped: bool) -> str:
	"""A condition: the column's customer is one of the scope, if there is one."""
	return f"{column} IN (SELECT name FROM `{SCOPE}`)" if scoped else "TRUE"


def create(table: str, definition: str) -> None:
	"""Make the table, in the place of one of the same name; `definition` is SQL of ours, never of a user's."""
	frappe.db.sql(f"{OURS} CREATE OR REPLACE TEMPORARY TABLE `{table}` {definition}")


def fill(table: str, fields: Sequence[str], rows: Sequence[tuple]) -> None:
	"""Insert the rows, a few thousand a statement."""
	columns = ", ".join(f"`{field}`" for field in fields)
	for start in range(0, len(rows), CHUNK):
		chunk = rows[start : start + CHUNK]
		places = ", ".join(["%s"] * len(chunk))
		frappe.db.sql(f"{OURS} INSERT INTO `{table}` ({columns}) VALUES {places}", chunk)
