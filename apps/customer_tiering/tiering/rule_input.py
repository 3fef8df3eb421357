"""Changed rules as somebody wrote them, in a file or on a page: every mistake is named, nothing is guessed.

The keys are those of Policy: the fields of Tiering Settings, and `tiers`, `stages` and `segments` as lists of rows with a `name`.
Only what changes need be there; a row with a name that doesn't exist yet is a new record.
"""

import json
import math

import frappe
from frappe import _
from frappe.model.document import Document
from frappe.utils import escape_html

from customer_tiering.tiering.proposal import BREAKPOINTS, COLUMNS, FIELDS, SETTINGS, Proposal, plain, put
from customer_tiering.tiering.rule_records import KINDS

LISTS = {kind.rules: doctype for doctype, kind in KINDS.items()}
# Of a segment, the policy's words and what they mean in fields.
CELLS = {
	"near": ("recency", "Near", "Far"),
	"frequent": ("frequency", "High", "Low"),
	"valuable": ("monetary", "High", "Low"),
}
LARGEST_INT = 2**31 - 1


def parse(text: str) -> dict:
	"""The changes in a JSON text; raises ValidationError for anything but an object."""
	try:
		changes = json.loads(text)
	except (ValueError, RecursionError) as error:
		frappe.throw(_("This is no JSON: {0}").format(escape_html(str(error))))
	if not isinstance(changes, dict):
		frappe.throw(_("Rules are a JSON object, like {0}.").format('{"window_months": 6}'))
	return changes


def apply_changes(proposal: Proposal, changes: dict) -> None:
	"""Put the changes into the proposal. Raises ValidationError, naming the field, for an unknown key or a wrong type."""
	for key, value in changes.items():
		if key in LISTS:
			_apply_rows(proposal, key, value)
		elif key in FIELDS[SETTINGS]:
			_put_checked(proposal.settings, key, value, key)
		else:
			_refuse_key(key, _("Tiering Settings"), [*FIELDS[SETTINGS], *LISTS])


def _apply_rows(proposal: Proposal, key: str, rows: object) -> None:
	doctype = LISTS[key]
	if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
		frappe.throw(_("{0}: a list of objects is needed.").format(key))
	seen: set[str] = set()
	for row in rows:
		name = row.get("name")
		if not isinstance(name, str) or not name.strip() or name in seen:
			frappe.throw(_("{0}: each row needs a {1} of its own.").format(key, '"name"'))
		seen.add(name)
		doc = proposal.find(doctype, name) or proposal.add(doctype, name, {})
		for field, value in _fields(doctype, row).items():
			if field not in FIELDS[doctype]:
				_refuse_key(field, f"{_(doctype)} {name}", [*FIELDS[doctype]])
			_put_checked(doc, field, value, f"{key}, {name}: {field}")


def _fields(doctype: str, row: dict) -> dict:
	values = {field: value for field, value in row.items() if field != "name"}
	if doctype == "RFM Segment":
		for word, (field, yes, no) in CELLS.items():
			if isinstance(values.get(word), bool):
				values[field] = yes if values.pop(word) else no
	if doctype == "Customer Tier" and values.get("keep_value", 0) is None:
		values["keep_value"] = 0
	return values


def _put_checked(doc: Document, field: str, value: object, where: str) -> None:
	kind = doc.meta.get_field(field).fieldtype
	if field in BREAKPOINTS and isinstance(value, list):
		if not all(_is_number(each) for each in value):
			_refuse(where, value, _("a list of numbers"))
		value = ", ".join(f"{each:.15g}" for each in value)
		if [float(each) for each in value.split(", ") if each] == _numbers(plain(doc, field)):
			return  # the same, written otherwise
	elif field in COLUMNS:
		if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
			_refuse(where, value, _("a list of names"))
	elif kind == "Check":
		if value not in (0, 1):
			_refuse(where, value, _("true or false"))
		value = int(value)
	elif kind == "Int":
		if not _is_number(value) or value != int(value) or abs(value) > LARGEST_INT:
			_refuse(where, value, _("a whole number"))
		value = int(value)
	elif kind in ("Currency", "Float"):
		if not _is_number(value):
			_refuse(where, value, _("a number"))
	elif not isinstance(value, str):
		_refuse(where, value, _("a text"))
	put(doc, field, value)


def _numbers(text: str) -> list[float]:
	from customer_tiering.tiering.policy import breakpoints

	return list(breakpoints(text))


def _is_number(value: object) -> bool:
	return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _refuse(where: str, value: object, wanted: str) -> None:
	shown = escape_html(json.dumps(value, ensure_ascii=False)[:140])
	frappe.throw(_("{0}: {1} is not {2}.").format(escape_html(where), shown, wanted))


def _refuse_key(key: str, of_what: str, known: list[str]) -> None:
	frappe.throw(
		_("{0} has no rule {1}. There are: {2}.").format(
			escape_html(of_what), frappe.bold(escape_html(str(key))), ", ".join(known)
		)
	)
