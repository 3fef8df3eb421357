"""How follow-ups and sequences read the ledger: each from where it stopped, every event once."""

from collections.abc import Callable

import frappe

from customer_tiering.tiering.lock import connection_is_lost, ends_the_job
from customer_tiering.tiering.signals import FIRING_CAUSES

BATCH = 100
EVENT_FIELDS = (
	"name",
	"customer",
	"as_of",
	"signal",
	"signal_key",
	"detail",
	"old_value",
	"new_value",
	"last_order_date",
)
EVENT_FIGURES = ("annual_value", "annual_orders")

# Signals that fired and that nothing has made void since.
UNSEEN = f"""
	SELECT {", ".join(f"event.{field}" for field in (*EVENT_FIELDS, *EVENT_FIGURES))}
	FROM `tabTiering Event` event
	WHERE event.name > %(after)s AND event.name <= %(upto)s AND event.signal IN %(signals)s
		AND event.signal_key IS NOT NULL AND event.cause IN %(causes)s
		AND NOT EXISTS (SELECT 1 FROM `tabTiering Event` void WHERE void.voids = event.signal_key)
	ORDER BY event.name LIMIT %(batch)s
"""


def latest_event() -> str:
	"""The name of the newest event; names sort in the order in which events were committed."""
	return frappe.db.sql("SELECT MAX(name) FROM `tabTiering Event`")[0][0] or ""


def start_from_now(reader: "frappe.Document") -> None:
	"""A rule or sequence that is switched on reacts to what happens from now on; an old form moves no one back."""
	if reader.enabled and (reader.is_new() or reader.has_value_changed("enabled")):
		reader.last_event = latest_event()
	elif not reader.is_new():
		reader.last_event = reader.get_doc_before_save().last_event


def consume(
	doctype: str, name: str, signal_field: str, handle: Callable[["frappe.Document", frappe._dict], bool]
) -> int:
	"""Hand every unseen firing event of the reader's signal to `handle`, and say how often it returned True."""

	def handle_all(reader: "frappe.Document", events: list[frappe._dict]) -> int:
		return sum(_handled(handle, reader, event) for event in events)

	return consume_batches(doctype, name, signal_field, handle_all)


def consume_batches(
	doctype: str,
	name: str,
	signal_field: str,
	handle: Callable[["frappe.Document", list[frappe._dict]], int],
	commit: Callable[[], None] | None = None,
) -> int:
	"""Hand the unseen firing events of the reader's signals to `handle`, some at a time; the sum of what it returned.

	`signal_field` is the reader's attribute that holds a signal, or several. Each batch commits together with the place that
	the reader has come to. The reader's row is locked meanwhile, so that two workers never handle the same event.
	"""
	commit = commit or frappe.db.commit
	handled = 0
	commit()  # what another worker commits while we wait for its lock must be seen
	while True:
		reader = frappe.get_doc(doctype, name, for_update=True)
		frappe.db.savepoint("batch")
		try:
			events = _unseen(reader, signal_field) if reader.enabled else []
			handled += handle(reader, events) if events else 0
		except (frappe.QueryDeadlockError, frappe.QueryTimeoutError):
			raise  # the caller undoes all of it
		except Exception as error:
			if not connection_is_lost(error):
				frappe.db.rollback(save_point="batch")  # nothing was read
			raise
		if len(events) == BATCH:
			reader.db_set("last_event", events[-1].name, update_modified=False)
		commit()
		if len(events) < BATCH:
			return handled


def _handled(handle: Callable, reader: "frappe.Document", event: frappe._dict) -> bool:
	"""An event that can't be handled is logged and passed over, so that the others don't wait for it for ever."""
	frappe.db.savepoint("event")
	try:
		return bool(handle(reader, event))
	except (frappe.QueryDeadlockError, frappe.QueryTimeoutError):
		raise  # the batch is undone and read again the next time
	except Exception as error:
		if ends_the_job(error):
			raise
		frappe.db.rollback(save_point="event")
		frappe.log_error(
			title=f"{reader.doctype} {reader.name}"[:140],
			reference_doctype="Customer",
			reference_name=event.customer,
		)
		return False


def _unseen(reader: "frappe.Document", signal_field: str) -> list[frappe._dict]:
	upto = latest_event()
	signals = getattr(reader, signal_field)
	events = frappe.db.sql(
		UNSEEN,
		{
			"after": reader.last_event or "",
			"upto": upto,
			"signals": [signals] if isinstance(signals, str) else list(signals) or [""],
			"causes": FIRING_CAUSES,
			"batch": BATCH,
		},
		as_dict=True,
	)
	if len(events) < BATCH and upto:
		reader.db_set("last_event", upto, update_modified=False)
	return events
