import frappe
from frappe import _
from frappe.model.document import Document
from frappe.utils import validate_email_address

from customer_tiering.outreach.address import comparable


class OutreachSuppression(Document):
	def validate(self) -> None:
		"""As it is written it must stop something: what we write to is written the same way."""
		address = comparable(self.address)
		if not address or ("@" in address and not validate_email_address(address)):
			frappe.throw(_("Give one e-mail address or one telephone number."))
		self.address = address
