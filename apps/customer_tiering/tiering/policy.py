"""Reads the policy from what administrators edit."""

import re
from collections.abc import Iterable

import frappe
from frappe import _
from frappe.model.document import Document
from frappe.utils import cint, flt

from customer_tiering.engine.policy import Policy, Segment, Stage, Tier

Rule = Document | frappe._dict

RECORDS = ("Customer Tier", "Lifecycle Stage", "RFM Segment")
WHOLE_NUMBERS = (
	"window_months",
	"high_frequency_orders",
	"near_score",
	"high_score",
	"abc_a_percent",
	"abc_b_percent",
	"sleep_min_days",
	"sleep_default_days",
	"whale_factor",
	"decline_percent",
	"decline_months",
	"upsell_months",
	"silent_days",
	"promoter_percent",
	"pattern_years",
	"pattern_lead_days",
	"key_date_lead_days",
	"feedback_days",
	"detractor_score",
)
NUMBERS = ("churn_medium_factor", "churn_high_factor", "sleep_factor", "upsell_value")


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
		voice_raises_risk=bool(cint(settings.voice_raises_risk)),
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
	numbers = (
		"position",
		"min_days_since_order",
		"min_days_since_first_order",
		"quiet_days",
		"min_orders",
		"min_open_issues",
		"min_points",
	)
	flags = ("never_ordered", "top_tier_only", "no_open_follow_up")
	return Stage(
		name=row.name,
		meaning=row.meaning,
		feedback=row.get("feedback") or "",
		**{key: cint(row.get(key)) for key in numbers},
		**{key: bool(cint(row.get(key))) for key in flags},
	)


def _segment(row: Rule) -> Segment:
	return Segment(row.name, row.recency == "Near", row.frequency == "High", row.monetary == "High")


def refuse_gaps(policy: Policy) -> None:
	if not policy.reporting_currency:
		frappe.throw(_("Choose a Reporting Currency in Tiering Settings before you recompute tiers."))
	if not policy.tiers:
		frappe.throw(_("There is no Customer Tier. Create at least one, with the entry value 0."))
	if not any(_takes_whoever_ordered(stage) for stage in policy.stages):
		frappe.throw(
			_(
				"No Lifecycle Stage takes every customer who has ordered. Create a last one without conditions."
			)
		)
	if not any(stage.never_ordered for stage in policy.stages):
		frappe.throw(
			_("No Lifecycle Stage takes customers who never ordered. Create one with Never Ordered.")
		)


def _takes_whoever_ordered(stage: Stage) -> bool:
	conditions = (
		stage.min_days_since_order,
		stage.min_days_since_first_order,
		stage.quiet_days,
		stage.no_open_follow_up,
		stage.min_orders > 1,
		stage.top_tier_only,
		stage.min_open_issues,
		stage.min_points,
		stage.feedback,
	)
	return not stage.never_ordered and not any(conditions)
