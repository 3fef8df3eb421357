import frappe
from frappe import _
from frappe.model.document import Document
from frappe.utils import cint, escape_html
from jinja2 import TemplateSyntaxError

from customer_tiering.tiering.readers import start_from_now
from customer_tiering.tiering.templates import compile_text

LARGEST_DELAY = 365


class FollowUpRule(Document):
	def validate(self) -> None:
		if cint(self.due_in_days) < 0:
			frappe.throw(_("{0} can't be negative.").format(_("Due in Days")))
		if cint(self.due_in_days) > LARGEST_DELAY:
			frappe.throw(_("{0} must be {1} or less.").format(_("Due in Days"), LARGEST_DELAY))
		self.refuse_bad_text()
		start_from_now(self)

	def refuse_bad_text(self) -> None:
		try:
			compile_text(self.description)
		except TemplateSyntaxError as error:
			frappe.throw(
				_("{0}, line {1}: {2}").format(
					_(self.meta.get_label("description")), error.lineno, escape_html(error.message)
				)
			)
