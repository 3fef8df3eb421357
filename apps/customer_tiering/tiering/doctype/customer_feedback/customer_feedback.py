import frappe
from frappe import _
from frappe.model.document import Document
from frappe.utils import getdate, nowdate

FIRST_YEAR = 1900
WEB_FORM = "Web Form"


class CustomerFeedback(Document):
	"""An answer of a customer; what it decides, engine.voice says."""

	def validate(self) -> None:
		if not self.flags.ignore_permissions:  # as the answer behind a link is noted
			self.refuse_words_of_others()
		self.refuse_other_days()
		self.refuse_issue_of_somebody_else()

	def refuse_words_of_others(self) -> None:
		"""What a customer answered is nobody's to change, nor to make up."""
		before = self.get_doc_before_save()
		if self.touch or (before and before.touch):
			frappe.throw(
				_("What the customer answered is not changed. Add what you know as feedback of its own.")
			)
		if self.source == WEB_FORM and not (before and before.source == WEB_FORM):
			frappe.throw(
				_("Only what a customer answered in the browser has the source {0}.").format(_(WEB_FORM))
			)

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
