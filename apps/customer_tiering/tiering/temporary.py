"""Temporary tables of this connection: what a query is narrowed to, or joined with, by the thousand."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

import frappe

CHUNK = 5000
SCOPE = "_tiering_scope"


def open_scope(customers: Iterable[str]) -> None:
	"""The table `_tiering_scope` (name), with these customers and no others."""
	create(SCOPE, "(PRIMARY KEY (name)) SELECT name FROM `tabCustomer` LIMIT 0")
	fill(SCOPE, ("name",), [(name,) for name in sorted(set(customers))])


def create(table: str, definition: str) -> None:
	"""Make the table, in the place of one of the same name; `definition` is SQL of ours, never of a user's."""
	with _uncounted():
		frappe.db.sql(f"CREATE OR REPLACE TEMPORARY TABLE `{table}` {definition}")


def fill(table: str, fields: Sequence[str], rows: Sequence[tuple]) -> None:
	columns, places = ", ".join(f"`{field}`" for field in fields), ", ".join(["%s"] * len(fields))
	for start in range(0, len(rows), CHUNK):
		chunk = rows[start : start + CHUNK]
		values = [value for row in chunk for value in row]
		with _uncounted():
			frappe.db.sql(
				f"INSERT IGNORE INTO `{table}` ({columns}) VALUES {', '.join([f'({places})'] * len(chunk))}",
				values,
			)


@contextmanager
def _uncounted() -> Iterator[None]:
	"""MariaDB commits nothing for a temporary table; the framework would refuse it amid writes all the same."""
	writes, frappe.db.transaction_writes = frappe.db.transaction_writes, 0
	try:
		yield
	finally:
		frappe.db.transaction_writes = writes
