"""Reads `doctypes.csv` and writes the stand-in app that it describes.

A row without a field opens a DocType: *options* is its module, *more* its properties and `roles=Role:rights,…` (rights
are r w c d s x a: read, write, create, delete, submit, cancel, amend). The rows that follow are its fields, in the
order of the form. In *options*, `\\n` is a new line. In *more*, a word alone means 1.
"""

from __future__ import annotations

import csv
import hashlib
import json
import shutil
from dataclasses import dataclass, field
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
TABLE = FOLDER / "doctypes.csv"
RIGHTS = {"r": "read", "w": "write", "c": "create", "d": "delete", "s": "submit", "x": "cancel", "a": "amend"}
WITH_READ = ("report", "export", "print", "email", "share")
STAMP = "2023-08-05 00:00:00.000000"
LAYOUT = {"Section Break", "Column Break", "Tab Break"}


@dataclass
class Field:
	"""One row: a field of a DocType."""

	fieldname: str
	fieldtype: str
	options: str
	reqd: bool
	more: dict[str, str | int]

	@property
	def label(self) -> str:
		name = self.fieldname
		for ending in ("_tab", "_section"):
			name = name.removesuffix(ending)
		return "" if self.fieldtype == "Column Break" else name.replace("_", " ").title()


@dataclass
class Table:
	"""A DocType: its module, its properties and its fields in order."""

	name: str
	module: str
	properties: dict[str, str | int]
	roles: dict[str, str]
	fields: list[Field] = field(default_factory=list)


def read(path: Path = TABLE) -> list[Table]:
	tables: list[Table] = []
	with path.open(newline="", encoding="utf-8") as file:
		for row in csv.DictReader(file):
			more = words(row["more"])
			if not row["field"]:
				roles = dict(pair.split(":") for pair in str(more.pop("roles", "")).split(",") if pair)
				tables.append(Table(row["doctype"], row["options"], more, roles))
			elif row["doctype"] != tables[-1].name:
				raise ValueError(
					f"{path.name}: {row['doctype']}.{row['field']} stands under {tables[-1].name}"
				)
			else:
				options = row["options"].replace("\\n", "\n")
				tables[-1].fields.append(
					Field(row["field"], row["type"], options, row["required"] == "yes", more)
				)
	return tables


def words(text: str) -> dict[str, str | int]:
	"""`a; b=c` → {"a": 1, "b": "c"}"""
	pairs = (part.strip().partition("=") for part in text.split(";") if part.strip())
	return {key: value if sign else 1 for key, sign, value in pairs}


def fingerprint() -> str:
	"""Changes with any file of the stand-in."""
	names = sorted(path for path in FOLDER.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
	parts = (str(path.relative_to(FOLDER)).encode() + b"\0" + path.read_bytes() for path in names)
	return hashlib.sha256(b"\0".join(parts)).hexdigest()[:12]


def write_app(folder: Path) -> None:
	"""Write the app into `folder`, a new folder that is to become `apps/erpnext`."""
	package = folder / "erpnext"
	shutil.copytree(FOLDER / "erpnext", package, ignore=shutil.ignore_patterns("__pycache__"))
	with (package / "__init__.py").open("a", encoding="utf-8") as file:
		file.write(f'\nFINGERPRINT = "{fingerprint()}"\n')
	tables = read()
	(package / "modules.txt").write_text("\n".join(sorted({table.module for table in tables})) + "\n")
	for table in tables:
		write_doctype(package, table)
	for module in package.rglob("*"):
		if module.is_dir() and "public" not in module.parts:
			(module / "__init__.py").touch()


def write_doctype(package: Path, table: Table) -> None:
	scrubbed = scrub(table.name)
	folder = package / scrub(table.module) / "doctype" / scrubbed
	folder.mkdir(parents=True, exist_ok=True)
	(folder / f"{scrubbed}.json").write_text(json.dumps(doctype(table), indent=1) + "\n", encoding="utf-8")
	controller = folder / f"{scrubbed}.py"
	if not controller.exists():
		controller.write_text(plain_controller(table), encoding="utf-8")
	script = folder / f"{scrubbed}.js"
	if not script.exists() and not table.properties.get("istable"):
		script.write_text(f'frappe.ui.form.on("{table.name}", {{}});\n', encoding="utf-8")


def plain_controller(table: Table) -> str:
	base = "Document"
	lines = ["from frappe.model.document import Document"]
	if table.properties.get("is_tree"):
		base = "NestedSet"
		lines = ["from frappe.utils.nestedset import NestedSet"]
	lines += ["", "", f"class {table.name.replace(' ', '')}({base}):"]
	parent = table.properties.get("nsm_parent_field")
	lines.append(f'\tnsm_parent_field = "{parent}"' if parent else "\tpass")
	return "\n".join(lines) + "\n"


def doctype(table: Table) -> dict:
	"""What the framework reads from a DocType's JSON file."""
	document = {
		"doctype": "DocType",
		"name": table.name,
		"module": table.module,
		"creation": STAMP,
		"modified": STAMP,
		"modified_by": "Administrator",
		"owner": "Administrator",
		"engine": "InnoDB",
		"sort_field": "modified",
		"sort_order": "DESC",
		"track_changes": 0 if table.properties.get("istable") else 1,
		"field_order": [each.fieldname for each in table.fields],
		"fields": [docfield(each) for each in table.fields],
		"permissions": [permission(role, rights) for role, rights in roles(table).items()],
		"actions": [],
		"links": [],
		"states": [],
		"index_web_pages_for_search": 0,
	}
	return document | table.properties


def docfield(each: Field) -> dict:
	row = {"fieldname": each.fieldname, "fieldtype": each.fieldtype, "label": each.label}
	if each.options:
		row["options"] = each.options
	if each.reqd:
		row["reqd"] = 1
	if each.fieldname == "amended_from":
		row |= {"read_only": 1, "no_copy": 1, "print_hide": 1}
	return row | each.more


def roles(table: Table) -> dict[str, str]:
	if table.properties.get("istable"):
		return {}
	return table.roles


def permission(role: str, rights: str) -> dict:
	row = {"role": role} | {RIGHTS[letter]: 1 for letter in rights}
	return row | (dict.fromkeys(WITH_READ, 1) if "r" in rights else {})


def scrub(name: str) -> str:
	return name.replace(" ", "_").replace("-", "_").lower()
