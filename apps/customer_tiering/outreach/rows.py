"""Rows that are inserted together, without a document each."""

import frappe


def stamp() -> dict:
	"""What every row has: who made it, and when."""
	now, user = frappe.utils.now(), frappe.session.user
	return {"creation": now, "modified": now, "owner": user, "modified_by": user}


def insert_all(doctype: str, rows: list[dict]) -> None:
	"""All have the same fields."""
	if rows:
		frappe.db.bulk_insert(doctype, list(rows[0]), [tuple(row.values()) for row in rows])
