"""The framework's Email Account, which also looks for notifications of undelivered mails among what arrives.

They must be seen before the framework makes Communications of them: those keep nothing of the machine-readable part.
"""

import frappe
from frappe.email.doctype.email_account.email_account import EmailAccount

from customer_tiering.outreach.bounces import note_bounce


class WatchfulEmailAccount(EmailAccount):
	def get_inbound_mails(self) -> list:
		mails = super().get_inbound_mails()
		for mail in mails:
			try:
				note_bounce(mail.mail)
				frappe.db.commit()
			except Exception:  # whatever is wrong with it, the mail itself must arrive
				frappe.db.rollback()
				frappe.log_error(title="Outreach: a bounce could not be read")
		return mails
