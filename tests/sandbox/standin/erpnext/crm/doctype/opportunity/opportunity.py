import frappe
from frappe.model.document import Document
from frappe.utils import flt

NAMES = {"Customer": "customer_name", "Lead": "lead_name"}


class Opportunity(Document):
	def validate(self) -> None:
		if not self.customer_name and self.opportunity_from in NAMES:
			self.customer_name = frappe.db.get_value(
				self.opportunity_from, self.party_name, NAMES[self.opportunity_from]
			)
		self.title = self.title or self.customer_name or self.party_name
		rate = flt(self.conversion_rate) or 1
		for item in self.items:
			item.amount = flt(item.qty) * flt(item.rate)
			item.base_rate, item.base_amount = flt(item.rate) * rate, item.amount * rate
		self.total = sum(item.amount for item in self.items)
		self.base_total = self.total * rate
		self.base_opportunity_amount = flt(self.opportunity_amount) * rate
