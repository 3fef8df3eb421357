"""What is due and not yet a ToDo: one Follow Up row each, under a unique key, whoever finds it and however often."""

from collections.abc import Collection, Iterable
from datetime import date
from typing import NamedTuple

import frappe

from customer_tiering.follow_up.keys import ESCALATED, key_of
from customer_tiering.tiering.chunks import chunks, rows_of

WAITING, HANDED_OUT, WITHDRAWN = "Waiting", "Handed Out", "Withdrawn"


class Due(NamedTuple):
	"""Something to follow up on. `period` makes it unique for a rule and customer; orders from `since` on answer it."""

	rule: str
	customer: str
	period: str
	due_from: date
	since: date
	detail: str | None = None
	event: str | None = None

	@property
	def key(self) -> str:
		return key_of(self.rule, self.period)


COLUMNS = (
	*("name", "creation", "modified", "owner", "modified_by", "status", "follow_up_key"),
	*("rule", "customer", "due_from", "since", "detail", "event"),
)


def add(found: Iterable[Due]) -> None:
	"""Those that are there already stay as they are. The caller commits."""
	now, user = frappe.utils.now(), frappe.session.user
	for some in chunks(list(found)):
		rows = [
			(
				*(frappe.generate_hash(length=20), now, now, user, user, WAITING, due.key),
				*(due.rule, due.customer, due.due_from, due.since, due.detail, due.event),
			)
			for due in some
		]
		frappe.db.sql(
			f"""INSERT INTO `tabFollow Up` ({", ".join(COLUMNS)}) VALUES {", ".join(["%s"] * len(rows))}
			ON DUPLICATE KEY UPDATE name = name""",
			rows,
		)


OF_ANOTHER_DAY = """
	SELECT name, follow_up_key, detail FROM `tabFollow Up` WHERE follow_up_key IN %(names)s
"""


def make_way(found: Iterable[Due]) -> None:
	"""What these are about was on another day before somebody corrected it: what was made then gives up its key. The caller commits."""
	day = {due.key: due.detail for due in found}
	for row in rows_of(OF_ANOTHER_DAY, day):
		if row.detail == day[row.follow_up_key]:
			continue
		for doctype in ("Follow Up", "ToDo"):
			for ending in ("", ESCALATED):
				key = {"follow_up_key": row.follow_up_key + ending}
				free = f"{row.follow_up_key}|{row.name}{ending}"
				frappe.db.set_value(doctype, key, "follow_up_key", free, update_modified=False)


def note_handed_out(todo: "frappe.Document") -> None:
	"""A ToDo that never waited: it takes room of its day as others do."""
	now, user = frappe.utils.now(), frappe.session.user
	values = {
		"name": frappe.generate_hash(length=20),
		**{"creation": now, "modified": now, "owner": user, "modified_by": user},
		**{"status": HANDED_OUT, "follow_up_key": todo.follow_up_key, "rule": todo.get("follow_up_rule")},
		**{"customer": todo.reference_name, "user": todo.allocated_to, "todo": todo.name, "told": 0},
		**{"handed_out_on": todo.date, "since": todo.date},
	}
	updated = ("status", "user", "todo", "told", "handed_out_on")
	frappe.db.sql(
		f"""INSERT INTO `tabFollow Up` ({", ".join(values)}) VALUES ({", ".join(["%s"] * len(values))})
		ON DUPLICATE KEY UPDATE {", ".join(f"{field} = VALUES({field})" for field in updated)}""",
		list(values.values()),
	)


def withdraw(names: Collection[str], reason: str) -> int:
	"""Waiting ones that nobody needs any more, for one of `reasons`. The caller commits."""
	for some in chunks(names):
		frappe.db.set_value(
			"Follow Up",
			{"name": ("in", some), "status": WAITING},
			{"status": WITHDRAWN, "reason": reason},
			update_modified=False,
		)
	return len(names)
