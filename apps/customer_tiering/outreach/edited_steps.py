"""What editing the steps of a sequence means for customers who are under way."""

import frappe
from frappe import _

from customer_tiering.outreach.crowd import REACHED
from customer_tiering.outreach.reminders import is_reminder
from customer_tiering.outreach.steps import CALL

PASSED = """
	SELECT COUNT(*) FROM `tabOutreach Enrollment` enrollment
	WHERE enrollment.sequence = %(sequence)s AND enrollment.status = 'Active' AND enrollment.is_holdout = 0
		AND EXISTS (
			SELECT 1 FROM `tabOutreach Touch` later
			WHERE later.enrollment = enrollment.name AND later.status != 'Deferred' AND later.day_offset > %(day)s
				AND (later.channel = 'Call Task') = %(is_call)s AND later.step NOT LIKE '%%-r'
		) AND NOT EXISTS (
			SELECT 1 FROM `tabOutreach Touch` own
			WHERE own.enrollment = enrollment.name AND own.status != 'Deferred' AND own.step = %(step)s
		)
"""


def forget_keys_of_others(sequence: "frappe.Document") -> None:
	"""A copy's steps are others: what was sent by the first sequence was not sent by it."""
	keys = [row.step_key for row in sequence.steps if row.step_key]
	others = {"step_key": ("in", keys or [""]), "parent": ("!=", sequence.name or "")}
	found = set(frappe.get_all("Outreach Step", others, pluck="step_key"))
	for row in sequence.steps:
		row.step_key = None if row.step_key in found else row.step_key


def key_of_removed(sequence: "frappe.Document", step: "frappe.Document") -> str | None:
	"""Of a step that was taken away and comes back on its day: who got it then doesn't get it again. Mails are known by their
	template, others by their channel.
	"""
	if sequence.is_new():
		return None
	same = {
		"sequence": sequence.name,
		"day_offset": step.day_offset,
		"channel": step.channel,
		"status": ("in", REACHED),
		"step": ("not in", [row.step_key for row in sequence.steps if row.step_key] or [""]),
	}
	if step.channel == "Email":
		same["email_template"] = step.email_template
	found = frappe.get_all("Outreach Touch", same, ["step"], order_by="creation desc", limit=20)
	return next((touch.step for touch in found if not is_reminder(touch)), None)


def warn_of_steps_left_out(sequence: "frappe.Document") -> None:
	"""A step that is put on a day that some have behind them does not go to these."""
	before = sequence.get_doc_before_save()
	days = {row.step_key: row.day_offset for row in (before.steps if before else ())}
	for step in {row.step_key: row for row in sequence.steps}.values():
		if not before or days.get(step.step_key) == step.day_offset:
			continue
		values = {"sequence": sequence.name, "step": step.step_key, "day": step.day_offset}
		passed = frappe.db.sql(PASSED, {**values, "is_call": step.channel == CALL}, pluck=True)[0]
		if passed:
			frappe.msgprint(
				_(
					"Day {0}: {1} customers who are under way are past this day, and don't get this step."
				).format(step.day_offset, passed),
				title=_("Steps"),
				indicator="orange",
			)
