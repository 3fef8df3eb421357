"""The framework's Email Account, which also looks for notifications of undelivered mails and for automatic answers among what arrives.

They must be seen before the framework makes Communications of them: those keep nothing of the machine-readable part.
"""

from collections.abc import Callable
from email.message import Message
from functools import partial

import frappe
from frappe.email.doctype.email_account.email_account import EmailAccount

from customer_tiering.outreach.bounces import note_bounce

# RFC 3834, and what mail programs used before it and beside it
AUTO_SUBMITTED, PRECEDENCE = "Auto-Submitted", "Precedence"
AUTOMATIC_PRECEDENCE = ("bulk", "junk", "auto_reply", "list")
OLDER = ("X-Autoreply", "X-Autorespond", "X-Auto-Reply-From")


def is_automatic(mail: Message) -> bool:
	"""Whether a machine wrote it, like an out-of-office answer: nobody has answered then."""
	submitted = str(mail.get(AUTO_SUBMITTED) or "no").split(";")[0].strip().lower()
	precedence = str(mail.get(PRECEDENCE) or "").strip().lower()
	return submitted != "no" or precedence in AUTOMATIC_PRECEDENCE or any(mail.get(name) for name in OLDER)


def _as_automatic(as_dict: Callable[[], dict]) -> dict:
	"""What the Communication is made of."""
	return {**as_dict(), "is_automatic_answer": 1}


class WatchfulEmailAccount(EmailAccount):
	def get_inbound_mails(self) -> list:
		mails = super().get_inbound_mails()
		for mail in mails:
			if is_automatic(mail.mail):
				mail.as_dict = partial(_as_automatic, mail.as_dict)
			try:
				note_bounce(mail.mail)
				frappe.db.commit()
			except Exception:  # whatever is wrong with it, the mail itself must arrive
				frappe.db.rollback()
				frappe.log_error(title="Outreach: a bounce could not be read")
		return mails
