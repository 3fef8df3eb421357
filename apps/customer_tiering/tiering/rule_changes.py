"""Saves changed rules as one act that can be undone: all of it or nothing, and what was before is kept."""

import json
from collections.abc import Iterator
from contextlib import contextmanager

import frappe
from frappe import _
from frappe.model.document import Document
from frappe.model.rename_doc import rename_doc
from frappe.utils import escape_html, now_datetime

from customer_tiering.tiering.jobs import enqueue_recompute
from customer_tiering.tiering.lock import no_run_until_commit, only_one_until_commit
from customer_tiering.tiering.policy import read_rules
from customer_tiering.tiering.proposal import SETTINGS, Difference, Proposal, called, plain, put
from customer_tiering.tiering.rule_records import KINDS
from customer_tiering.tiering.rule_users import users_of

RECORD = "Tiering Rule Change"
STAMPS = ("modified", "modified_by")


def only_me() -> None:
	"""Nobody else changes rules, and no run goes by them, until this transaction ends. Raises RunInProgressError, to be asked
	before a proposal is read."""
	refusal = _("Somebody else is changing the rules just now. Look at them again in a moment.")
	only_one_until_commit("customer_tiering.rules", refusal)
	no_run_until_commit()


def apply(proposal: Proposal, title: str, preset: str | None = None) -> Document:
	"""Save the proposal and keep what was before as a Tiering Rule Change, which is returned.

	Raises ValidationError, and changes nothing, for rules that their DocTypes refuse and where nothing would change.
	"""
	proposal.validate()
	differences = proposal.differences()
	if not differences:
		frappe.throw(_("These are the rules that are set already."))
	with _all_or_nothing():
		stored = [(doc, _rows(doc)) for doc in proposal.changed() if not doc.is_new()]
		before = [[_stamp(*row) for row in rows] for _doc, rows in stored]
		created = [[doc.doctype, doc.name] for doc in proposal.changed() if doc.is_new()]
		_write(proposal)
		stamps = [
			{"doctype": doctype, "name": name, "before": was, "after": _stamp(doctype, name)}
			for (doc, _old), stamps_of_doc in zip(stored, before, strict=True)
			for (doctype, name), was in zip(_rows(doc), stamps_of_doc, strict=False)
		]
		return _keep(differences, created, proposal.new_names, stamps, title, preset)


def _keep(
	differences: list[Difference],
	created: list[list[str]],
	new_names: dict[tuple[str, str], str],
	stamps: list[dict],
	title: str,
	preset: str | None,
) -> Document:
	changed = [
		{
			"doctype": each.doctype,
			"name": each.name if each.is_new else new_names.get((each.doctype, each.name), each.name),
			"field": each.field,
			"before": each.now,
			"after": each.then,
		}
		for each in differences
		if each.field
	]
	renamed = [[doctype, old, new] for (doctype, old), new in new_names.items()]
	record = {"changed": changed, "renamed": renamed, "created": created, "stamps": stamps}
	return frappe.get_doc(
		doctype=RECORD,
		title=title,
		preset=preset,
		status="Applied",
		summary="\n".join(sentence(each) for each in differences),
		record=_as_text(record),
	).insert(ignore_permissions=True)


def last_change() -> str | None:
	"""The change that would be undone: the latest that still applies."""
	names = frappe.get_all(RECORD, {"status": "Applied"}, pluck="name", order_by="name desc", limit=1)
	return names[0] if names else None


def after_rename(doc: Document, method: str, old: str, new: str, merge: bool = False) -> None:
	"""What can be undone is found by its new name, too: `renamed_since` has rows of DocType, name then and name now."""
	for change in frappe.get_all(RECORD, {"status": "Applied"}, ["name", "record"]):
		record = json.loads(change.record)
		since = record.get("renamed_since", [])
		row = next((row for row in since if [row[0], row[2]] == [doc.doctype, old]), None)
		if row:
			row[2] = new
		elif _names(record, doc.doctype, old) and [doc.doctype, old] not in [row[:2] for row in since]:
			since.append([doc.doctype, old, new])
		else:
			continue
		record["renamed_since"] = [row for row in since if row[1] != row[2]]
		frappe.db.set_value(RECORD, change.name, "record", _as_text(record), update_modified=False)


def _names(record: dict, doctype: str, name: str) -> bool:
	return (
		any((each["doctype"], each["name"]) == (doctype, name) for each in record["changed"])
		or any((kind, new) == (doctype, name) for kind, _old, new in record["renamed"])
		or [doctype, name] in record["created"]
	)


def _as_text(record: dict) -> str:
	return json.dumps(record, default=str, ensure_ascii=False, indent=1)


def _record(change: Document) -> dict:
	"""What the change did, by the names that its documents have now."""
	record = json.loads(frappe.db.get_value(RECORD, change.name, "record"))
	now = {(doctype, then): name for doctype, then, name in record.setdefault("renamed_since", [])}
	for each in (*record["changed"], *record["stamps"]):
		each["name"] = now.get((each["doctype"], each["name"]), each["name"])
	record["renamed"] = [[kind, old, now.get((kind, new), new)] for kind, old, new in record["renamed"]]
	record["created"] = [[kind, now.get((kind, name), name)] for kind, name in record["created"]]
	return record


def edited_since(change: Document) -> list[dict[str, str]]:
	"""What somebody changed after that, of what an undo would put back: {"what", "then", "now"} in words."""
	record = _record(change)
	found = [
		{"what": called(doctype, then), "then": then, "now": now}
		for doctype, then, now in record["renamed_since"]
	]
	for each in record["changed"]:
		doc = _stored(each["doctype"], each["name"])
		now = plain(doc, each["field"]) if doc else _("deleted or renamed")
		if now != each["after"]:
			found.append({"what": _of_field(each), "then": shown(each["after"]), "now": shown(now)})
	for doctype, old, new in record["renamed"]:
		if not frappe.db.exists(doctype, new):
			found.append({"what": f"{_(doctype)} {old}", "then": new, "now": _("deleted or renamed")})
	return found


def refuse_undo(change: Document) -> None:
	"""Raise ValidationError if the change isn't the latest one, or if what it added is in use by more than what is computed."""
	if change.status != "Applied":
		frappe.throw(_("This change is undone already."))
	if change.name != last_change():
		frappe.throw(_("{0} came later. The latest change is undone first.").format(last_change()))
	for doctype, name in _record(change)["created"]:
		if users := users_of(doctype, name):
			frappe.throw(
				_("{0} would be deleted, but is in use: {1}. Choose another one there, then undo.").format(
					frappe.bold(escape_html(called(doctype, name))), escape_html(", ".join(users))
				)
			)


def undo(change: Document, *, despite_edits: bool = False) -> list[str]:
	"""Put back what was before, exactly. What it added is deleted; customers who are in it get a full run.

	Returns what could not be put back, in words: what somebody has deleted since, and days of steps that are other ones now.

	Raises ValidationError, and changes nothing, for what `refuse_undo` refuses, if somebody has changed the same values since
	(unless `despite_edits`), or if the old values don't fit what was added since.
	"""
	refuse_undo(change)
	if not despite_edits and edited_since(change):
		frappe.throw(_("Somebody has changed these rules since. Look at what would be lost before you undo."))
	record, proposal, lost = _record(change), Proposal(), []
	unedited = [each for each in record["stamps"] if _stamp(each["doctype"], each["name"]) == each["after"]]
	for each in record["changed"]:
		doc = proposal.find(each["doctype"], each["name"])
		if [each["doctype"], each["name"]] in record["created"]:
			continue
		if doc and _fits(doc, each):
			put(doc, each["field"], each["before"])
		else:
			lost.append(_of_field(each))
	for doctype, old, new in record["renamed"]:
		doc = proposal.find(doctype, new)
		if doc:
			proposal.rename(doc, old)
		else:
			lost.append(called(doctype, new))
	removed = [(doctype, name) for doctype, name in record["created"] if frappe.db.exists(doctype, name)]
	for doctype, name in removed:
		proposal.remove(doctype, name)
	proposal.validate()
	with _all_or_nothing():
		in_use = [(doctype, name) for doctype, name in removed if _has_customers(doctype, name)]
		for doctype, name in removed:
			frappe.delete_doc(
				doctype,
				name,
				force=True,
				ignore_permissions=True,
				delete_permanently=True,
				flags={"together": proposal.records[doctype]},
			)
		_write(proposal)
		_restore(unedited, {(doctype, new): old for doctype, old, new in record["renamed"]})
		change.db_set(
			{
				"status": "Undone",
				"undone_at": now_datetime(),
				"undone_by": frappe.session.user,
				"rules_after_undo": read_rules().as_json(),
			}
		)
	if in_use:
		enqueue_recompute(after_commit=True)
	return lost


def sentence(difference: Difference) -> str:
	"""A difference in words, like "Customer Tier A · Entry Value: 500,000 → 300,000"."""
	now, then = in_words(difference)
	return f"{what(difference)} · {difference.label}: {now} → {then}"


def in_words(difference: Difference) -> tuple[str, str]:
	"""Now and then, with names and choices in the session's language."""
	doctype, field = difference.doctype, difference.field
	values = (difference.now, difference.then)
	if field is None:
		values = tuple(value and _(value, context=doctype) for value in values)
	elif frappe.get_meta(doctype).get_field(field).fieldtype == "Select":
		values = tuple(value and _(value, context=doctype) for value in values)
	return shown(values[0]), shown(values[1])


def what(difference: Difference) -> str:
	return called(difference.doctype, difference.name)


def shown(value: object) -> str:
	"""A value for people: numbers with separators, nothing as a dash."""
	if isinstance(value, list):
		return ", ".join(map(str, value)) or "–"
	if isinstance(value, int | float):
		return f"{value:,.15g}"
	return str(value or "–")


def _of_field(change: dict) -> str:
	label = _(frappe.get_meta(change["doctype"]).get_label(change["field"]))
	return f"{called(change['doctype'], change['name'])} · {label}"


@contextmanager
def _all_or_nothing() -> Iterator[None]:
	frappe.db.savepoint("rule_change")
	try:
		yield
	except Exception:
		frappe.db.rollback(save_point="rule_change")
		frappe.clear_cache()
		raise


def _write(proposal: Proposal) -> None:
	changed = proposal.changed()
	_rename(proposal)
	for docs in proposal.records.values():
		for doc in docs:
			doc.flags.together = docs
	for doc in changed:
		if doc.doctype == "Follow Up Rule":
			doc.db_set("due_in_days", doc.due_in_days)
		elif doc.is_new():
			doc.insert(ignore_permissions=True)
		else:
			if doc.doctype == "Outreach Sequence":  # its audience has followed the new names meanwhile
				doc.audience_filters = frappe.db.get_value(doc.doctype, doc.name, "audience_filters")
			doc.save(ignore_permissions=True)


def _rename(proposal: Proposal) -> None:
	"""Who gives up a name that another one gets steps aside first, so that two can change theirs for one another."""
	docs = {key: proposal.find(*key) for key in proposal.new_names}
	given = {(doctype, new) for (doctype, _old), new in proposal.new_names.items()}
	for key in [key for key in docs if key in given]:
		aside = f"{key[1]} {frappe.generate_hash(length=10)}"
		_rename_one(*key, aside)
		docs[key].name = aside
	for key, doc in docs.items():
		_rename_one(doc.doctype, doc.name, proposal.new_names[key])
		doc.name = proposal.new_names[key]
		doc.set(KINDS[doc.doctype].name_field, doc.name)


def _rename_one(doctype: str, old: str, new: str) -> None:
	rename_doc(doctype, old, new, ignore_permissions=True, show_alert=False, rebuild_search=False)


def _stored(doctype: str, name: str) -> Document | None:
	exists = doctype == SETTINGS or frappe.db.exists(doctype, name)
	return frappe.get_doc(doctype, name) if exists else None


def _fits(doc: Document, change: dict) -> bool:
	"""Days of steps can be put back where no step was added or taken away since."""
	return change["field"] != "steps" or len(doc.steps) == len(change["before"])


def _has_customers(doctype: str, name: str) -> bool:
	return bool(frappe.db.exists("Customer", {KINDS[doctype].field: name}))


def _rows(doc: Document) -> list[tuple[str, str]]:
	return [(each.doctype, each.name) for each in (doc, *doc.get_all_children())]


def _stamp(doctype: str, name: str) -> list[str] | None:
	"""Who saved the row last, and when."""
	found = frappe.db.get_value(doctype, name, STAMPS)
	return [str(each) for each in found] if found else None


def _restore(stamps: list[dict], old_names: dict[tuple[str, str], str]) -> None:
	"""Who saved a row last is put back, too, where nobody else has saved it since."""
	for each in stamps:
		name = old_names.get((each["doctype"], each["name"]), each["name"])
		values = dict(zip(STAMPS, each["before"] or (), strict=False))
		for field, value in values.items():
			if each["doctype"] == SETTINGS:
				frappe.db.set_single_value(SETTINGS, field, value, update_modified=False)
			else:
				frappe.db.set_value(each["doctype"], name, field, value, update_modified=False)
		frappe.clear_document_cache(each["doctype"], name)
