import frappe
from frappe import _
from frappe.model.document import Document
from frappe.utils import cint

SMALLEST, LARGEST_WINDOW, LARGEST_SCORE = 1, 120, 5


class TieringSettings(Document):
	def validate(self) -> None:
		self.refuse_out_of_range("window_months", LARGEST_WINDOW)
		self.refuse_out_of_range("high_frequency_orders", None)
		self.refuse_out_of_range("near_score", LARGEST_SCORE)
		self.refuse_out_of_range("high_score", LARGEST_SCORE)
		self.refuse_disabled_user()
		self.refuse_unused_currency()

	def refuse_out_of_range(self, field: str, largest: int | None) -> None:
		value = cint(self.get(field))
		label = _(self.meta.get_label(field))
		if value < SMALLEST:
			frappe.throw(_("{0} must be {1} or more.").format(label, SMALLEST))
		if largest and value > largest:
			frappe.throw(_("{0} must be {1} or less.").format(label, largest))

	def refuse_disabled_user(self) -> None:
		user = self.default_follow_up_user
		if user and not frappe.db.get_value("User", user, "enabled"):
			frappe.throw(
				_("{0}: the user {1} is disabled.").format(
					_(self.meta.get_label("default_follow_up_user")), user
				)
			)

	def refuse_unused_currency(self) -> None:
		"""With a currency in which nobody keeps books, the next run would take everybody's tier away."""
		used = set(frappe.get_all("Company", pluck="default_currency"))
		if self.reporting_currency and used and self.reporting_currency not in used:
			frappe.throw(
				_("{0}: no company keeps its books in {1}.").format(
					_(self.meta.get_label("reporting_currency")), self.reporting_currency
				)
			)
