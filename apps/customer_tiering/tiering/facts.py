"""Reads what the engine decides from: one row a customer, one query a source."""

from collections.abc import Collection
from datetime import date

import frappe
import pandas as pd

from customer_tiering.engine.key_dates import KEY_DATES
from customer_tiering.engine.policy import Policy
from customer_tiering.tiering.contact_facts import read_contact_facts
from customer_tiering.tiering.customer import COMPUTED_FIELDS
from customer_tiering.tiering.groups import COUNTED, referred, roots
from customer_tiering.tiering.order_facts import read_order_facts
from customer_tiering.tiering.temporary import in_scope, open_scope
from customer_tiering.tiering.voice_facts import read_voice_facts

DATES = ("tier_override_until", "current_tier_since", "current_below_keep_since", *KEY_DATES)
COUNTS = (
	"orders_ever",
	"annual_orders",
	"open_follow_ups",
	"loyalty_points",
	"open_issues",
	"overdue_issues",
)

# Customers whose last tier event was the beginning of an override; what a merged one brought along is not theirs.
TIERS_BY_HAND = """
	SELECT event.customer FROM `tabTiering Event` event
	WHERE event.cause = 'Override' AND event.merged_from IS NULL AND {scope} AND NOT EXISTS (
		SELECT 1 FROM `tabTiering Event` later
		WHERE later.customer = event.customer AND later.decision = 'Tier' AND later.merged_from IS NULL
			AND later.name > event.name
	)
"""

# What changed rules have done to customers' stages since anything else last moved them.
MOVED_BY_RULES = """
	SELECT event.customer, event.old_value, event.as_of FROM `tabTiering Event` event
	WHERE event.cause = 'Policy' AND event.decision = 'Stage' AND event.merged_from IS NULL AND {scope} AND NOT EXISTS (
		SELECT 1 FROM `tabTiering Event` later
		WHERE later.customer = event.customer AND later.decision = 'Stage' AND later.merged_from IS NULL
			AND later.name > event.name AND later.cause != 'Policy'
	)
	ORDER BY event.name
"""


def read_facts(policy: Policy, as_of: date, customers: Collection[str] | None = None) -> pd.DataFrame:
	"""What is known on `as_of` of every customer who is neither internal nor disabled, or of those of `customers`.

	Index: customer, in the order of names. Columns: those of engine.classify.FACTS; `root`, the customer that it is tiered
	with (else itself); `referred_value`, the window's money of the customers whom it referred; the key dates; and, with the
	prefix `current_`, the computed fields as they stand on Customer. Money is in the reporting currency, dates are
	datetime64 in the site's time zone. Figures are the customer's own, its group's are up to the engine.
	"""
	return with_orders(read_people(as_of, customers), policy, as_of, customers)


def read_people(as_of: date, customers: Collection[str] | None = None) -> pd.DataFrame:
	"""That part of the facts which no policy has a say in."""
	scoped = customers is not None
	if scoped:
		open_scope(customers)
	return _customers(scoped).join(read_contact_facts(as_of, scoped))


def with_orders(
	people: pd.DataFrame, policy: Policy, as_of: date, customers: Collection[str] | None = None
) -> pd.DataFrame:
	"""The facts of these people (see read_people), who are all or the `customers` given."""
	scoped = customers is not None
	if scoped:
		open_scope(customers)
	people = people.join(read_voice_facts(policy, as_of, scoped))
	friends = referred(scoped)
	if scoped:
		open_scope({*customers, *friends.index})
	figures = read_order_facts(policy, as_of, scoped)
	facts = people.join(figures)
	facts["next_document"] = facts[["next_document", "next_enquiry"]].min(axis=1)
	referred_value = figures["annual_value"].groupby(friends.reindex(figures.index)).sum()
	# As it is, facts without any row would take those of the sums.
	facts["referred_value"] = referred_value.reindex(facts.index)
	money = [
		"annual_value",
		"recent_value",
		"referred_value",
		*facts.columns[facts.columns.str.startswith("spend_")],
	]
	facts[money] = facts[money].astype("float64").fillna(0.0)
	facts[list(COUNTS)] = facts[list(COUNTS)].fillna(0).astype("int64")
	return facts


def _customers(scoped: bool) -> pd.DataFrame:
	given = ["tier_override", "tier_override_until", *KEY_DATES]
	current = [f"{field} AS current_{field}" for field in COMPUTED_FIELDS]
	rows = frappe.db.sql(
		f"""SELECT name, {", ".join([*given, *current])} FROM `tabCustomer` customer
		WHERE {COUNTED.format("customer")} AND {in_scope("name", scoped)} ORDER BY name"""
	)
	columns = ["customer", *given, *(f"current_{field}" for field in COMPUTED_FIELDS)]
	frame = pd.DataFrame.from_records(rows, columns=columns, index="customer")
	frame = frame.astype(object).where(frame.notna() & (frame != ""), None)
	tiers = frappe.get_all("Customer Tier", pluck="name")
	frame["tier_override"] = frame["tier_override"].where(frame["tier_override"].isin(tiers), None)
	frame["current_tier"] = frame["current_customer_tier"]
	by_hand = frappe.db.sql(TIERS_BY_HAND.format(scope=in_scope("event.customer", scoped)))
	frame["current_tier_by_hand"] = frame.index.isin([row[0] for row in by_hand])
	frame["current_stage"] = frame["current_lifecycle_stage"]
	left = _left_by_rules(scoped)
	frame["left_by_rules"] = pd.Series([left.get(name) for name in frame.index], frame.index, dtype=object)
	found = roots()
	frame["root"] = [found.get(name, name) for name in frame.index]
	for column in DATES:
		frame[column] = pd.to_datetime(frame[column])
	return frame


def _left_by_rules(scoped: bool) -> dict[str, dict[str, date]]:
	"""By customer: on which day a changed rule took it out of which stage, the last time where it did so more than once."""
	left: dict[str, dict[str, date]] = {}
	for customer, stage, day in frappe.db.sql(
		MOVED_BY_RULES.format(scope=in_scope("event.customer", scoped))
	):
		left.setdefault(customer, {})[stage] = day
	return left
