"""How follow-ups and sequences read the ledger: each from where it stopped, every event once."""

from collections.abc import Callable

import frappe

from customer_tiering.tiering.signals import FIRING_CAUSES

BATCH = 100
EVENT_FIELDS = (
	"name",
	"customer",
	"as_of",
	"signal",
	"signal_key",
	"old_value",
	"new_value",
	"last_order_date",
)
EVENT_FIGURES = ("annual_value", "annual_orders")


def latest_event() -> str:
	"""The name of the newest event; names sort in the order in which events were committed."""
	return frappe.db.sql("SELECT MAX(name) FROM `tabTiering Event`")[0][0] or ""


def start_from_now(reader: "frappe.Document") -> None:
	"""A rule or sequence that is switched on reacts to what happens from now on."""
	if reader.enabled and (reader.is_new() or reader.has_value_changed("enabled")):
		reader.last_event = latest_event()


def consume(
	doctype: str, name: str, signal_field: str, handle: Callable[["frappe.Document", frappe._dict], bool]
) -> int:
	"""Hand every unseen firing event of the reader's signal to `handle`, and say how often it returned True.

	Each batch commits together with the place that the reader has come to. The reader's row is locked meanwhile, so
	that two workers never handle the same event.
	"""
	handled = 0
	while True:
		reader = frappe.get_doc(doctype, name, for_update=True)
		events = _unseen(reader, signal_field) if reader.enabled else []
		handled += sum(bool(handle(reader, event)) for event in events)
		if len(events) == BATCH:
			reader.db_set("last_event", events[-1].name, update_modified=False)
		frappe.db.commit()
		if len(events) < BATCH:
			return handled


def _unseen(reader: "frappe.Document", signal_field: str) -> list[frappe._dict]:
	upto = latest_event()
	events = frappe.get_all(
		"Tiering Event",
		filters=[
			["name", ">", reader.last_event or ""],
			["name", "<=", upto],
			["signal", "=", reader.get(signal_field)],
			["cause", "in", FIRING_CAUSES],
		],
		fields=[*EVENT_FIELDS, *EVENT_FIGURES],
		order_by="name asc",
		limit=BATCH,
	)
	if len(events) < BATCH and upto:
		reader.db_set("last_event", upto, update_modified=False)
	return events
