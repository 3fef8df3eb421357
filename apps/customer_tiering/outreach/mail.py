"""Puts a mail into the framework's queue: in our own layout, with a plain-text part and the headers for leaving with one click."""

import frappe
from frappe.email.doctype.email_queue.email_queue import QueueBuilder

from customer_tiering.outreach.render import Mail

# The framework's sender folds headers again and encodes longer values, which mail programs then don't understand.
LONGEST_HEADER = 74


class OutreachMail(QueueBuilder):
	"""The framework's own builder, but with the HTML as it is, and RFC 8058's headers where there is an address for them."""

	def __init__(self, mail: Mail, leave_url: str | None, **values: object) -> None:
		super().__init__(
			subject=mail.subject, message=mail.html, text_content=mail.text, add_unsubscribe_link=0, **values
		)
		self.leave_url = leave_url

	def email_html_content(self) -> str:
		return self._message

	def prepare_email_content(self) -> object:
		email = super().prepare_email_content()
		value = f"<{self.leave_url}>"
		if self.leave_url and len(value) <= LONGEST_HEADER:
			email.msg_root["List-Unsubscribe"] = value
			if self.leave_url.startswith("https://"):  # RFC 8058 asks for it
				email.msg_root["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
		return email


def queue_mail(
	mail: Mail,
	*,
	to: str,
	sender: str | None,
	reply_to: str | None,
	customer: str,
	message_id: str | None = None,
	leave_url: str | None = None,
	now: bool = False,
) -> "frappe.Document | None":
	"""The Email Queue row, inserted in the caller's transaction (with `now` it is sent and committed at once); None if the
	framework refuses the address. Raises OutgoingEmailError without an outgoing account.
	"""
	builder = OutreachMail(
		mail,
		leave_url,
		recipients=[to],
		sender=sender,
		reply_to=reply_to,
		reference_doctype="Customer",
		reference_name=customer,
		message_id=message_id,
	)
	return builder.process(send_now=now) or None
