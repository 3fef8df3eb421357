"""Decides who gets which of the waiting follow-ups today: the best customers first, as far as each rep has room."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date

import frappe

from customer_tiering.follow_up.assignees import Assignees
from customer_tiering.follow_up.holidays import is_day_off
from customer_tiering.follow_up.keys import key_date_of
from customer_tiering.follow_up.reasons import CUSTOMER_DELETED, DATE_PASSED, OUT_OF_AUDIENCE, RULE_GONE
from customer_tiering.follow_up.waiting import WAITING
from customer_tiering.tiering.audience import customers_in
from customer_tiering.tiering.capacity import Capacity
from customer_tiering.tiering.owner import Owners

# The best first: by tier, then by the money of the window; of equals those who wait the longest.
BEST_FIRST = """
	SELECT waiting.name, waiting.rule, waiting.customer, waiting.follow_up_key, waiting.detail, waiting.due_from,
		waiting.event, waiting.handed_to, customer.name AS is_there
	FROM `tabFollow Up` waiting
	LEFT JOIN `tabCustomer` customer ON customer.name = waiting.customer
	LEFT JOIN `tabCustomer Tier` tier ON tier.name = customer.customer_tier
	WHERE waiting.status = %(status)s AND waiting.due_from <= %(day)s
	ORDER BY COALESCE(tier.entry_value, -1) DESC, COALESCE(customer.annual_value, 0) DESC, waiting.due_from,
		waiting.follow_up_key
"""


@dataclass
class Decision:
	"""Waiting rows by what becomes of them today."""

	to_hand_out: list[tuple[frappe._dict, str | None]] = field(default_factory=list)  # row and user
	full: list[tuple[frappe._dict, str]] = field(default_factory=list)  # row and the user it waits for
	withdrawn: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))  # reason: names
	rules: dict[str, "frappe.Document"] = field(default_factory=dict)
	day_off: list[tuple[frappe._dict, str | None]] = field(default_factory=list)  # as it is a holiday
	broken: set[str] = field(default_factory=set)
	failed_texts: Counter[str] = field(default_factory=Counter)  # by rule: for how many customers


def decide(day: date) -> Decision:
	"""Who gets what; writes nothing. Whoever is away or disabled is passed over, a rep who is full or a holiday makes it wait."""
	decision = Decision()
	rows = frappe.db.sql(BEST_FIRST, {"status": WAITING, "day": day}, as_dict=True)
	if not rows:
		return decision
	decision.rules = _rules({row.rule for row in rows})
	rows = list(_still_due(rows, decision, day))
	off = {name for name in decision.rules if is_day_off(day, name)}
	capacity = Capacity(day)
	owners = Owners({row.customer for row in rows}, day, absent=capacity.away)
	assignees = Assignees(decision.rules.values(), owners, capacity)
	for row in rows:
		handed_to = row.handed_to if owners.works(row.handed_to) else None
		user = handed_to or assignees.user_for(row.rule, row.customer)
		if row.rule in off:  # else all of a long weekend would be due on the day after it
			decision.day_off.append((row, user))
			continue
		if user and not capacity.has_room(user):
			decision.full.append((row, user))
			continue
		if user:
			capacity.take(user)
		decision.to_hand_out.append((row, user))
	return decision


def _rules(names: set[str]) -> dict[str, "frappe.Document"]:
	enabled = frappe.get_all(
		"Follow Up Rule", filters={"name": ("in", list(names)), "enabled": 1}, pluck="name"
	)
	return {name: frappe.get_doc("Follow Up Rule", name) for name in enabled}


def _still_due(rows: list[frappe._dict], decision: Decision, day: date) -> Iterator[frappe._dict]:
	audiences = _audiences(rows, decision, day)
	for row in rows:
		about = key_date_of(row.follow_up_key, row.detail)
		if not row.is_there:
			decision.withdrawn[CUSTOMER_DELETED].append(row.name)
		elif row.rule not in decision.rules:
			decision.withdrawn[RULE_GONE].append(row.name)
		elif row.rule in decision.broken:
			continue
		elif row.customer not in audiences[row.rule]:
			decision.withdrawn[OUT_OF_AUDIENCE].append(row.name)
		elif about and about < day:
			decision.withdrawn[DATE_PASSED].append(row.name)
		else:
			yield row


def _audiences(rows: list[frappe._dict], decision: Decision, day: date) -> dict[str, set[str]]:
	waiting = defaultdict(set)
	for row in rows:
		waiting[row.rule].add(row.customer)
	audiences = {}
	for name, rule in decision.rules.items():
		try:
			audiences[name] = customers_in(
				rule.audience_filters, rule.audience_company, among=waiting[name], as_of=day
			)
		except frappe.ValidationError:
			decision.broken.add(name)
	return audiences
