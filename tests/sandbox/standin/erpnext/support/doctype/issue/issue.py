import frappe
from frappe.model.document import Document


class Issue(Document):
	def validate(self) -> None:
		if self.is_new() and not self.raised_by:
			self.raised_by = frappe.session.user
		if self.customer and not self.customer_name:
			self.customer_name = frappe.db.get_value("Customer", self.customer, "customer_name")
