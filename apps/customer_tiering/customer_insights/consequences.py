"""What signals would start if somebody followed up on all of them: ToDos of rules, mails of sequences."""

from typing import TYPE_CHECKING

import frappe

if TYPE_CHECKING:
	import pandas as pd


def consequences(signals: "pd.DataFrame") -> list[dict]:
	"""By signal, the most customers first: `signal`, `customers`, and `starts`, a row for each rule or sequence that listens.

	`signals` has columns customer and signal. A row of `starts` has `doctype`, `name`, `enabled` and `count`: ToDos, or
	mails over all steps. One that is switched off is there, too, and would start nothing.
	"""
	counts = signals["signal"].value_counts()
	listeners = [*_rules(), *_sequences()]
	return [
		{
			"signal": signal,
			"customers": int(count),
			"starts": [
				{**row, "count": int(count) * row["each"]} for row in listeners if row["signal"] == signal
			],
		}
		for signal, count in counts.items()
	]


def totals(found: list[dict]) -> dict[str, int]:
	"""{"todos", "mails"} of what is switched on."""
	count = {"Follow Up Rule": 0, "Outreach Sequence": 0}
	for row in (row for each in found for row in each["starts"] if row["enabled"]):
		count[row["doctype"]] += row["count"]
	return {"todos": count["Follow Up Rule"], "mails": count["Outreach Sequence"]}


def _rules() -> list[dict]:
	rows = frappe.get_all("Follow Up Rule", fields=["name", "enabled", "signal"], order_by="name")
	return [{"doctype": "Follow Up Rule", "each": 1, **row} for row in rows]


def _sequences() -> list[dict]:
	rows = frappe.get_all("Outreach Sequence", fields=["name", "enabled", "entry_signal"], order_by="name")
	steps = frappe.get_all("Outreach Step", filters={"parenttype": "Outreach Sequence"}, pluck="parent")
	return [
		{
			"doctype": "Outreach Sequence",
			"name": row.name,
			"enabled": row.enabled,
			"signal": row.entry_signal,
			"each": steps.count(row.name),
		}
		for row in rows
	]
