"""Reads the policy from what administrators edit."""

import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import fields, replace

import frappe
from frappe import _
from frappe.model.document import Document
from frappe.utils import cint, flt

from customer_tiering.engine.policy import Policy, Segment, Stage, Tier
from customer_tiering.tiering.rule_records import KINDS

Rule = Document | frappe._dict

RECORDS = tuple(KINDS)


def _of_kind(rule: type, kind: type) -> tuple[str, ...]:
	return tuple(each.name for each in fields(rule) if each.init and each.type is kind)


# The engine's dataclasses say which settings decide, which conditions a stage can have, and of what kind they are: fields of
# the same names in Tiering Settings and Lifecycle Stage.
WHOLE_NUMBERS, NUMBERS, FLAGS = (_of_kind(Policy, kind) for kind in (int, float, bool))
STAGE_NUMBERS, STAGE_FLAGS = (_of_kind(Stage, kind) for kind in (int, bool))
STAGE_CONDITIONS = {
	each.name: each.default for each in fields(Stage) if each.name not in ("name", "position", "meaning")
}


def read_policy() -> Policy:
	"""The policy as it is set now.

	Raises ValidationError if it can't decide every customer: no tier, or no stage for those who ordered.
	"""
	policy = read_rules()
	refuse_gaps(policy)
	return policy


def read_rules() -> Policy:
	"""The policy as it is set now, whether it can decide everybody or not."""
	settings = frappe.get_single("Tiering Settings")
	return policy_of(settings, *(frappe.get_all(doctype, fields=["*"]) for doctype in RECORDS))


def policy_of(
	settings: Rule, tiers: Iterable[Rule], stages: Iterable[Rule], segments: Iterable[Rule]
) -> Policy:
	"""The policy of Tiering Settings and of records of RECORDS, stored or not."""
	return Policy(
		tiers=tuple(map(_tier, tiers)),
		stages=tuple(map(_stage, stages)),
		segments=tuple(map(_segment, segments)),
		orders_from=settings.orders_from or "Sales Invoice",
		measure=settings.measure or "Net Total",
		companies=tuple(row.company for row in settings.companies),
		reporting_currency=settings.reporting_currency or "",
		scoring=settings.scoring or "Percentile",
		recency_breakpoints=tuple(map(int, breakpoints(settings.recency_breakpoints))),
		frequency_breakpoints=tuple(map(int, breakpoints(settings.frequency_breakpoints))),
		monetary_breakpoints=breakpoints(settings.monetary_breakpoints),
		**{field: cint(settings.get(field)) for field in WHOLE_NUMBERS},
		**{field: flt(settings.get(field)) for field in NUMBERS},
		**{field: bool(cint(settings.get(field))) for field in FLAGS},
	)


def breakpoints(text: str | None) -> tuple[float, ...]:
	"""The numbers of a text like "30, 90, 180, 365"; none if any part of it is no number."""
	parts = [part for part in re.split(r"[,;，；\s]+", text or "") if part]
	numbers = all(re.fullmatch(r"\d+(\.\d+)?", part) for part in parts)
	return tuple(map(float, parts)) if numbers else ()


def _tier(row: Rule) -> Tier:
	return Tier(
		name=row.name,
		entry_value=flt(row.entry_value),
		keep_value=flt(row.keep_value) or None,
		is_top=bool(cint(row.is_top)),
		grace_days=cint(row.grace_days),
		minimum_dwell_days=cint(row.minimum_dwell_days),
	)


def _stage(row: Rule) -> Stage:
	return Stage(
		name=row.name,
		meaning=row.meaning,
		feedback=row.get("feedback") or "",
		**{key: cint(row.get(key)) for key in STAGE_NUMBERS},
		**{key: bool(cint(row.get(key))) for key in STAGE_FLAGS},
	)


def _segment(row: Rule) -> Segment:
	return Segment(row.name, row.recency == "Near", row.frequency == "High", row.monetary == "High")


def refuse_gaps(policy: Policy) -> None:
	if not policy.reporting_currency:
		frappe.throw(_("Choose a Reporting Currency in Tiering Settings before you recompute tiers."))
	if not policy.tiers:
		frappe.throw(_("There is no Customer Tier. Create at least one, with the entry value 0."))
	for gap in gaps_of(policy.stages):
		frappe.throw(gap)


def stages_of(rows: Iterable[Rule]) -> list[Stage]:
	return [_stage(row) for row in rows]


def gaps_of(stages: Collection[Stage]) -> Iterator[str]:
	"""Which customers fit in none of these stages, and what to create for them, in sentences."""
	if not any(_takes_whoever_ordered(stage) for stage in stages):
		yield _(
			"No Lifecycle Stage takes every customer who has ordered. Create a last one without conditions."
		)
	if not any(stage.never_ordered for stage in stages):
		yield _("No Lifecycle Stage takes customers who never ordered. Create one with Never Ordered.")


def _takes_whoever_ordered(stage: Stage) -> bool:
	"""Whether no condition keeps anybody who ordered out: having ordered once is none."""
	stage = replace(stage, min_orders=0 if stage.min_orders <= 1 else stage.min_orders)
	return all(getattr(stage, name) == none for name, none in STAGE_CONDITIONS.items())
