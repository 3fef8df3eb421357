"""Steps got keys of their own that touches remember, and enrollments the last order that was known when they began."""

import frappe


def execute() -> None:
	frappe.db.sql("UPDATE `tabOutreach Step` SET step_key = name WHERE COALESCE(step_key, '') = ''")
	frappe.db.sql(
		"""UPDATE `tabOutreach Enrollment` enrollment JOIN `tabTiering Event` event ON event.name = enrollment.event
		SET enrollment.last_order_date = event.last_order_date WHERE enrollment.last_order_date IS NULL"""
	)
