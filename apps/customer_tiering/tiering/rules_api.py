"""Presets and changed rules, as the Desk calls them. Every function checks permission first."""

import frappe
from frappe import _
from frappe.utils import cint, getdate

from customer_tiering.tiering.permissions import MANAGERS
from customer_tiering.tiering.presets import apply_preset, presets, text, title_for_reader
from customer_tiering.tiering.proposal import Proposal
from customer_tiering.tiering.rule_changes import (
	RECORD,
	apply,
	edited_since,
	in_words,
	last_change,
	only_me,
	refuse_undo,
	undo,
	what,
)
from customer_tiering.tiering.tried import to_take_back


@frappe.whitelist()
def list_presets() -> dict:
	"""{"presets": [{"name", "title", "description"}], "last": the change that can be undone, or None}."""
	frappe.only_for(MANAGERS)
	rows = [
		{"name": name, "title": text(preset["title"]), "description": text(preset["description"])}
		for name, preset in presets().items()
	]
	return {"presets": rows, "last": _last()}


def _last() -> dict | None:
	name = last_change()
	if not name:
		return None
	fields = ["name", "title", "preset", "owner", "creation"]
	last = frappe.db.get_value(RECORD, name, fields, as_dict=True)
	last.title = title_for_reader(last.preset, last.title)
	return last


@frappe.whitelist()
def preview_preset(preset: str) -> list[dict]:
	"""What the preset would change: {"what", "field", "now", "then"} in words. Raises ValidationError if it doesn't fit this site."""
	frappe.only_for(MANAGERS)
	proposal = Proposal()
	apply_preset(proposal, preset)
	proposal.validate()
	return [
		{"what": what(each), "field": each.label, "now": now, "then": then}
		for each in proposal.differences()
		for now, then in [in_words(each)]
	]


@frappe.whitelist(methods=["POST"])
def use_preset(preset: str) -> dict:
	"""Apply the preset; {"name", "message"} of the change that can be undone."""
	frappe.only_for(MANAGERS)
	only_me()
	proposal = Proposal()
	apply_preset(proposal, preset)
	return applied(apply(proposal, text(presets()[preset]["title"]), preset))


def applied(change: "frappe.Document") -> dict:
	return {
		"name": change.name,
		"message": _(
			"{0}: saved. No signal comes from it; regular follow-ups and sequences by audience take whoever newly comes into their audience. Customers move tonight, or with Recompute now."
		).format(frappe.bold(change.title)),
	}


@frappe.whitelist(methods=["POST"])
def undo_change(name: str, despite_edits: int | str = 0) -> dict:
	"""Undo the latest change: {"message"}; or, while it isn't confirmed, {"edited"}: what somebody has changed since."""
	frappe.only_for(MANAGERS)
	only_me()
	change = frappe.get_doc(RECORD, name)
	refuse_undo(change)
	edited = edited_since(change)
	if edited and not cint(despite_edits):
		return {"edited": edited}
	lost = undo(change, despite_edits=bool(edited))
	title = frappe.bold(title_for_reader(change.preset, change.title))
	if lost:
		done = _("{0}: undone, but for what is gone since: {1}. Set that by hand.").format(
			title, ", ".join(lost)
		)
	else:
		done = _("{0}: undone. What was before is set again.").format(title)
	then = _("Customers move tonight, or with Recompute now.")
	if to_take_back(getdate()):
		then += " " + _(
			"They will stand as if it had never been applied, and what came from it alone is taken back: signals, sequences, and follow-ups on which nobody has worked."
		)
	return {"message": f"{done} {then}"}
