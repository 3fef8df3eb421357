import frappe
from frappe.utils.nestedset import NestedSet


class Account(NestedSet):
	nsm_parent_field = "parent_account"

	def autoname(self) -> None:
		self.name = f"{self.account_name} - {frappe.get_cached_value('Company', self.company, 'abbr')}"
