import frappe
from frappe import _
from frappe.model.document import Document
from frappe.utils import flt, getdate


class CurrencyExchange(Document):
	def autoname(self) -> None:
		purposes = {(1, 0): "-Buying", (0, 1): "-Selling"}
		purpose = purposes.get((self.for_buying, self.for_selling), "")
		self.name = f"{getdate(self.date):%Y-%m-%d}-{self.from_currency}-{self.to_currency}{purpose}"

	def validate(self) -> None:
		if flt(self.exchange_rate) <= 0:
			frappe.throw(_("Exchange Rate must be above 0"))
		if self.from_currency == self.to_currency:
			frappe.throw(_("From Currency and To Currency cannot be same"))
		if not (self.for_buying or self.for_selling):
			frappe.throw(_("Currency Exchange must be applicable for Buying or for Selling."))
