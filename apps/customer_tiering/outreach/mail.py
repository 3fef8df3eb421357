"""Puts a mail into the framework's queue: in our own layout, with a plain-text part and the headers for leaving with one click."""

from urllib.parse import urlsplit

import frappe
from frappe import _
from frappe.email.doctype.email_queue.email_queue import QueueBuilder
from frappe.email.email_body import get_email

from customer_tiering.outreach.names import new_touch_name
from customer_tiering.outreach.render import Mail
from customer_tiering.outreach.rows import insert_all, stamp
from customer_tiering.outreach.unsubscribe import short_url, unsubscribe_url

# The framework's sender folds headers again and encodes what doesn't fit into a line, which mail programs then don't understand.
LONGEST_HEADER = 77


def headers_problem() -> str | None:
	"""Why mail programs show no button of their own for leaving, in a sentence; None if they do."""
	url = short_url(unsubscribe_url(new_touch_name()))
	if len(f"<{url}>") <= LONGEST_HEADER:
		return None
	room = LONGEST_HEADER - len(f"<{url}>") + len(urlsplit(url).netloc)
	return _(
		"Mails carry no header for leaving with one click, which Gmail and Yahoo ask of bulk senders: with more than {0} letters the site's address is too long for it. Set a shorter host_name in the site's configuration."
	).format(room)


class OutreachMail(QueueBuilder):
	"""The framework's own builder, but with the HTML as it is, and RFC 8058's headers where there is an address for them."""

	def __init__(self, mail: Mail, leave_url: str | None, **values: object) -> None:
		super().__init__(
			subject=mail.subject, message=mail.html, text_content=mail.text, add_unsubscribe_link=0, **values
		)
		self.leave_url = leave_url
		self.is_known_to_be_welcome = False

	def get_unsubscribed_user_emails(self) -> list[str]:
		return [] if self.is_known_to_be_welcome else super().get_unsubscribed_user_emails()

	def prepare_email_content(self) -> object:
		account = self.get_outgoing_email_account()
		if account.get("always_bcc"):
			self._bcc = [account.always_bcc]
		email = get_email(
			recipients=self.final_recipients(),
			sender=self.sender,
			subject=self.subject,
			content=self._message,
			formatted=self._message,
			text_content=self._text_content,
			reply_to=self.reply_to,
			bcc=self.bcc,
			email_account=account,
		)
		email.set_message_id(self.message_id, self.is_notification)
		value = f"<{short_url(self.leave_url)}>" if self.leave_url else ""
		if value and len(value) <= LONGEST_HEADER:
			email.msg_root["List-Unsubscribe"] = value
			if self.leave_url.startswith("https://"):  # RFC 8058 asks for it
				email.msg_root["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
		return email


class Outbox:
	"""Mails that are inserted into the Email Queue together: by itself each would cost as much as all that comes before."""

	def __init__(self) -> None:
		self.rows: list[dict] = []
		self.recipients: list[dict] = []
		self.fields = set(frappe.get_meta("Email Queue").get_valid_columns())

	def put(self, builder: OutreachMail) -> frappe._dict | None:
		"""The row to be: its name and Message-ID. Whether the address wants no mails was asked before."""
		builder.is_known_to_be_welcome = True
		_ask_only_once_for(builder.get_outgoing_email_account())
		values = builder.as_dict(include_recipients=False)
		if not values:
			return None
		row = {**stamp(), "name": frappe.generate_hash(length=10), "status": "Not Sent"}
		row |= {field: value for field, value in values.items() if field in self.fields}
		self.rows.append(row)
		for number, address in enumerate({*builder.final_recipients(), *builder.bcc}, start=1):
			place = {
				"parent": row["name"],
				"parenttype": "Email Queue",
				"parentfield": "recipients",
				"idx": number,
			}
			state = {"name": frappe.generate_hash(length=10), "recipient": address, "status": "Not Sent"}
			self.recipients.append({**stamp(), **place, **state})
		return frappe._dict(name=row["name"], message_id=row["message_id"])

	def write(self) -> None:
		insert_all("Email Queue", self.rows)
		insert_all("Email Queue Recipient", self.recipients)
		self.drop()

	def drop(self) -> None:
		self.rows, self.recipients = [], []


def _ask_only_once_for(account: "frappe.Document") -> None:
	"""The framework reads the account again for each mail, to see whether it exists."""
	exists = bool(account.is_exists_in_db())
	account.is_exists_in_db = lambda: exists


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
	outbox: Outbox | None = None,
) -> "frappe.Document | None":
	"""The Email Queue row, inserted in the caller's transaction: with `now` it is sent and committed at once, with an `outbox` it is
	inserted when that is written. None if the framework refuses the address. Raises OutgoingEmailError without an outgoing account.
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
	if outbox:
		return outbox.put(builder)
	return builder.process(send_now=now) or None
