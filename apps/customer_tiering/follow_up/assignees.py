"""Whom a rule asks: said here for all who hand out, hand over and preview."""

from collections.abc import Collection

import frappe

from customer_tiering.tiering.capacity import Capacity
from customer_tiering.tiering.owner import ACCOUNT_MANAGER, Owners

IN_TURN = "Role in Turn"


def first_choice(rule: "frappe.Document | frappe._dict") -> str:
	"""A kind of owner, or a user's name. Where a role takes turns: who is asked if nobody has it."""
	if rule.assign_to == "User":
		return rule.user
	return ACCOUNT_MANAGER if rule.assign_to == IN_TURN else rule.assign_to or ACCOUNT_MANAGER


class Assignees:
	"""Who does what, by rules that are given with assign_to, user, role and last_user."""

	def __init__(
		self, rules: Collection["frappe.Document | frappe._dict"], owners: Owners, capacity: Capacity
	) -> None:
		self.owners, self.capacity = owners, capacity
		self.first = {rule.name: first_choice(rule) for rule in rules}
		self.turns = {rule.name: Turn(rule, owners) for rule in rules if rule.assign_to == IN_TURN}

	def user_for(self, rule: str | None, customer: str) -> str | None:
		"""The first who is there. Of a rule that is gone: the account manager, or the next in line."""
		user = self.turns[rule].next(self.capacity) if rule in self.turns else None
		return user or next(self.owners.in_line(customer, self.first.get(rule, ACCOUNT_MANAGER)), None)


class Turn:
	"""The users of a role, one after the other from where the last run stopped; whoever is full is passed over."""

	def __init__(self, rule: "frappe.Document | frappe._dict", owners: Owners) -> None:
		holders = frappe.get_all(
			"Has Role", filters={"role": rule.role, "parenttype": "User"}, pluck="parent"
		)
		self.users = sorted(user for user in set(holders) - {"Administrator", "Guest"} if owners.works(user))
		self.last = rule.last_user

	def next(self, capacity: Capacity) -> str | None:
		"""None where nobody has the role; where all are full, the one for whom it waits."""
		later = [user for user in self.users if user > (self.last or "")]
		in_turn = [*later, *(user for user in self.users if user not in later)]
		user = next(filter(capacity.has_room, in_turn), None)
		if user:
			self.last = user
		return user or next(iter(in_turn), None)
