"""How many follow-ups a rep gets in a day."""

from collections import Counter
from datetime import date
from functools import cached_property

import frappe
from frappe.utils import cint

NO_LIMIT = 10**9


class Capacity:
	"""What room each user has left on a day: by the user's own row in Tiering Settings, else the largest of the roles', else
	the general one."""

	def __init__(self, day: date) -> None:
		settings = frappe.get_single("Tiering Settings")
		rows = settings.get("follow_up_capacity") or ()
		self.general = cint(settings.get("follow_ups_per_day")) or NO_LIMIT
		self.of_user = {row.user: cint(row.per_day) for row in rows if row.user}
		self.of_role = {row.role: cint(row.per_day) for row in rows if row.role and not row.user}
		self.used = Counter(
			frappe.get_all("Follow Up", filters={"handed_out_on": day, "user": ("is", "set")}, pluck="user")
		)
		self._limits: dict[str, int] = {}

	@cached_property
	def away(self) -> set[str]:
		"""Users who are to get none at all: by their own row, or by their roles'."""
		users = set(self.of_user)
		if not all(self.of_role.values()):
			users.update(frappe.get_all("User", filters={"enabled": 1}, pluck="name"))
		return {user for user in users if not self.limit(user)}

	def limit(self, user: str) -> int:
		if user not in self._limits:
			self._limits[user] = self._limit(user)
		return self._limits[user]

	def has_room(self, user: str) -> bool:
		return self.used[user] < self.limit(user)

	def take(self, user: str) -> None:
		self.used[user] += 1

	def _limit(self, user: str) -> int:
		if user in self.of_user:
			return self.of_user[user]
		roles = self.of_role.keys() & set(frappe.get_roles(user)) if self.of_role else ()
		return max((self.of_role[role] for role in roles), default=self.general)
