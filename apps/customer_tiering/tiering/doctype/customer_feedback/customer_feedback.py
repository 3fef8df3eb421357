import frappe
from frappe import _
from frappe.model.document import Document
from frappe.utils import getdate, nowdate


class CustomerFeedback(Document):
	"""An answer of a customer; what it decides, engine.voice says."""

	def validate(self) -> None:
		self.refuse_coming_date()
		self.refuse_issue_of_somebody_else()

	def refuse_coming_date(self) -> None:
		if self.has_value_changed("feedback_date") and getdate(self.feedback_date) > getdate(nowdate()):
			frappe.throw(_("{0} can't be in the future.").format(_(self.meta.get_label("feedback_date"))))

	def refuse_issue_of_somebody_else(self) -> None:
		if not self.issue:
			return
		customer = frappe.db.get_value("Issue", self.issue, "customer")
		if customer and customer != self.customer:
			frappe.throw(
				_("{0} {1} is one of {2}.").format(_("Issue"), frappe.bold(self.issue), frappe.bold(customer))
			)
