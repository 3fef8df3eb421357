"""What waited for something when its enrollment ended was left waiting for ever."""

import frappe

from customer_tiering.outreach.held_back import drop_held_back

LEFT = """
	SELECT enrollment.name, COALESCE(enrollment.exit_reason, enrollment.status) FROM `tabOutreach Enrollment` enrollment
	WHERE enrollment.status != 'Active'
		AND EXISTS (SELECT 1 FROM `tabOutreach Touch` touch WHERE touch.enrollment = enrollment.name AND touch.status = 'Deferred')
"""


def execute() -> None:
	for enrollment, ended in frappe.db.sql(LEFT):
		drop_held_back([enrollment], ended)
