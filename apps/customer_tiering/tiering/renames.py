"""What a renamed tier, stage or segment takes along: the rules that runs have kept, and the ledger."""

import json

import frappe
from frappe import _
from frappe.utils import escape_html

from customer_tiering.engine.policy import Policy
from customer_tiering.tiering.lock import no_run_until_commit
from customer_tiering.tiering.rule_records import KINDS
from customer_tiering.tiering.rule_users import users_of

UNDONE = "Tiering Rule Change"


def before_rename(doc: "frappe.Document", method: str, old: str, new: str, merge: bool = False) -> None:
	"""Merged, two rules would be one name with two bands in the last run's policy, and the ledger would mix them up. A run that
	is under way would write the old name."""
	if merge:
		frappe.throw(
			_(
				"{0} {1} can't be merged into another one. Change the rules so that nobody is in {1} any more, recompute, then delete it."
			).format(_(doc.doctype), frappe.bold(_(old, context=doc.doctype)))
		)
	no_run_until_commit()


def on_trash(doc: "frappe.Document", method: str | None = None) -> None:
	"""A run that is under way would write a name that is no more, and an audience by it would find nobody.

	What goes by an undo has been looked at there.
	"""
	if frappe.flags.in_uninstall or doc.flags.together is not None:
		return
	no_run_until_commit()
	if users := users_of(doc.doctype, doc.name):
		frappe.throw(
			_("{0} is in use: {1}. Choose another one there, then delete it.").format(
				frappe.bold(escape_html(_(doc.name, context=doc.doctype))), escape_html(", ".join(users))
			)
		)


def after_rename(doc: "frappe.Document", method: str, old: str, new: str, merge: bool = False) -> None:
	"""Without this the next run would take the new name for a changed rule, and the ledger for another tier."""
	kind = KINDS[doc.doctype]
	for field in ("old_value", "new_value"):
		frappe.db.set_value(
			"Tiering Event", {"decision": kind.decision, field: old}, field, new, update_modified=False
		)
	_rename_in_rules(kind.rules, old, new)


def _rename_in_rules(kind: str, old: str, new: str) -> None:
	"""In every version of the rules that was kept; runs and events that name the version get the new one."""
	kept = frappe.get_all("Tiering Run", {"policy": ("is", "set")}, ["rule_version", "policy"])
	for version, text in {run.rule_version: run.policy for run in kept}.items():
		policy = _renamed(text, kind, old, new)
		if policy.rule_version != version:
			_put_in_place_of(version, policy)
	undone = frappe.get_all(UNDONE, {"rules_after_undo": ("is", "set")}, ["name", "rules_after_undo"])
	for change in undone:
		text = _renamed(change.rules_after_undo, kind, old, new).as_json()
		frappe.db.set_value(UNDONE, change.name, "rules_after_undo", text, update_modified=False)


def _renamed(text: str, kind: str, old: str, new: str) -> Policy:
	values = json.loads(text)
	for rule in values[kind]:
		rule["name"] = new if rule["name"] == old else rule["name"]
	return Policy.from_json(json.dumps(values))


def _put_in_place_of(version: str, policy: Policy) -> None:
	of_version = {"rule_version": version}
	frappe.db.set_value(
		"Tiering Run",
		{**of_version, "policy": ("is", "set")},
		"policy",
		policy.as_json(),
		update_modified=False,
	)
	for doctype in ("Tiering Run", "Tiering Event"):
		frappe.db.set_value(doctype, of_version, "rule_version", policy.rule_version, update_modified=False)
