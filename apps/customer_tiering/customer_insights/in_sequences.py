"""How many customers are in a sequence now."""

import frappe

from customer_tiering.customer_insights.filters import visible_customers

GETS_SOMETHING = {"status": "Active", "is_holdout": 0}


@frappe.whitelist()
def count_customers(filters: str | dict | None = None) -> dict:
	"""For the card on the workspace: {"value", "fieldtype", "route", "route_options"}; customers who are in several sequences are one,
	who is held out gets nothing and is none. Raises PermissionError for who sees no customer.
	"""
	frappe.has_permission("Customer", "read", throw=True)
	found = frappe.db.sql(
		f"""SELECT COUNT(DISTINCT enrollment.customer) FROM `tabOutreach Enrollment` enrollment
		LEFT JOIN `tabCustomer` ON `tabCustomer`.name = enrollment.customer
		WHERE enrollment.status = %(status)s AND enrollment.is_holdout = %(is_holdout)s AND {visible_customers()}""",
		GETS_SOMETHING,
	)
	return {
		"value": found[0][0],
		"fieldtype": "Int",
		"route": ["List", "Outreach Enrollment"],
		"route_options": GETS_SOMETHING,
	}
