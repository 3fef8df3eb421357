"""Rows that are inserted together, without a document each."""

import frappe


def stamp() -> dict:
	"""What every row has: who made it, and when."""
	now, user = frappe.utils.now(), frappe.session.user
	return {"creation": now, "modified": now, "owner": user, "modified_by": user}


def insert_all(doctype: str, rows: list[dict]) -> None:
	"""All have the same fields."""
	if rows:
		columns = ", ".join(f"`{field}`" for field in rows[0])
		places = f"({', '.join(['%s'] * len(rows[0]))})"
		frappe.db.sql(
			f"INSERT INTO `tab{doctype}` ({columns}) VALUES {', '.join([places] * len(rows))}",
			[value for row in rows for value in row.values()],
		)
