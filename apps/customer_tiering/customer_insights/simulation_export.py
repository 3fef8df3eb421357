"""A simulation as a file: Excel with the counts and the customers who move, or CSV with these alone."""

import csv
import io
from collections.abc import Iterable, Iterator
from datetime import date
from itertools import zip_longest
from unicodedata import east_asian_width

import frappe
from frappe import _

from customer_tiering.customer_insights import simulation
from customer_tiering.tiering.chunks import rows_of
from customer_tiering.tiering.rule_records import KINDS

FORMATS = ("xlsx", "csv")
WIDEST, WIDTHS_FROM = 60, 1000  # letters; rows that are looked at
# How a cell begins that a spreadsheet would take for a formula (OWASP, CSV Injection).
FORMULA = ("=", "+", "-", "@", "\t", "\r")
DOCTYPES = {kind.decision.lower(): doctype for doctype, kind in KINDS.items()}


def export_file(file_format: str, summary: dict | None, rows: dict) -> bytes:
	"""The file's bytes, with the customers who move whom the session's user may read. No cell is a formula."""
	customers = list(_customers(rows, summary or {}))
	if file_format == "csv":
		return _csv(customers)
	if not summary:
		return _xlsx({_("Customers", context="Tiering Run"): customers})
	return _xlsx(
		{
			_("Rules", context="Tiering Simulation"): list(_rules(summary)),
			_("Tier", context="Tiering Simulation"): list(_matrix("tier", summary)),
			_("Stage"): list(_matrix("stage", summary)),
			_("Segment"): list(_matrix("segment", summary)),
			_("Signals"): list(_signals(summary)),
			_("Customers", context="Tiering Run"): customers,
		}
	)


def _rules(summary: dict) -> Iterator[list]:
	"""What was simulated, so that the file says it when it is sent on."""
	yield [_("As of"), date.fromisoformat(summary["as_of"])]
	yield [_("Customers", context="Customer Tiering"), summary["customers"]]
	yield [_("Customers rise", context="Tiering Simulation"), summary["rise"]]
	yield [_("Customers fall", context="Tiering Simulation"), summary["fall"]]
	yield [_("Kept only by grace or dwell", context="Tiering Simulation"), summary["grace"]]
	yield [_("Reporting Currency"), summary["currency"]["then"]]
	for words in summary["changes_in_words"] or [_("No rule differs from the current ones.")]:
		yield [_("The rules that differ"), words]


def _matrix(kind: str, summary: dict) -> Iterator[list]:
	found = summary[kind]
	names = [_name(kind, name, summary) for name in found["then"]]
	money_now, money_then = (_money_in(summary["currency"][when]) for when in ("now", "then"))
	yield [_("Now ↓ / Then →"), *names, _("Customers", context="Customer Tiering"), money_now]
	for name, counts, money in zip(found["now"], found["counts"], found["money_now"], strict=True):
		yield [_name(kind, name), *counts, sum(counts), money]
	yield [
		_("Customers", context="Customer Tiering"),
		*(sum(column) for column in zip(*found["counts"], strict=True)),
	]
	yield [money_then, *found["money_then"]]


def _money_in(currency: str | None) -> str:
	return f"{_('Money in the Window')} ({currency})" if currency else _("Money in the Window")


def _signals(summary: dict) -> Iterator[list]:
	yield [
		_("Signal"),
		_("Customers", context="Customer Tiering"),
		_("Would start"),
		_("Enabled"),
		_("ToDos"),
		_("Mails"),
	]
	for row in summary["newcomers"]:
		yield [_("Newly in the audience"), row["customers"], *_start(row)]
	for signal in summary["signals"]:
		yield [_(signal["signal"]), signal["customers"]]
		for row in signal["starts"]:
			yield ["", "", *_start(row)]


def _start(row: dict) -> list:
	enabled = _("Yes") if row["enabled"] else _("No", context="Tiering Simulation")
	return [f"{_(row['doctype'])}: {row['name']}", enabled, row["todos"], row["mails"]]


def _customers(rows: dict, summary: dict) -> Iterator[list]:
	"""A row for each customer who moves to another tier, stage or segment."""
	whens = {"now": _("now", context="Tiering Simulation"), "then": _("then")}
	currency = summary.get("currency", {})
	moving = sorted(set().union(*(simulation.places(rows, kind) for kind in simulation.KINDS)))
	yield [
		_("Customer"),
		_("Customer Name"),
		*(f"{_(label)} {when}" for label in ("Tier", "Stage", "Segment") for when in whens.values()),
		*(f"{_money_in(currency.get(when))} {text}" for when, text in whens.items()),
		_("Last Order"),
	]
	if not frappe.has_permission("Customer", "export"):
		yield [_("Your roles don't let you export customers.")]
		return
	seen = simulation.visible(rows, moving)
	titles = _titles([rows["customer"][place] for place in seen])
	for place in seen:
		row = simulation.row(rows, place)
		names = [
			_name(kind, row[f"{kind}_{when}"], summary if when == "then" else {})
			for kind in simulation.KINDS
			for when in whens
		]
		last_order = date.fromisoformat(row["last_order"]) if row["last_order"] else ""
		title = titles.get(row["customer"], "")
		yield [row["customer"], title, *names, row["money_now"], row["money_then"], last_order]


def _titles(names: list[str]) -> dict[str, str]:
	rows = rows_of("SELECT name, customer_name FROM `tabCustomer` WHERE name IN %(names)s", names)
	return {row.name: row.customer_name for row in rows}


def _name(kind: str, name: str, summary: dict | None = None) -> str:
	"""A tier's, stage's or segment's name for people; the new one where a summary is given that renames it."""
	if not name:
		return _("none", context="Tiering")
	doctype = DOCTYPES[kind]
	new = (summary or {}).get("new_names", {}).get(f"{doctype}|{name}")
	return _(new or name, context=doctype)


def _csv(rows: Iterable[list]) -> bytes:
	file = io.StringIO()
	writer = csv.writer(file)
	writer.writerows([[_harmless(value) for value in row] for row in rows])
	return file.getvalue().encode("utf-8-sig")  # without the mark Excel takes Chinese for something else


def _harmless(value: object) -> object:
	return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA) else value


def _xlsx(sheets: dict[str, list[list]]) -> bytes:
	from openpyxl import Workbook
	from openpyxl.utils import get_column_letter

	book = Workbook(write_only=True)
	for title, rows in sheets.items():
		sheet = book.create_sheet(title[:31])
		sheet.freeze_panes = "B2"
		for number, width in enumerate(_widths(rows), start=1):
			sheet.column_dimensions[get_column_letter(number)].width = width
		for number, row in enumerate(rows):
			sheet.append([_cell(sheet, value, is_head=not number) for value in row])
	file = io.BytesIO()
	book.save(file)
	return file.getvalue()


def _cell(sheet: object, value: object, is_head: bool) -> object:
	from openpyxl.cell import WriteOnlyCell
	from openpyxl.styles import Font
	from openpyxl.utils.exceptions import IllegalCharacterError

	try:
		cell = WriteOnlyCell(sheet, value)
	except IllegalCharacterError:
		cell = WriteOnlyCell(sheet, "".join(char for char in value if char.isprintable()))
	if isinstance(value, str):
		cell.data_type = "s"  # a text, also where it begins like a formula
	elif isinstance(value, float):
		cell.number_format = "#,##0.00"
	elif isinstance(value, date):
		cell.number_format = "yyyy-mm-dd"
	if is_head:
		cell.font = Font(bold=True)
	return cell


def _widths(rows: list[list]) -> list[int]:
	"""Of each column, for what its longest cell takes; a Chinese character is as wide as two letters."""
	columns = zip_longest(*rows[:WIDTHS_FROM])
	return [min(WIDEST, 3 + max(map(_width, column))) for column in columns]


def _width(value: object) -> int:
	text = f"{value:,.2f}" if isinstance(value, float) else str(value or "")
	return sum(2 if east_asian_width(each) in "WF" else 1 for each in text)
