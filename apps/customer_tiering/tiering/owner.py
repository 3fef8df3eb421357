"""Who follows up on a customer."""

import frappe


def owner_of(customer: "frappe.Document") -> str | None:
	"""The account manager, else the first sales person with a user, else the default user of Tiering Settings.

	Only enabled users count. None if there is nobody: the ToDo is then made without an assignee.
	"""
	default = frappe.db.get_single_value("Tiering Settings", "default_follow_up_user")
	for user in (customer.account_manager, *_sales_team_users(customer), default):
		if user and frappe.db.get_value("User", user, "enabled"):
			return user
	return None


def _sales_team_users(customer: "frappe.Document") -> list[str]:
	users = []
	for member in customer.sales_team:
		employee = frappe.db.get_value("Sales Person", member.sales_person, "employee")
		users.append(frappe.db.get_value("Employee", employee, "user_id") if employee else None)
	return users
