"""Holds the sandbox's stand-in for ERPNext against ERPNext itself, so that it can't drift into fiction.

Whatever `doctypes.csv` says about a DocType, ERPNext's own must say too; ERPNext has much more. Compared are the
DocTypes as ERPNext ships them: a site's custom fields and property setters don't count.
"""

import erpnext
import frappe
import pytest
from frappe.model.document import Document

from tests.conftest import REAL_BENCH_ONLY
from tests.sandbox.standin.table import RIGHTS, Field, Table, read

TABLES = read()
SAME = ("autoname", "title_field", "nsm_parent_field", "is_submittable", "is_tree", "issingle", "istable")

pytestmark = pytest.mark.skipif(
	hasattr(erpnext, "FINGERPRINT"),
	reason=f"{REAL_BENCH_ONLY} here erpnext is the stand-in that this holds to account",
)


@pytest.fixture(params=TABLES, ids=lambda table: table.name)
def table(request: pytest.FixtureRequest) -> Table:
	return request.param


@pytest.fixture
def real(table: Table) -> Document:
	assert frappe.db.exists("DocType", table.name), f"ERPNext has no DocType {table.name}"
	return frappe.get_doc("DocType", table.name)


def test_properties(table: Table, real: Document) -> None:
	assert real.module == table.module
	for name in SAME:
		if name in table.properties:
			assert str(real.get(name)) == str(table.properties[name]), name
	for name in ("is_submittable", "istable", "issingle"):
		assert bool(real.get(name)) == bool(table.properties.get(name)), name
	assert parts(str(table.properties.get("search_fields", ""))) <= parts(real.search_fields or "")


def test_fields(table: Table, real: Document) -> None:
	theirs = {field.fieldname: field for field in real.fields}
	wrong = [text for field in table.fields for text in differences(field, theirs.get(field.fieldname))]
	assert not wrong, f"{table.name}: " + "; ".join(wrong)


def test_order_of_fields(table: Table, real: Document) -> None:
	"""Custom fields are placed after others by name, so their neighbours must be in ERPNext's order."""
	ours = [field.fieldname for field in table.fields]
	assert ours == [field.fieldname for field in real.fields if field.fieldname in set(ours)]


def test_rights(table: Table, real: Document) -> None:
	"""A role has no right in the sandbox that ERPNext doesn't give it."""
	for role, letters in table.roles.items():
		rows = [row for row in real.permissions if row.role == role and not row.permlevel]
		missing = [RIGHTS[letter] for letter in letters if not any(row.get(RIGHTS[letter]) for row in rows)]
		assert not missing, f"{table.name}: {role} may not {', '.join(missing)}"


def test_fields_of_the_app_have_their_neighbours() -> None:
	"""Each of our own fields on a DocType of the table stands after a field that the table has too."""
	known = {table.name: {field.fieldname for field in table.fields} for table in TABLES}
	custom = frappe.get_all(
		"Custom Field", {"module": ["in", our_modules()]}, ["dt", "fieldname", "insert_after"]
	)
	ours = {(row.dt, row.fieldname) for row in custom}
	lost = [
		f"{row.dt}.{row.fieldname} after {row.insert_after}"
		for row in custom
		if row.dt in known
		and row.insert_after not in known[row.dt]
		and (row.dt, row.insert_after) not in ours
	]
	assert not lost, "; ".join(lost)


def our_modules() -> list[str]:
	return frappe.get_all("Module Def", {"app_name": "customer_tiering"}, pluck="name")


def differences(ours: Field, theirs: Document | None) -> list[str]:
	if theirs is None:
		return [f"no field {ours.fieldname}"]
	pairs = [("type", ours.fieldtype, theirs.fieldtype), *properties(ours, theirs)]
	if ours.fieldtype == "Select":
		gone = set(ours.options.split("\n")) - set((theirs.options or "").split("\n"))
		pairs.append(("options that it lacks", gone, set()))
	elif ours.options:
		pairs.append(("options", ours.options, theirs.options))
	elif ours.fieldtype in ("Link", "Table", "Table MultiSelect", "Dynamic Link"):
		pairs.append(("options", None, theirs.options))
	if ours.fieldtype == "Tab Break":
		pairs.append(("label", True, bool(theirs.label)))
	return [
		f"{ours.fieldname}: {what} {mine!r}, ERPNext {other!r}"
		for what, mine, other in pairs
		if mine != other
	]


def properties(ours: Field, theirs: Document) -> list[tuple[str, object, object]]:
	"""What the table says beyond the type; what it demands, ERPNext must demand."""
	pairs: list[tuple[str, object, object]] = [("required", True, bool(theirs.reqd))] if ours.reqd else []
	for name, value in ours.more.items():
		pairs.append((name, str(value), str(theirs.get(name) or "")))
	return pairs


def parts(text: str) -> set[str]:
	return {part.strip() for part in text.split(",") if part.strip()}
