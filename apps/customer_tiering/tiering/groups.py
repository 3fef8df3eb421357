"""Which customers are tiered together, and who was referred by whom."""

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
