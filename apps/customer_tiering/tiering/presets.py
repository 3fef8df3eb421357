"""Presets: rules as data, in setup/presets/*.json, put into a proposal.

A preset is partial; what it doesn't name stays. Its keys, all but the first three optional:

- `order`, `title` and `description`; texts, and the names of tiers and stages, are given in English and Chinese.
- `settings`: fields of Tiering Settings.
- `tiers`: rows for the tiers that there are, the best one first. With `entry_value`, a row without such a tier is a new one.
- `stages`: rows in the order of matching, each for the last stage of its `meaning`. An `added` one is told by its name, comes
  before the row that follows it, and is new where there is none of that name, like any whose meaning no stage has.
- `sequences` and `follow_ups`: the days of those that listen to a signal; a sequence's only if it has as many steps.
- `as_installed`: the seeded tiers and stages and the defaults of Tiering Settings.
"""

import json
from functools import cache
from itertools import pairwise

import frappe
from frappe import _
from frappe.model.document import Document
from frappe.utils import cint

from customer_tiering.setup.seed import NEW_SITE, read_defaults, site_language
from customer_tiering.tiering.policy import STAGE_CONDITIONS
from customer_tiering.tiering.proposal import FIELDS, SETTINGS, Proposal, put

DESCRIBING = ("colour", "benefits", "monthly_contact_cap", "description")  # that a proposal can't change
FIRST, STEP = 10, 10  # positions of stages


def presets() -> dict[str, dict]:
	"""All presets by their name, in the order in which they are shown."""
	return {name: _read()[name] for name in sorted(_read(), key=lambda name: _read()[name]["order"])}


def text(words: dict[str, str] | str, language: str | None = None) -> str:
	"""A text of a preset in a language (default: the session's): Chinese, else English."""
	if isinstance(words, str):
		return words
	return words["zh" if (language or frappe.local.lang or "").startswith("zh") else "en"]


def title_for_reader(preset: str | None, title: str) -> str:
	"""A change's title in the session's language, where it is a preset's in whichever language."""
	titles = presets().get(preset or "", {}).get("title", {})
	return text(titles) if title in titles.values() else title


def apply_preset(proposal: Proposal, name: str) -> None:
	"""Put the preset into the proposal. Raises ValidationError for a name that no preset has."""
	preset = presets().get(name)
	if not preset:
		frappe.throw(
			_("There is no preset {0}. There are: {1}.").format(
				frappe.bold(frappe.utils.escape_html(str(name))), ", ".join(presets())
			)
		)
	if preset.get("as_installed"):
		preset = _as_installed()
	for field, value in preset.get("settings", {}).items():
		put(proposal.settings, field, value)
	_put_tiers(proposal, preset.get("tiers", []))
	_put_stages(proposal, preset.get("stages", []))
	for row in preset.get("follow_ups", []):
		for rule in frappe.get_all(
			"Follow Up Rule", {"signal": row["signal"]}, pluck="name", order_by="name"
		):
			put(proposal.find("Follow Up Rule", rule), "due_in_days", row["due_in_days"])
	for row in preset.get("sequences", []):
		_put_days(proposal, row)


def _put_tiers(proposal: Proposal, rows: list[dict]) -> None:
	tiers = sorted(proposal.records["Customer Tier"], key=lambda tier: -tier.entry_value)
	names = [_name(row.get("tier_name")) for row in rows]
	by_name = {tier.name for tier in tiers} <= set(names)  # then one that is missing is not the last one
	for number, (name, row) in enumerate(zip(names, rows, strict=True)):
		if by_name:
			tier = proposal.find("Customer Tier", name)
		else:
			tier = tiers[number] if number < len(tiers) else None
		if tier:
			_put_row(proposal, tier, name, row)
		elif "entry_value" in row:
			_put_row(proposal, proposal.add("Customer Tier", name, {}), name, row)


def _put_stages(proposal: Proposal, rows: list[dict]) -> None:
	stages = [_stage_of(proposal, row) for row in rows]
	for number, (row, stage) in enumerate(zip(rows, stages, strict=True), start=1):
		follower = next(filter(None, stages[number:]), None)
		name = _name(row.get("stage_name")) or row["meaning"]
		if not stage:
			stage = proposal.add("Lifecycle Stage", name, {"meaning": row["meaning"]})
			stage.position = _free_position(proposal, follower)
		_put_row(proposal, stage, name if row.get("stage_name") else None, row)


def _stage_of(proposal: Proposal, row: dict) -> Document | None:
	if row.get("added"):
		return proposal.find("Lifecycle Stage", _name(row["stage_name"]))
	alike = [stage for stage in proposal.records["Lifecycle Stage"] if stage.meaning == row["meaning"]]
	return max(alike, key=lambda stage: cint(stage.position), default=None)


def _free_position(proposal: Proposal, follower: Document | None) -> int:
	"""Before the stage that follows, after whatever comes before that, else before the first one; without one, the last."""
	taken = sorted(cint(stage.position) for stage in proposal.records["Lifecycle Stage"] if stage.position)
	if not follower:
		return max(taken, default=0) + STEP
	if cint(follower.position) in taken:
		before = max((each for each in taken if each < follower.position), default=0)
		if follower.position - before > 1:
			return (before + follower.position) // 2
	gaps = [low + 1 for low, high in pairwise([0, *taken]) if high - low > 1]
	return gaps[0] if gaps else taken[-1] + STEP


def _put_row(proposal: Proposal, doc: Document, name: str | None, row: dict) -> None:
	if name:
		proposal.rename(doc, name)
	if doc.is_new():
		doc.update({field: row[field] for field in row if field in DESCRIBING})
	for field, value in row.items():
		if field in FIELDS[doc.doctype]:
			put(doc, field, value)


def _put_days(proposal: Proposal, row: dict) -> None:
	signal = {"entry_signal": row["entry_signal"]}
	for name in frappe.get_all("Outreach Sequence", signal, pluck="name", order_by="name"):
		sequence = proposal.find("Outreach Sequence", name)
		if len(sequence.steps) == len(row["days"]):
			put(sequence, "steps", row["days"])


def _name(words: dict[str, str] | str | None) -> str | None:
	"""Records have one name for everybody, in the site's language."""
	return text(words, site_language()) if words else None


def _as_installed() -> dict:
	meta = frappe.get_meta(SETTINGS)
	fields = [meta.get_field(field) for field in FIELDS[SETTINGS]]
	on_new_sites = {field: value for field, value in NEW_SITE.items() if field in FIELDS[SETTINGS]}
	tiers = sorted(read_defaults("customer_tier"), key=lambda tier: -tier["entry_value"])
	zero = dict.fromkeys(("keep_value", "grace_days", "minimum_dwell_days"), 0)
	return {
		"settings": {
			**{field.fieldname: _default(field) for field in fields if field.default},
			**on_new_sites,
		},
		"tiers": [{**zero, **tier} for tier in tiers],
		"stages": [{**STAGE_CONDITIONS, **stage} for stage in read_defaults("lifecycle_stage")],
	}


def _default(field: Document) -> object:
	numbers = {"Int": int, "Float": float, "Currency": float}
	return numbers.get(field.fieldtype, str)(field.default)


@cache
def _read() -> dict[str, dict]:
	from pathlib import Path

	folder = Path(frappe.get_app_path("customer_tiering", "setup", "presets"))
	return {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in folder.glob("*.json")}
