"""A simulation as a file: Excel with the counts and the customers who move, or CSV with these alone."""

import csv
import io
from collections.abc import Iterable, Iterator

from frappe import _

from customer_tiering.customer_insights import simulation
from customer_tiering.tiering.chunks import rows_of
from customer_tiering.tiering.rule_records import KINDS

FORMATS = ("xlsx", "csv")
# How a cell begins that a spreadsheet would take for a formula (OWASP, CSV Injection).
FORMULA = ("=", "+", "-", "@", "\t", "\r")
DOCTYPES = {kind.decision.lower(): doctype for doctype, kind in KINDS.items()}


def export_file(file_format: str, summary: dict | None, rows: dict) -> bytes:
	"""The file's bytes, with the customers who move whom the session's user may read. No cell is a formula."""
	customers = list(_customers(rows))
	if file_format == "csv":
		return _csv(customers)
	sheets = {_("Tier", context="Tiering Simulation"): [], _("Stage"): [], _("Segment"): []}
	for title, kind in zip(sheets, simulation.KINDS, strict=True):
		sheets[title] = list(_matrix(kind, summary)) if summary else []
	signals = list(_signals(summary)) if summary else []
	return _xlsx({**sheets, _("Signals"): signals, _("Customers", context="Tiering Run"): customers})


def _matrix(kind: str, summary: dict) -> Iterator[list]:
	found = summary[kind]
	names = [_name(kind, name, summary) for name in found["then"]]
	yield [_("Now ↓ / Then →"), *names, _("Customers", context="Customer Tiering"), _("Money in the Window")]
	for name, counts, money in zip(found["now"], found["counts"], found["money_now"], strict=True):
		yield [_name(kind, name), *counts, sum(counts), money]
	yield [
		_("Customers", context="Customer Tiering"),
		*(sum(column) for column in zip(*found["counts"], strict=True)),
	]
	yield [_("Money in the Window"), *found["money_then"]]


def _signals(summary: dict) -> Iterator[list]:
	yield [
		_("Signal"),
		_("Customers", context="Customer Tiering"),
		_("Would start"),
		_("Enabled"),
		_("Count"),
	]
	for signal in summary["signals"]:
		yield [_(signal["signal"]), signal["customers"]]
		for row in signal["starts"]:
			yield ["", "", f"{_(row['doctype'])}: {row['name']}", row["enabled"], row["count"]]


def _customers(rows: dict) -> Iterator[list]:
	"""A row for each customer who moves to another tier, stage or segment."""
	moving = sorted(set().union(*(simulation.places(rows, kind) for kind in simulation.KINDS)))
	yield [
		_("Customer"),
		_("Customer Name"),
		*(f"{_(label)} {when}" for label in ("Tier", "Stage", "Segment") for when in (_("now"), _("then"))),
		f"{_('Money in the Window')} {_('now')}",
		f"{_('Money in the Window')} {_('then')}",
		_("Last Order"),
	]
	seen = simulation.visible(rows, moving)
	titles = _titles([rows["customer"][place] for place in seen])
	for place in seen:
		row = simulation.row(rows, place)
		names = [_name(kind, row[f"{kind}_{when}"]) for kind in simulation.KINDS for when in ("now", "then")]
		money = [row["money_now"], row["money_then"], row["last_order"] or ""]
		yield [row["customer"], titles.get(row["customer"], ""), *names, *money]


def _titles(names: list[str]) -> dict[str, str]:
	rows = rows_of("SELECT name, customer_name FROM `tabCustomer` WHERE name IN %(names)s", names)
	return {row.name: row.customer_name for row in rows}


def _name(kind: str, name: str, summary: dict | None = None) -> str:
	"""A tier's, stage's or segment's name for people; the new one where a summary is given that renames it."""
	if not name:
		return _("none", context="Tiering")
	doctype = DOCTYPES[kind]
	new = (summary or {}).get("new_names", {}).get(f"{doctype}|{name}")
	return new or _(name, context=doctype)


def _csv(rows: Iterable[list]) -> bytes:
	file = io.StringIO()
	writer = csv.writer(file)
	writer.writerows([[_harmless(value) for value in row] for row in rows])
	return file.getvalue().encode("utf-8-sig")  # without the mark Excel takes Chinese for something else


def _harmless(value: object) -> object:
	return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA) else value


def _xlsx(sheets: dict[str, list[list]]) -> bytes:
	from openpyxl import Workbook
	from openpyxl.cell import WriteOnlyCell
	from openpyxl.utils.exceptions import IllegalCharacterError

	book = Workbook(write_only=True)
	for title, rows in sheets.items():
		sheet = book.create_sheet(title[:31])

		def cell(value: object, sheet: object = sheet) -> object:
			if not isinstance(value, str):
				return value
			try:
				made = WriteOnlyCell(sheet, value)
			except IllegalCharacterError:
				made = WriteOnlyCell(sheet, "".join(char for char in value if char.isprintable()))
			made.data_type = "s"  # a text, also where it begins like a formula
			return made

		for row in rows:
			sheet.append([cell(value) for value in row])
	file = io.BytesIO()
	book.save(file)
	return file.getvalue()
