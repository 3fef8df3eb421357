"""What our role may do with a DocType of the framework's: write the texts that sequences send.

A single Custom DocPerm takes the place of all standard permissions of its DocType: the framework's own way of adding one copies
those first. They are taken back whole with the app, unless an administrator has changed them.
"""

import frappe
from frappe.permissions import add_permission, reset_perms

ROLE, TEMPLATE = "Tiering Manager", "Email Template"
RIGHTS = ("read", "write", "create", "report", "email", "print", "share")


def grant() -> None:
	"""Tiering Managers write Email Templates."""
	ours = {"parent": TEMPLATE, "role": ROLE, "permlevel": 0}
	if not frappe.db.exists("Custom DocPerm", ours):
		add_permission(TEMPLATE, ROLE)
	frappe.db.set_value("Custom DocPerm", ours, dict.fromkeys(RIGHTS, 1))
	frappe.clear_cache(doctype=TEMPLATE)


def take_back() -> None:
	"""Without our role's row the permissions are the standard ones again, if they are the same."""
	frappe.db.delete("Custom DocPerm", {"role": ROLE})
	if _rows("Custom DocPerm") == _rows("DocPerm"):
		reset_perms(TEMPLATE)
	frappe.clear_cache(doctype=TEMPLATE)


def _rows(kind: str) -> list[tuple]:
	"""What each role may do, by the columns that both kinds have."""
	rights = sorted(
		field.fieldname
		for field in frappe.get_meta("DocPerm").fields
		if field.fieldtype == "Check" and frappe.get_meta("Custom DocPerm").has_field(field.fieldname)
	)
	rows = frappe.get_all(kind, {"parent": TEMPLATE}, ["role", "permlevel", *rights])
	return sorted(tuple(str(row[field]) for field in ("role", "permlevel", *rights)) for row in rows)
