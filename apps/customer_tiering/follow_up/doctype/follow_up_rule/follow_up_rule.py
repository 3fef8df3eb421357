import frappe
from frappe import _
from frappe.model.document import Document
from frappe.utils import cint
from frappe.utils.jinja import validate_template

from customer_tiering.tiering.ledger import start_from_now


class FollowUpRule(Document):
	def validate(self) -> None:
		if cint(self.due_in_days) < 0:
			frappe.throw(_("{0} can't be negative.").format(_("Due in Days")))
		validate_template(self.description)
		start_from_now(self)
