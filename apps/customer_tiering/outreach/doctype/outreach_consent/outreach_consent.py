import frappe
from frappe import _
from frappe.model.document import Document
from frappe.utils import get_datetime, now_datetime

from customer_tiering.outreach.address import comparable
from customer_tiering.outreach.consent import GIVEN, last_word
from customer_tiering.outreach.crowd import Crowd
from customer_tiering.outreach.recipients import mobile_of, recipient_of
from customer_tiering.outreach.suppress import lift, suppress
from customer_tiering.tiering.permissions import is_manager

EMAIL = "Email"
PREFERENCE_PAGE = "Preference Page"


class OutreachConsent(Document):
	"""What a customer said, once: the next word is another record."""

	def validate(self) -> None:
		if not self.is_new():
			frappe.throw(_("A consent is not changed afterwards. Add what the customer says now."))
		if get_datetime(self.decided_on) > now_datetime() and not self.flags.ignore_permissions:
			frappe.throw(_("{0} lies in the future.").format(_("Decided On")))
		customer = None if self.address else frappe.get_doc("Customer", self.customer)
		found = customer and (recipient_of if self.channel == EMAIL else mobile_of)(customer)
		self.address = comparable(self.address or (found.address if found else ""))
		if not self.address:
			frappe.throw(_("The customer has no address for this channel. Say which one it is."))
		if not self.flags.ignore_permissions:  # as the reader's own words are noted
			self.refuse_words_of_others()

	def refuse_words_of_others(self) -> None:
		"""Nobody speaks for the reader, and a rep only for the addresses of the customer."""
		if self.source == PREFERENCE_PAGE:
			frappe.throw(_("Only the reader's own page says {0}.").format(_(PREFERENCE_PAGE)))
		if not is_manager() and self.address not in Crowd([self.customer]).addresses_of(self.customer):
			frappe.throw(_("This is no address of the customer. Note it in a contact first."))

	def after_insert(self) -> None:
		"""The last word counts, also where an older one is noted after it."""
		if last_word(self.channel, self.address).decision != self.decision:
			return
		if self.decision == GIVEN:
			lift(self.address, of_sequences=False)
		elif self.channel == EMAIL:
			suppress(self.address, "Consent withdrawn", customer=self.customer)

	def on_trash(self) -> None:
		frappe.throw(_("A consent is not deleted. Add what the customer says now."))
