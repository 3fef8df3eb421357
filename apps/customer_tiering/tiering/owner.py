"""Who follows up on a customer."""

from collections.abc import Collection, Iterator
from datetime import date
from functools import cached_property
from itertools import chain

import frappe

from customer_tiering.tiering.chunks import rows_of

ACCOUNT_MANAGER, SALES_TEAM, TERRITORY_MANAGER = "Account Manager", "Sales Team", "Territory Manager"
# Who is asked when the one who was chosen isn't there.
NEXT_IN_LINE = (ACCOUNT_MANAGER, SALES_TEAM, TERRITORY_MANAGER)
HIGHEST = 50  # levels of a tree of territories or sales persons that are climbed


def owner_of(customer: "frappe.Document") -> str | None:
	"""The account manager, else the sales team's member with the largest share, else the territory's manager, else the
	default user of Tiering Settings.

	Only enabled users who are not on leave count. None if there is nobody: the ToDo is then made without an assignee.
	"""
	return next(Owners([customer.name]).in_line(customer.name), None)


class Owners:
	"""Who is in charge of many customers; a few queries for all of them."""

	def __init__(
		self, customers: Collection[str], day: date | None = None, absent: Collection[str] = ()
	) -> None:
		self.customers = list(customers)
		self.absent = {*absent, *on_leave(day or frappe.utils.getdate())}
		self.default = frappe.db.get_single_value("Tiering Settings", "default_follow_up_user")

	def in_line(self, customer: str, first: str = ACCOUNT_MANAGER) -> Iterator[str]:
		"""The users in the order in which they are asked, each once: as chosen (`first`), then the next in line, then the default."""
		kinds = dict.fromkeys((first, *NEXT_IN_LINE))
		asked = set()
		for user in chain.from_iterable((*(self._users(kind, customer) for kind in kinds), [self.default])):
			if user not in asked and self.works(user):
				yield user
			asked.add(user)

	def works(self, user: str | None) -> bool:
		return bool(user) and user in self.enabled and user not in self.absent

	@cached_property
	def enabled(self) -> frozenset[str]:
		"""Users of the Desk: customers who may log in see no ToDo."""
		filters = {"enabled": 1, "user_type": "System User"}
		return frozenset(frappe.get_all("User", filters=filters, pluck="name"))

	def manager_of(self, user: str) -> str | None:
		"""Whom the user reports to as an employee, else the user of the nearest sales person above."""
		for employee in self._employees.values():
			if employee.user_id == user and employee.reports_to in self._employees:
				manager = self._employees[employee.reports_to].user_id
				if self.works(manager) and manager != user:
					return manager
		for person, above in self._sales_persons.items():
			if self._user_of(person) == user:
				for boss in self._climb(
					above.parent_sales_person, self._sales_persons, "parent_sales_person"
				):
					manager = self._user_of(boss)
					if self.works(manager) and manager != user:
						return manager
		return None

	def _users(self, kind: str, customer: str) -> list[str | None]:
		about = self._about.get(customer) or frappe._dict()
		if kind == ACCOUNT_MANAGER:
			return [about.account_manager]
		if kind == SALES_TEAM:
			return [self._user_of(person) for person in self._teams.get(customer, ())]
		if kind == TERRITORY_MANAGER:
			above = self._climb(about.territory, self._territories, "parent_territory")
			return [self._user_of(self._territories[name].territory_manager) for name in above]
		return [kind]  # a user's name

	@staticmethod
	def _climb(name: str | None, tree: dict[str, frappe._dict], parent: str) -> Iterator[str]:
		for _level in range(HIGHEST):
			if name not in tree:
				return
			yield name
			name = tree[name].get(parent)

	def _user_of(self, person: str | None) -> str | None:
		employee = self._sales_persons.get(person, {}).get("employee")
		return self._employees.get(employee, {}).get("user_id")

	@cached_property
	def _about(self) -> dict[str, frappe._dict]:
		rows = rows_of(
			"SELECT name, account_manager, territory FROM `tabCustomer` WHERE name IN %(names)s",
			self.customers,
		)
		return {row.name: row for row in rows}

	@cached_property
	def _teams(self) -> dict[str, list[str]]:
		teams: dict[str, list[str]] = {}
		rows = rows_of(
			"""SELECT parent, sales_person FROM `tabSales Team` WHERE parenttype = 'Customer' AND parent IN %(names)s
			ORDER BY parent, allocated_percentage DESC, idx""",
			self.customers,
		)
		for row in rows:
			teams.setdefault(row.parent, []).append(row.sales_person)
		return teams

	@cached_property
	def _sales_persons(self) -> dict[str, frappe._dict]:
		return _all("Sales Person", "employee", "parent_sales_person")

	@cached_property
	def _employees(self) -> dict[str, frappe._dict]:
		return _all("Employee", "user_id", "reports_to")

	@cached_property
	def _territories(self) -> dict[str, frappe._dict]:
		return _all("Territory", "territory_manager", "parent_territory")


def on_leave(day: date) -> set[str]:
	"""Users whose leave on that day is approved, where an app keeps Leave Applications."""
	if not frappe.db.exists("DocType", "Leave Application"):
		return set()
	leave, employee = frappe.qb.DocType("Leave Application"), frappe.qb.DocType("Employee")
	query = (
		frappe.qb.from_(leave)
		.join(employee)
		.on(employee.name == leave.employee)
		.select(employee.user_id)
		.where((leave.docstatus == 1) & (leave.status == "Approved"))
		.where((leave.from_date <= day) & (leave.to_date >= day))
	)
	return set(filter(None, query.run(pluck=True)))


def _all(doctype: str, *fields: str) -> dict[str, frappe._dict]:
	rows = frappe.get_all(doctype, fields=["name", *fields])
	return {row.name: row for row in rows}
