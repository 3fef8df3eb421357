"""What saving, merging and deleting a Customer does to its interests."""

from collections.abc import Collection, Iterable

import frappe
from frappe.model.document import Document

from customer_tiering.tiering.interests import OF_CUSTOMERS


def validate(customer: Document, method: str | None = None) -> None:
	"""Take what was set by hand from the form, and what was computed from the database.

	A form that was open while the job wrote neither takes new tags away nor brings old ones back. Whoever adds a topic that
	is computed sets it by hand. Runs after the customer itself has been locked.
	"""
	by_hand = {row.topic: row for row in customer.get("interests") or () if not row.computed}
	stored = [] if customer.is_new() else _stored(customer.name)
	computed = [row for row in stored if row.computed and row.topic not in by_hand]
	_as_new_rows(by_hand.values(), {row.name for row in stored if row.computed})
	customer.set("interests", [*by_hand.values(), *computed])
	for idx, row in enumerate(customer.interests, start=1):
		row.idx = idx


def _as_new_rows(by_hand: Iterable[Document], computed: Collection[str]) -> None:
	"""A computed row that somebody keeps becomes another row.

	A Version in which a row of a Table MultiSelect has changed breaks the form: its timeline looks for a grid.
	"""
	for row in by_hand:
		if row.name in computed:
			row.name = None
			row.set("__islocal", 1)


def _stored(customer: str) -> list[frappe._dict]:
	"""A locking read: it sees what was committed after this transaction began."""
	return frappe.db.get_values(
		"Customer Interest",
		{"parent": customer, **OF_CUSTOMERS},
		"*",
		as_dict=True,
		for_update=True,
		order_by="idx",
	)


def before_rename(customer: Document, method: str, old: str, new: str, merge: bool = False) -> None:
	"""The framework deletes the merged customer with its tags: those set by hand go over to the one that stays."""
	if not merge:
		return
	kept = {row.topic: row for row in _stored(new)}
	for row in _stored(old):
		if row.computed:
			continue
		there = kept.get(row.topic)
		if not there:
			values = {"parent": new, "idx": len(kept) + 1}
			frappe.db.set_value("Customer Interest", row.name, values, update_modified=False)
			kept[row.topic] = row
		elif there.computed:
			frappe.db.set_value("Customer Interest", there.name, "computed", 0, update_modified=False)


def on_trash(customer: Document, method: str | None = None) -> None:
	"""What was known of the customer's behaviour goes along."""
	frappe.db.delete("Interest Signal", {"customer": customer.name})
