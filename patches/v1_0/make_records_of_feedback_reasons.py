"""The reason of a Customer Feedback was free text: what was written becomes records, which surveys do not offer."""

import frappe

from customer_tiering.setup.seed import read_defaults

FEEDBACK, REASON = "Customer Feedback", "Feedback Reason"
LONGEST = 100
AFTER_THE_OTHERS = 1000


def execute() -> None:
	if not frappe.db.count(
		REASON
	):  # seeds come after patches, and would leave alone what has the name of one
		for record in read_defaults("feedback_reason"):
			frappe.get_doc(record).insert(ignore_permissions=True)
	for text in _written():
		_name(text)
	frappe.db.sql(  # a link is written as the record is, and the database doesn't tell "price" from "Price"
		f"""UPDATE `tab{FEEDBACK}` feedback JOIN `tab{REASON}` reason ON reason.name = feedback.reason
		SET feedback.reason = reason.name"""
	)


def _written() -> list[str]:
	return frappe.db.sql(
		f"""SELECT DISTINCT reason FROM `tab{FEEDBACK}` feedback
		WHERE reason > '' AND NOT EXISTS (SELECT 1 FROM `tab{REASON}` known WHERE known.name = feedback.reason)""",
		pluck=True,
	)


def _name(text: str) -> None:
	"""Put a record in the place of the text; what of it a name can't hold stays in the comment."""
	words = " ".join(text.split())
	name = words.replace("<", "").replace(">", "")[:LONGEST].strip()
	if name and not frappe.db.exists(REASON, name):
		frappe.get_doc(doctype=REASON, reason=name, position=AFTER_THE_OTHERS, disabled=1).insert(
			ignore_permissions=True
		)
	if name != words:
		frappe.db.sql(
			f"""UPDATE `tab{FEEDBACK}` SET comment = CONCAT_WS('\n', NULLIF(comment, ''), %(words)s)
			WHERE reason = %(text)s""",
			{"words": text.strip(), "text": text},
		)
	frappe.db.sql(
		f"UPDATE `tab{FEEDBACK}` SET reason = %(name)s WHERE reason = %(text)s",
		{"name": name or None, "text": text},
	)
