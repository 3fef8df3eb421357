import frappe
from frappe import _
from frappe.model.document import Document

from customer_tiering.tiering.interest_sources import RECORDS, WEB_ROUTE, route
from customer_tiering.tiering.interests import OF_CUSTOMERS, enqueue_interests


class InterestTopic(Document):
	def validate(self) -> None:
		for row in self.sources:
			self.refuse_incomplete(row)
		self.refuse_twice()

	def refuse_incomplete(self, row: Document) -> None:
		"""A row names a record or a pattern, whichever its source needs."""
		field, other = ("source", "pattern") if row.source_type in RECORDS else ("pattern", "source")
		row.set(other, None)
		if row.source_type == WEB_ROUTE:
			row.pattern = route(row.pattern)
		label = _(row.meta.get_label(field))
		if not (row.get(field) or "").strip():
			frappe.throw(_("Row {0}: {1} is needed.").format(row.idx, label))
		if field == "pattern" and not row.pattern.strip("* "):
			frappe.throw(_("Row {0}: {1} takes everything. Name a part of it.").format(row.idx, label))

	def refuse_twice(self) -> None:
		seen = set()
		for row in self.sources:
			key = (row.source_type, row.source or row.pattern)
			if key in seen:
				frappe.throw(_("Row {0}: {1} is there already.").format(row.idx, frappe.bold(key[1])))
			seen.add(key)

	def on_update(self) -> None:
		enqueue_interests()

	def on_trash(self) -> None:
		"""Computed tags go with the topic. What people set is not thrown away by the way."""
		by_hand = frappe.db.count("Customer Interest", {"topic": self.name, "computed": 0, **OF_CUSTOMERS})
		if by_hand:
			frappe.throw(
				_(
					"{0} customers have the interest {1} set by hand. Disable it, or merge it into another one by renaming it."
				).format(by_hand, frappe.bold(self.name)),
				frappe.LinkExistsError,
			)
		frappe.db.delete("Customer Interest", {"topic": self.name, **OF_CUSTOMERS})

	def after_rename(self, old: str, new: str, merge: bool = False) -> None:
		"""A customer who had both topics has the merged one once, by hand if one of them was."""
		if merge:
			_keep_one_each(new)
			enqueue_interests()


def _keep_one_each(topic: str) -> None:
	rows = frappe.get_all(
		"Customer Interest",
		{"topic": topic, **OF_CUSTOMERS},
		["name", "parent"],
		order_by="parent, computed, idx",
	)
	seen: set[str] = set()
	double = [row.name for row in rows if row.parent in seen or seen.add(row.parent)]
	frappe.db.delete("Customer Interest", {"name": ("in", double or [""])})
