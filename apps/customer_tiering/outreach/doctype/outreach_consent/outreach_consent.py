import frappe
from frappe import _
from frappe.model.document import Document
from frappe.utils import get_datetime, now_datetime

from customer_tiering.outreach.recipients import mobile_of, recipient_of
from customer_tiering.outreach.suppress import suppress

EMAIL, WITHDRAWN = "Email", "Withdrawn"


class OutreachConsent(Document):
	"""What a customer said, once: the next word is another record."""

	def validate(self) -> None:
		if not self.is_new():
			frappe.throw(_("A consent is not changed afterwards. Add what the customer says now."))
		if get_datetime(self.decided_on) > now_datetime():
			frappe.throw(_("{0} lies in the future.").format(_("Decided On")))
		customer = None if self.address else frappe.get_doc("Customer", self.customer)
		found = customer and (recipient_of if self.channel == EMAIL else mobile_of)(customer)
		self.address = (self.address or (found.address if found else "")).strip().lower()
		if not self.address:
			frappe.throw(_("The customer has no address for this channel. Say which one it is."))

	def after_insert(self) -> None:
		if self.decision == WITHDRAWN and self.channel == EMAIL:
			suppress(self.address, "Consent withdrawn", customer=self.customer)

	def on_trash(self) -> None:
		frappe.throw(_("A consent is not deleted. Add what the customer says now."))
