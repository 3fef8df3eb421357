"""Which customers are tiered together, and who was referred by whom."""

from collections.abc import Collection

import frappe
import pandas as pd

from customer_tiering.tiering.temporary import in_scope

COUNTED = "{0}.disabled = 0 AND {0}.is_internal_customer = 0"


def roots() -> dict[str, str]:
	"""For every customer that rolls up to another counted one: the customer that it is tiered with.

	Counted are customers who are neither disabled nor internal. The way is followed to its end; a customer whose way ends
	in a circle is tiered alone and not listed.
	"""
	rows = frappe.db.sql(
		f"""SELECT member.name, member.rolls_up_to
		FROM `tabCustomer` member JOIN `tabCustomer` head ON head.name = member.rolls_up_to
		WHERE member.rolls_up_to > '' AND {COUNTED.format("head")}"""
	)
	steps = dict(rows)
	found = {name: _end(name, steps) for name in steps}
	return {name: root for name, root in found.items() if root and root != name}


def _end(name: str, steps: dict[str, str]) -> str | None:
	seen = {name}
	while name in steps:
		name = steps[name]
		if name in seen:
			return None
		seen.add(name)
	return name


def ways_up(customers: Collection[str]) -> dict[str, list[str]]:
	"""For each of these customers, all members of their groups: itself and whom it rolls up to, but for the root."""
	steps = dict(
		frappe.get_all("Customer", {"name": ("in", list(customers))}, ["name", "rolls_up_to"], as_list=True)
	)
	ways = {}
	for customer in customers:
		way, name = [], customer
		while (above := steps.get(name)) in steps:
			way.append(name)
			name = above
		ways[customer] = way
	return ways


def members_of(customer: str) -> tuple[str, ...]:
	"""The counted customers that are tiered together with this one, itself included, the one they roll up to first."""
	found = roots()
	head = found.get(customer, customer)
	names = {customer, head, *(name for name, root in found.items() if root == head)}
	counted = frappe.get_all(
		"Customer",
		filters={"name": ("in", names), "disabled": 0, "is_internal_customer": 0},
		order_by="name",
		pluck="name",
	)
	return tuple(sorted(counted, key=lambda name: name != head))


def referred(scoped: bool) -> pd.Series:
	"""Counted customers whom another one referred: index customer, values the one who referred them, in scope if there is one."""
	rows = frappe.db.sql(
		f"""SELECT name, referred_by FROM `tabCustomer` customer
		WHERE referred_by > '' AND referred_by != name AND {COUNTED.format("customer")}
			AND {in_scope("referred_by", scoped)}"""
	)
	return pd.DataFrame.from_records(rows, columns=["customer", "by"], index="customer")["by"]
