"""Addresses of webhooks carry keys: touches, which reps read, and versions of sequences keep them no more."""

import frappe


def execute() -> None:
	frappe.db.sql(
		"""UPDATE `tabOutreach Touch` SET
			address = SUBSTRING_INDEX(SUBSTRING_INDEX(SUBSTRING_INDEX(SUBSTRING_INDEX(
				address, '://', -1), '/', 1), '?', 1), '@', -1),
			touch_key = CONCAT(enrollment, '|', step, '|', address)
		WHERE channel = 'Webhook' AND address LIKE '%%://%%'"""
	)
	frappe.db.sql(
		"""UPDATE `tabOutreach Touch` SET reason = REGEXP_REPLACE(reason, '[^ ]*(://|[?&=])[^ ]*', '…')
		WHERE channel IN ('SMS', 'Webhook') AND reason IS NOT NULL"""
	)
	frappe.db.sql(
		"DELETE FROM `tabVersion` WHERE ref_doctype = 'Outreach Sequence' AND data LIKE '%%webhook_url%%'"
	)
