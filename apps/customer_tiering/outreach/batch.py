"""Enrollments that are done together: what they need is read, and what they lead to is written, by a few statements for all."""

from datetime import datetime

import frappe

from customer_tiering.outreach import restored
from customer_tiering.outreach.crowd import Crowd
from customer_tiering.outreach.held_back import drop_held_back
from customer_tiering.outreach.leavers import leavers
from customer_tiering.outreach.rows import insert_all, stamp
from customer_tiering.outreach.steps import touches_of
from customer_tiering.tiering.audience import conditions_of

STATE = ("status", "ended_on", "next_due_on", "not_before")
TOUCH_COLUMNS = (
	"name",
	"customer",
	"sequence",
	"enrollment",
	"step",
	"channel",
	"variant",
	"touch_key",
	"status",
	"reason",
	"address",
	"touched_on",
	"deferred_until",
	"email_template",
	"subject",
	"email_queue",
	"message_id",
	"text",
	"todo",
	"offer",
	"coupon_code",
	"offer_end",
	"tracking",
)
TOUCH_NUMBERS = ("day_offset", "links")


class Batch:
	"""Enrollments that are locked, at a moment on the site's clock. Nothing is in the database before `write`."""

	def __init__(self, enrollments: list[frappe._dict], moment: datetime) -> None:
		from customer_tiering.outreach.mail import (
			Outbox,
		)  # the framework's sender logs in when it is imported

		names = [row.name for row in enrollments]
		self.moment = moment
		self.enrollments = enrollments
		self.crowd = Crowd({row.customer for row in enrollments}, moment.date())
		self.sequences = {
			name: frappe.get_doc("Outreach Sequence", name) for name in {row.sequence for row in enrollments}
		}
		self.unreadable = {name for name, sequence in self.sequences.items() if _is_unreadable(sequence)}
		self.is_single = len(names) == 1
		self.leavers = set(leavers(moment.date(), among=names))
		self.touches = touches_of(names)
		self.unknown_until = restored.unknown_until()
		self.outbox = Outbox()
		self.new_touches: list[dict] = []
		self.written_to: set[str] = set()  # customers and addresses, but not in the database yet
		self.states: dict[tuple, list[str]] = {}
		self.newest: str | None = None

	def see(self, customer: str) -> None:
		"""What this batch did to the customer, or to an address of the customer, must be in the database from now on."""
		if not self.written_to.isdisjoint({customer, *self.crowd.addresses_of(customer)}):
			self.write()

	def add(self, touch: frappe._dict) -> None:
		"""It is written later, with the others."""
		values = {field: touch.get(field) for field in (*TOUCH_COLUMNS, *TOUCH_NUMBERS)}
		values |= {field: values[field] or 0 for field in TOUCH_NUMBERS}
		self.new_touches.append({**stamp(), **values})

	def write(self) -> None:
		self.outbox.write()
		insert_all("Outreach Touch", self.new_touches)
		for state, names in self.states.items():
			values = dict(zip(STATE, state, strict=True))
			frappe.db.set_value("Outreach Enrollment", {"name": ("in", names)}, values)
			if values["status"] != "Active":  # of steps that were taken away
				drop_held_back(names, values["status"])
		self.new_touches, self.states = [], {}
		self.written_to.clear()

	def drop(self) -> None:
		"""What was not written yet."""
		self.outbox.drop()
		self.new_touches = []
		self.written_to.clear()

	def note(self) -> None:
		if self.newest:
			restored.note_queued(self.newest)


def _is_unreadable(sequence: "frappe.Document") -> bool:
	"""Whether nobody knows who is to leave it as out of its audience."""
	try:
		conditions_of(sequence.audience_filters if sequence.exit_out_of_audience else None)
		return False
	except frappe.ValidationError:
		frappe.clear_last_message()
		return True
