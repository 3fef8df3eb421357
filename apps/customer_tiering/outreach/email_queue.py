"""The framework's Email Queue, but a mail of ours is handed to the mail server once at most, whoever sends the queue and how often.

As it is, the framework sends a mail again whenever something goes wrong: also where the server took the mail and only its answer,
or the note of it, was lost. And two workers that send the queue at the same time send some mails twice (frappe#35334).
"""

import sys
import traceback

import frappe
from frappe import _
from frappe.email.doctype.email_queue.email_queue import EmailQueue
from frappe.utils import now_datetime

from customer_tiering.outreach import restored
from customer_tiering.outreach.channels import Skip
from customer_tiering.outreach.deferral import Deferral
from customer_tiering.outreach.last_look import look
from customer_tiering.outreach.sent import note_left

WAITING = ("Not Sent", "Partially Sent")
# Of smtplib, the framework's own mail service, and the framework's note of a mail that was taken: what breaks off in there
# may have gone out.
UNDER_WAY = {"data", "send_raw", "update_recipient_status_to_sent"}


class CarefulEmailQueue(EmailQueue):
	def send(self, *arguments: object, **options: object) -> None:
		"""As the framework does, unless another worker has it now or was faster, or nobody knows whether it was sent already."""
		if not options.get("force_send"):
			touch = self._touch() if self.can_send_now() else None
			if (
				not self.can_send_now()
				or (touch and restored.must_wait())
				or not self._is_mine_to_send()
				or (touch and not self._may_still_go(touch))
			):
				return
		super().send(*arguments, **options)

	def _is_mine_to_send(self) -> bool:
		"""Locks the row until its state says Sending."""
		status = frappe.db.sql(
			"SELECT status FROM `tabEmail Queue` WHERE name = %s FOR UPDATE SKIP LOCKED",
			self.name,
			pluck=True,
		)
		return bool(status) and status[0] in WAITING

	def _may_still_go(self, touch: str) -> bool:
		"""If not, it says why, and is looked at again when it may; somebody who presses the button sends it nevertheless."""
		try:
			look(touch, now_datetime())
			return True
		except Deferral as error:
			reason = str(error)
			queue, says = {"send_after": error.until}, {"deferred_until": error.until}
		except Skip as error:
			reason = str(error)
			queue, says = {"status": "Error", "error": reason}, {"status": "Skipped"}
		frappe.db.set_value("Email Queue", self.name, queue)
		frappe.db.set_value("Outreach Touch", touch, {**says, "reason": reason})
		frappe.db.commit()
		return False

	def update_status(self, status: str, commit: bool = False, **values: object) -> None:
		"""A mail of ours that may have gone out is in doubt, and waits for somebody who decides."""
		if status in (*WAITING, "Error") and _may_have_gone_out() and (touch := self._touch()):
			status = "Error"
			doubt = {"status": "In Doubt", "reason": _("The mail may have gone out: see the Email Queue.")}
			frappe.db.set_value("Outreach Touch", touch, doubt)
		touch = self._touch() if status == "Sent" else None
		if touch:
			note_left(touch)
		super().update_status(status, commit=commit, **values)
		if touch:
			restored.note_sent(touch)

	def _touch(self) -> str | None:
		return self.message_id and frappe.db.get_value("Outreach Touch", {"message_id": self.message_id})


def _may_have_gone_out() -> bool:
	"""Of the failure that is being handled; without one, the mail was left behind by a worker that died."""
	_kind, _error, where = sys.exc_info()
	if where is None:
		return True
	return (
		any(frame.f_code.co_name in UNDER_WAY for frame, _line in traceback.walk_tb(where)) and not _refused()
	)


def _refused() -> bool:
	"""The server said plainly that it doesn't take it."""
	from smtplib import SMTPResponseException

	return isinstance(sys.exc_info()[1], SMTPResponseException)
