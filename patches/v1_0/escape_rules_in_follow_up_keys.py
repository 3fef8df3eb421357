"""Keys of follow-ups escape strokes in names of rules: what is there keeps being found, so that nothing is made twice."""

import frappe

from customer_tiering.follow_up.keys import in_sql


def execute() -> None:
	for doctype, rule in (("Follow Up", "rule"), ("ToDo", "follow_up_rule")):
		frappe.db.sql(
			f"""UPDATE IGNORE `tab{doctype}`
			SET follow_up_key = CONCAT({in_sql(rule)}, SUBSTRING(follow_up_key, CHAR_LENGTH({rule}) + 1))
			WHERE ({rule} LIKE %(stroke)s OR {rule} LIKE %(tilde)s)
				AND LEFT(follow_up_key, CHAR_LENGTH({rule}) + 1) = CONCAT({rule}, '|')""",
			{"stroke": "%|%", "tilde": "%~%"},
		)
