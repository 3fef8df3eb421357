"""Reads the policy from what administrators edit."""

import frappe
from frappe import _

from customer_tiering.engine.policy import Policy, Segment, Stage, Tier


def read_policy() -> Policy:
	"""The policy as it is set now.

	Raises ValidationError if it can't decide every customer: no tier, or no stage for those who ordered.
	"""
	settings = frappe.get_single("Tiering Settings")
	policy = Policy(
		tiers=_tiers(),
		stages=_stages(),
		segments=_segments(),
		reporting_currency=settings.reporting_currency or "",
		window_months=settings.window_months,
		high_frequency_orders=settings.high_frequency_orders,
		near_score=settings.near_score,
		high_score=settings.high_score,
	)
	_refuse_gaps(policy)
	return policy


def counted_companies(policy: Policy) -> list[str]:
	"""The companies whose invoices count: those that keep their books in the reporting currency."""
	return frappe.get_all("Company", filters={"default_currency": policy.reporting_currency}, pluck="name")


def _tiers() -> tuple[Tier, ...]:
	days = ["grace_days", "minimum_dwell_days"]
	rows = frappe.get_all("Customer Tier", fields=["name", "entry_value", "keep_value", "is_top", *days])
	return tuple(
		Tier(
			name=row.name,
			entry_value=float(row.entry_value),
			keep_value=float(row.keep_value) or None,
			is_top=bool(row.is_top),
			**{key: row[key] for key in days},
		)
		for row in rows
	)


def _stages() -> tuple[Stage, ...]:
	numbers = ["position", "min_days_since_order", "quiet_days", "min_orders"]
	flags = ["never_ordered", "top_tier_only"]
	rows = frappe.get_all("Lifecycle Stage", fields=["name", "meaning", *numbers, *flags])
	return tuple(
		Stage(
			name=row.name,
			meaning=row.meaning,
			**{key: row[key] for key in numbers},
			**{key: bool(row[key]) for key in flags},
		)
		for row in rows
	)


def _segments() -> tuple[Segment, ...]:
	rows = frappe.get_all("RFM Segment", fields=["name", "recency", "frequency", "monetary"])
	return tuple(
		Segment(row.name, row.recency == "Near", row.frequency == "High", row.monetary == "High")
		for row in rows
	)


def _refuse_gaps(policy: Policy) -> None:
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
	conditions = (stage.min_days_since_order, stage.quiet_days, stage.min_orders > 1, stage.top_tier_only)
	return not stage.never_ordered and not any(conditions)
