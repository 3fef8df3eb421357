"""What roles may do with DocTypes of others: Tiering Managers write the texts that sequences send, reps put a customer's code into an order.

A single Custom DocPerm takes the place of all standard permissions of its DocType: the framework's own way of adding one copies
those first. They are taken back whole with the app, unless an administrator has changed them.
"""

import frappe
from frappe.permissions import add_permission, reset_perms

ROLE = "Tiering Manager"
RIGHTS = {
	"Email Template": (ROLE, ("read", "write", "create", "report", "email", "print", "share")),
	"Coupon Code": ("Sales User", ("select",)),  # which ones, says tiering.permissions
}


def grant(doctype: str) -> None:
	"""Whoever has rights already keeps them."""
	role, rights = RIGHTS[doctype]
	row = {"parent": doctype, "role": role, "permlevel": 0}
	if frappe.db.exists("Custom DocPerm", row) or frappe.db.exists("DocPerm", row):
		return
	add_permission(doctype, role)
	frappe.db.set_value("Custom DocPerm", row, {right: int(right in rights) for right in _known_rights()})
	frappe.clear_cache(doctype=doctype)


def take_back() -> None:
	"""Without our rows the permissions are the standard ones again, if they are the same."""
	frappe.db.delete("Custom DocPerm", {"role": ROLE})
	for doctype, (role, rights) in RIGHTS.items():
		for name in frappe.get_all("Custom DocPerm", {"parent": doctype, "role": role}, pluck="name"):
			if _rights(frappe.get_doc("Custom DocPerm", name)) == set(rights):
				frappe.db.delete("Custom DocPerm", {"name": name})
		if _rows("Custom DocPerm", doctype) == _rows("DocPerm", doctype):
			reset_perms(doctype)
		frappe.clear_cache(doctype=doctype)


def _rights(row: "frappe.Document | frappe._dict") -> set[str]:
	return {right for right in _known_rights() if row.get(right)}


def _known_rights() -> set[str]:
	"""Those that both kinds of rows can give."""
	fields = frappe.get_meta("DocPerm").fields
	both = frappe.get_meta("Custom DocPerm").has_field
	return {f.fieldname for f in fields if f.fieldtype == "Check" and both(f.fieldname)} - {"if_owner"}


def _rows(kind: str, doctype: str) -> list[tuple]:
	"""What each role may do."""
	rows = frappe.get_all(kind, {"parent": doctype}, ["*"])
	return sorted((row.role, row.permlevel, row.if_owner, *sorted(_rights(row))) for row in rows)
