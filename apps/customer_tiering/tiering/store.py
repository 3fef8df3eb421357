"""Writes decisions: the changed customers and their ledger rows, chunk by chunk."""

from collections.abc import Iterator
from dataclasses import dataclass

import frappe
import pandas as pd

from customer_tiering.tiering.changes import Context, ledger_rows
from customer_tiering.tiering.customer import COMPUTED_FIELDS
from customer_tiering.tiering.temporary import create, fill

CHUNK = 2000
ATTEMPTS = 3
BUFFER = "_tiering_changes"
EVENT_FIELDS = (
	"name",
	"creation",
	"modified",
	"owner",
	"modified_by",
	"customer",
	"decision",
	"old_value",
	"new_value",
	"cause",
	"signal",
	"signal_key",
	"detail",
	"voids",
	"as_of",
	"run",
	"rule_version",
	"annual_value",
	"annual_orders",
	"last_order_date",
)


@dataclass(frozen=True)
class Written:
	"""How many customers and events have been written, and who was renamed, merged or deleted since they were read."""

	customers: int
	events: int
	gone: frozenset[str]


def write(
	changes: pd.DataFrame, facts: pd.DataFrame, decisions: pd.DataFrame, context: Context
) -> Iterator[Written]:
	"""Write all changes; each chunk of customers commits together with its ledger rows and with the run's counts.

	`modified` stands still: a form that is open meanwhile can still be saved. Yields, after each commit, what has been written.
	"""
	_open_buffer()
	written = Written(0, 0, frozenset())
	for start in range(0, len(changes), CHUNK):
		chunk = changes.iloc[start : start + CHUNK]
		events = ledger_rows(chunk, facts, decisions, context)
		written = _write_chunk(chunk, events, written, context.run)
		yield written


def _write_chunk(chunk: pd.DataFrame, events: list[dict], before: Written, run: str) -> Written:
	"""Tried again when somebody else's transaction holds a row of it for too long, or both wait for each other."""
	for attempt in range(1, ATTEMPTS + 1):
		try:
			there = _update_customers(chunk)
			known = [event for event in events if event["customer"] in there]
			_insert_events(known, run, before.events)
			written = Written(
				before.customers + len(there),
				before.events + len(known),
				before.gone | set(chunk.index) - there,
			)
			counts = {"changed": written.customers, "events": written.events}
			frappe.db.set_value("Tiering Run", run, counts, update_modified=False)
			frappe.db.commit()
			return written
		except (frappe.QueryDeadlockError, frappe.QueryTimeoutError):
			frappe.db.rollback()
			if attempt == ATTEMPTS:
				raise
	raise AssertionError("unreachable")


def _open_buffer() -> None:
	"""A temporary table with the column types of Customer; it belongs to this connection alone."""
	columns = ", ".join(("name", *COMPUTED_FIELDS))
	create(BUFFER, f"(PRIMARY KEY (name)) SELECT {columns} FROM `tabCustomer` LIMIT 0")


def _update_customers(chunk: pd.DataFrame) -> frozenset[str]:
	"""Gives those who are still there: locked, so that whoever renames or merges one waits for its ledger rows."""
	rows = [(name, *values) for name, values in zip(chunk.index, chunk.to_numpy().tolist(), strict=True)]
	frappe.db.sql(f"DELETE FROM `{BUFFER}`")
	fill(BUFFER, ("name", *COMPUTED_FIELDS), rows)
	there = frappe.db.sql(
		f"""SELECT STRAIGHT_JOIN new.name FROM `{BUFFER}` new JOIN `tabCustomer` customer ON customer.name = new.name
		FOR UPDATE""",
		pluck=True,
	)
	assignments = ", ".join(f"customer.{field} = new.{field}" for field in COMPUTED_FIELDS)
	frappe.db.sql(
		f"UPDATE `tabCustomer` customer JOIN `{BUFFER}` new ON new.name = customer.name SET {assignments}"
	)
	return frozenset(there)


def _insert_events(events: list[dict], run: str, already: int) -> None:
	"""Names carry the run and the order of writing, so that readers can go on where they stopped."""
	now, user = frappe.utils.now(), frappe.session.user
	for number, event in enumerate(events, start=already + 1):
		event |= {"name": f"{run}-{number:07d}", "creation": now, "modified": now}
		event |= {"owner": user, "modified_by": user}
	_insert(
		"tabTiering Event", EVENT_FIELDS, [tuple(event[field] for field in EVENT_FIELDS) for event in events]
	)


def _insert(table: str, fields: tuple[str, ...], rows: list[tuple]) -> None:
	"""One statement for many rows; the framework's bulk_insert spends several times as long on building it."""
	if rows:
		columns = ", ".join(f"`{field}`" for field in fields)
		frappe.db.sql(f"INSERT INTO `{table}` ({columns}) VALUES {', '.join(['%s'] * len(rows))}", rows)
