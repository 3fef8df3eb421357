"""Reads by long lists of names, some at a time: one statement has room for so many."""

from collections.abc import Collection, Iterator

import frappe

CHUNK = 2000


def chunks(names: Collection[str]) -> Iterator[list[str]]:
	names = list(names)
	for start in range(0, len(names), CHUNK):
		yield names[start : start + CHUNK]


def rows_of(query: str, names: Collection[str], **values: object) -> list[frappe._dict]:
	"""All rows that a query gives for these names, which it knows as %(names)s."""
	return [
		row for some in chunks(names) for row in frappe.db.sql(query, {"names": some, **values}, as_dict=True)
	]
