import frappe
from frappe import _
from frappe.model.document import Document
from frappe.utils import getdate, nowdate

FIRST_YEAR = 1900


class CustomerFeedback(Document):
	"""An answer of a customer; what it decides, engine.voice says."""

	def validate(self) -> None:
		self.refuse_other_days()
		self.refuse_issue_of_somebody_else()

	def refuse_other_days(self) -> None:
		if not self.has_value_changed("feedback_date"):
			return
		day = getdate(self.feedback_date)  # None for the first day of all
		if not day or day > getdate(nowdate()) or day.year < FIRST_YEAR:
			label = _(self.meta.get_label("feedback_date"))
			frappe.throw(_("{0} must be a day from {1} until today.").format(label, FIRST_YEAR))

	def refuse_issue_of_somebody_else(self) -> None:
		if not self.issue:
			return
		customer = frappe.db.get_value("Issue", self.issue, "customer")
		if customer and customer != self.customer:
			frappe.throw(
				_("{0} {1} is one of {2}.").format(_("Issue"), frappe.bold(self.issue), frappe.bold(customer))
			)
