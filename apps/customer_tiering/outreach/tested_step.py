"""The step that an experiment is about: its two variants, which stay as they are while it runs."""

import frappe
from frappe import _
from frappe.utils import cint, escape_html

CLICK, ORDER = "Click", "Order"
RUNNING = "Running"
# What a customer gets, and who gets it
DECIDING = (
	"variant",
	"weight",
	"day_offset",
	"channel",
	"buying_role",
	"email_template",
	"preview_text",
	"message",
	"webhook_url",
	"offer",
)


def tested_rows(sequence: "frappe.Document", step: str) -> list["frappe.Document"]:
	"""The variants of the step that customers get, by name."""
	rows = [row for row in sequence.steps if row.step_key == step and row.variant and cint(row.weight) > 0]
	return sorted(rows, key=lambda row: row.variant)


def step_title(rows: list["frappe.Document"]) -> str:
	"""How people call the step of these rows."""
	return _("Day {0}: {1}").format(rows[0].day_offset, ", ".join(row.variant for row in rows))


def refuse_changes(sequence: "frappe.Document") -> None:
	"""Raise ValidationError if a step under test was changed: the messages would not be those that are compared."""
	before = sequence.get_doc_before_save()
	running = {"sequence": sequence.name, "status": RUNNING}
	for test in frappe.get_all("Outreach Experiment", running, ["name", "step"]) if before else ():
		if _what(before, test.step) != _what(sequence, test.step):
			frappe.throw(
				_(
					"The step of day {0} is being tested by {1}. End the experiment before you change it."
				).format(tested_rows(before, test.step)[0].day_offset, frappe.bold(escape_html(test.name))),
				title=_("Experiment"),
			)


def _what(sequence: "frappe.Document", step: str) -> list[tuple]:
	rows = tested_rows(sequence, step)
	return [tuple(str(row.get(field) or "") for field in DECIDING) for row in rows]
