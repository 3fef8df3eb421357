import frappe
from frappe import _
from frappe.model.document import Document
from frappe.utils import validate_email_address

from customer_tiering.outreach.address import comparable


class OutreachSuppression(Document):
	def validate(self) -> None:
		"""As it is written it must stop something: what we write to is written the same way."""
		address = comparable(self.address)
		is_mail = "@" in address
		if not address or (not validate_email_address(address) if is_mail else _has_letters(self.address)):
			frappe.throw(_("Give one e-mail address or one telephone number."))
		self.address = address


def _has_letters(text: str) -> bool:
	return any(letter.isalpha() for letter in text)
