"""Writes decisions: the changed customers and their ledger rows, chunk by chunk."""

from collections.abc import Iterator

import frappe
import pandas as pd

from customer_tiering.tiering.changes import Context, ledger_rows
from customer_tiering.tiering.customer import COMPUTED_FIELDS
from customer_tiering.tiering.temporary import create, fill

CHUNK = 2000
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


def write(
	changes: pd.DataFrame, facts: pd.DataFrame, decisions: pd.DataFrame, context: Context
) -> Iterator[tuple[int, int]]:
	"""Write all changes; each chunk of customers commits together with its ledger rows.

	`modified` stands still: a form that is open meanwhile can still be saved. Yields, after each commit, how many
	customers and how many events have been written.
	"""
	_open_buffer()
	events_written = 0
	for start in range(0, len(changes), CHUNK):
		chunk = changes.iloc[start : start + CHUNK]
		events = ledger_rows(chunk, facts, decisions, context)
		_update_customers(chunk)
		_insert_events(events, context, events_written)
		frappe.db.commit()
		events_written += len(events)
		yield start + len(chunk), events_written


def _open_buffer() -> None:
	"""A temporary table with the column types of Customer; it belongs to this connection alone."""
	columns = ", ".join(("name", *COMPUTED_FIELDS))
	create(BUFFER, f"(PRIMARY KEY (name)) SELECT {columns} FROM `tabCustomer` LIMIT 0")


def _update_customers(chunk: pd.DataFrame) -> None:
	rows = [(name, *values) for name, values in zip(chunk.index, chunk.to_numpy().tolist(), strict=True)]
	frappe.db.sql(f"DELETE FROM `{BUFFER}`")
	fill(BUFFER, ("name", *COMPUTED_FIELDS), rows)
	assignments = ", ".join(f"customer.{field} = new.{field}" for field in COMPUTED_FIELDS)
	frappe.db.sql(
		f"UPDATE `tabCustomer` customer JOIN `{BUFFER}` new ON new.name = customer.name SET {assignments}"
	)


def _insert_events(events: list[dict], context: Context, already: int) -> None:
	"""Names carry the run and the order of writing, so that readers can go on where they stopped."""
	now, user = frappe.utils.now(), frappe.session.user
	for number, event in enumerate(events, start=already + 1):
		event |= {"name": f"{context.run}-{number:07d}", "creation": now, "modified": now}
		event |= {"owner": user, "modified_by": user}
	_insert(
		"tabTiering Event", EVENT_FIELDS, [tuple(event[field] for field in EVENT_FIELDS) for event in events]
	)


def _insert(table: str, fields: tuple[str, ...], rows: list[tuple]) -> None:
	"""One statement for many rows; the framework's bulk_insert spends several times as long on building it."""
	if rows:
		columns = ", ".join(f"`{field}`" for field in fields)
		frappe.db.sql(f"INSERT INTO `{table}` ({columns}) VALUES {', '.join(['%s'] * len(rows))}", rows)
