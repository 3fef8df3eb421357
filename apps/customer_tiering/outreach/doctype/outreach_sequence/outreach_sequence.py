import frappe
from frappe import _
from frappe.model.document import Document
from frappe.utils import cint, getdate

from customer_tiering.tiering.readers import start_from_now


class OutreachSequence(Document):
	def validate(self) -> None:
		self.refuse_bad_days()
		self.refuse_bad_templates()
		start_from_now(self)

	def on_update(self) -> None:
		"""Who is under way follows the new steps: the next dispatch works out again when the next mail is due."""
		frappe.db.sql(
			"""UPDATE `tabOutreach Enrollment` SET next_due_on = entered_on
			WHERE sequence = %s AND status = 'Active'""",
			self.name,
		)

	def on_trash(self) -> None:
		from customer_tiering.outreach.exits import end

		for name in frappe.get_all(
			"Outreach Enrollment", {"sequence": self.name, "status": "Active"}, pluck="name"
		):
			end(frappe.get_doc("Outreach Enrollment", name, for_update=True), "Deleted", getdate())

	def refuse_bad_days(self) -> None:
		days = [cint(step.day_offset) for step in self.steps]
		for step in self.steps:
			if cint(step.day_offset) < 0:
				frappe.throw(_("Row {0}: {1} can't be negative.").format(step.idx, _("Day")))
			if days.count(cint(step.day_offset)) > 1:
				frappe.throw(_("Row {0}: day {1} is there twice.").format(step.idx, step.day_offset))
		self.steps.sort(key=lambda step: cint(step.day_offset))
		for number, step in enumerate(self.steps, start=1):
			step.idx = number

	def refuse_bad_templates(self) -> None:
		from customer_tiering.outreach.render import SAMPLE, RenderError, render

		for step in self.steps:
			try:
				render(frappe.get_doc("Email Template", step.email_template), SAMPLE)
			except RenderError as error:
				frappe.throw(
					_("Row {0}: the template {1} can't be filled in: {2}").format(
						step.idx, frappe.bold(step.email_template), frappe.utils.escape_html(str(error))
					)
				)
