import frappe
from frappe import _
from frappe.model.document import Document
from frappe.utils import strip


class CouponCode(Document):
	def autoname(self) -> None:
		self.coupon_name = strip(self.coupon_name)
		self.name = self.coupon_name
		if not self.coupon_code:
			promotional = self.coupon_type == "Promotional"
			letters = "".join(letter for letter in self.coupon_name if letter.isalpha())
			self.coupon_code = letters[:8].upper() if promotional else frappe.generate_hash()[:10].upper()

	def validate(self) -> None:
		if self.coupon_type == "Gift Card":
			self.maximum_use = 1
			if not self.customer:
				frappe.throw(_("Please select the customer."))
