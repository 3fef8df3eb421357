"""What administrators built on our fields and DocTypes: uninstalling takes those away, and selling must go on."""

import re
from collections.abc import Iterator

import frappe

from customer_tiering.setup.install import own_fields

TABLES = ("Table", "Table MultiSelect")
# Where the text of an automation can name a field of the document that it looks at.
NOTIFICATION_TEXTS = ("condition", "subject", "message", "value_changed", "date_changed")
ASSIGNMENT_TEXTS = (
	"assign_condition",
	"unassign_condition",
	"close_condition",
	"due_date_based_on",
	"field",
)


def detach(doctypes: list[str]) -> None:
	"""Turn links to these DocTypes into text and switch off what reads our fields; prints the name of each."""
	for field in _fields_that_point_at(doctypes):
		_turn_into_text(*field)
	_forget_where_to_fetch()
	for rule in _watching("Notification", {"enabled": 1}, NOTIFICATION_TEXTS, doctypes):
		_switch_off("Notification", rule, "enabled", 0)
	for rule in _watching("Assignment Rule", {"disabled": 0}, ASSIGNMENT_TEXTS, doctypes):
		_switch_off("Assignment Rule", rule, "disabled", 1)
	for rule in _mailed_reports(doctypes):
		_switch_off("Auto Email Report", rule, "enabled", 0)


def _fields_that_point_at(doctypes: list[str]) -> Iterator[tuple[str, str, str, str]]:
	"""(kind, name, DocType, field) of Custom Fields that aren't ours and of fields of others' DocTypes."""
	ours = [field["name"] for field in own_fields()]
	pointing = {"options": ("in", doctypes), "fieldtype": ("in", ("Link", *TABLES))}
	for kind, parent, own in (
		("Custom Field", "dt", {"name": ("not in", ours), "dt": ("not in", doctypes)}),
		("DocField", "parent", {"parent": ("not in", doctypes)}),
	):
		for row in frappe.get_all(kind, {**pointing, **own}, ["name", f"{parent} as dt", "fieldname"]):
			yield kind, row.name, row.dt, row.fieldname


def _turn_into_text(kind: str, name: str, doctype: str, field: str) -> None:
	if frappe.db.get_value(kind, name, "fieldtype") in TABLES:
		frappe.db.delete(kind, {"name": name})
		print(f"Removed the field {doctype}.{field}: its rows go with Customer Tiering.")
	else:
		frappe.db.set_value(kind, name, {"fieldtype": "Data", "options": None, "fetch_from": None})
		print(
			f"Turned {doctype}.{field} from a link into text: what it points at goes with Customer Tiering."
		)
	frappe.clear_cache(doctype=doctype)


def _forget_where_to_fetch() -> None:
	"""Fields of others keep what they have fetched; there will be nothing new."""
	ours = {(field["dt"], field["fieldname"]) for field in own_fields()}
	for kind, parent in (("Custom Field", "dt"), ("DocField", "parent")):
		fetching = {"fetch_from": ("like", "%.%")}
		for row in frappe.get_all(kind, fetching, ["name", f"{parent} as dt", "fieldname", "fetch_from"]):
			link, _dot, field = row.fetch_from.partition(".")
			if field not in {fieldname for _dt, fieldname in ours}:
				continue
			source = frappe.get_meta(row.dt).get_field(link)
			if source and (source.options, field) in ours:
				frappe.db.set_value(kind, row.name, "fetch_from", None)
				print(f"{row.dt}.{row.fieldname} is no longer fetched from {row.fetch_from}, which goes.")
				frappe.clear_cache(doctype=row.dt)


def _watching(kind: str, on: dict, texts: tuple[str, ...], doctypes: list[str]) -> Iterator[str]:
	"""Those on a DocType of ours, and those on another one that name a field that we added to it."""
	fields: dict[str, list[str]] = {}
	for field in own_fields():
		fields.setdefault(field["dt"], []).append(field["fieldname"])
	rows = frappe.get_all(
		kind, {**on, "document_type": ("in", [*fields, *doctypes])}, ["name", "document_type", *texts]
	)
	for row in rows:
		words = set(re.findall(r"\w+", " ".join(row[text] or "" for text in texts)))
		if row.document_type in doctypes or words & set(fields[row.document_type]):
			yield row.name


def _mailed_reports(doctypes: list[str]) -> list[str]:
	reports = frappe.get_all("Report", {"ref_doctype": ("in", doctypes)}, pluck="name")
	modules = frappe.get_all("Module Def", {"app_name": "customer_tiering"}, pluck="name")
	reports += frappe.get_all("Report", {"module": ("in", modules)}, pluck="name")
	return frappe.get_all("Auto Email Report", {"enabled": 1, "report": ("in", reports)}, pluck="name")


def _switch_off(kind: str, name: str, field: str, value: int) -> None:
	frappe.db.set_value(kind, name, field, value)
	print(f"Switched off {kind} {name}: it reads what Customer Tiering takes along.")
