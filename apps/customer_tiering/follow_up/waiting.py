"""What is due and not yet a ToDo: one Follow Up row each, under a unique key, whoever finds it and however often."""

from collections.abc import Collection, Iterable
from datetime import date
from typing import NamedTuple

import frappe

from customer_tiering.tiering.chunks import chunks

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
		return f"{self.rule}|{self.period}"


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


def withdraw(names: Collection[str], reason: str) -> int:
	"""Waiting ones that nobody needs any more. The caller commits."""
	for some in chunks(names):
		frappe.db.set_value(
			"Follow Up",
			{"name": ("in", some), "status": WAITING},
			{"status": WITHDRAWN, "reason": reason},
			update_modified=False,
		)
	return len(names)
