"""Which step comes next, and when."""

from collections.abc import Collection
from datetime import date, datetime, time
from typing import NamedTuple

import frappe
from frappe.utils import add_days, get_datetime, getdate

from customer_tiering.engine.assignment import choose
from customer_tiering.outreach.clock import day_begins
from customer_tiering.outreach.crowd import Crowd
from customer_tiering.outreach.reminders import is_reminder, reminder_of

DEFERRED = "Deferred"
CALL = "Call Task"
TOUCH_FIELDS = (
	"name",
	"step",
	"day_offset",
	"touched_on",
	"status",
	"channel",
	"variant",
	"address",
	"deferred_until",
	"offer",
	"coupon_code",
	"offer_end",
	"redeemed_in",
)


class Due(NamedTuple):
	"""A step that is still to be done: the row chosen, its day and when that begins, and the touch that was deferred before, if there is one."""

	step: "frappe.Document"
	on: date
	begins: datetime
	touch: str | None
	deferred_until: datetime | None

	@property
	def at(self) -> datetime:
		"""When it is to be tried, and not before."""
		return max(self.begins, get_datetime(self.deferred_until or self.begins))


def is_bound(sequence: "frappe.Document", channel: str) -> bool:
	"""Whether a message goes out on its day, by the clock of whoever gets it, or not at all."""
	return bool(sequence.get("only_on_its_day")) and channel != CALL


def touches_of(enrollments: Collection[str]) -> dict[str, list[frappe._dict]]:
	"""By enrollment its touches, with TOUCH_FIELDS, the oldest first."""
	found: dict[str, list[frappe._dict]] = {}
	for touch in frappe.get_all(
		"Outreach Touch",
		filters={"enrollment": ("in", list(enrollments))},
		fields=[*TOUCH_FIELDS, "enrollment"],
		order_by="creation",
	):
		found.setdefault(touch.enrollment, []).append(touch)
	return found


def plan_after(
	enrollment: "frappe.Document",
	sequence: "frappe.Document",
	touches: list[frappe._dict],
	crowd: Crowd | None = None,
) -> list[Due]:
	"""What comes next for this enrollment after the touches given (with TOUCH_FIELDS); nothing if all is done.

	Messages and call tasks go on beside each other: who has no address is called nevertheless. Either keeps its distance from
	the last one that was done, also when that one was late, but for messages that are never late. Reminders of codes have days
	of their own.
	"""
	reminded = [touch for touch in touches if is_reminder(touch)]
	of_steps = [touch for touch in touches if not is_reminder(touch)]
	found = [
		*_next(enrollment, sequence, of_steps, is_call=False),
		*_next(enrollment, sequence, of_steps, is_call=True),
		*_reminders(sequence, of_steps, reminded),
	]
	return [
		due._replace(begins=day_begins(enrollment.customer, due.on, crowd))
		if is_bound(sequence, due.step.channel)
		else due
		for due in found
	]


def _due(step: "frappe.Document", on: date, touch: frappe._dict) -> Due:
	return Due(step, on, datetime.combine(on, time()), touch.name, touch.deferred_until)


def _reminders(
	sequence: "frappe.Document", touches: list[frappe._dict], reminded: list[frappe._dict]
) -> list[Due]:
	"""They go to whom the code went, and where."""
	rows = {(row.step_key, row.variant or None): row for row in sequence.steps}
	begun = {touch.step: touch for touch in reminded}
	found = []
	for touch in touches:
		step, after = reminder_of(touch) or (None, None)
		before = begun.get(step.step_key, frappe._dict()) if step else None
		if step:
			own = rows.get((touch.step, touch.variant or None)) or frappe._dict()
			step.update(buying_role=own.buying_role, webhook_url=own.webhook_url)
		if step and (not before or before.status == DEFERRED):
			found.append(_due(step, getdate(touch.touched_on) + after, before))
	return found


def _rows(sequence: "frappe.Document", is_call: bool) -> list["frappe.Document"]:
	return [row for row in sequence.steps if (row.channel == CALL) == is_call]


def _next(
	enrollment: "frappe.Document", sequence: "frappe.Document", touches: list[frappe._dict], is_call: bool
) -> list[Due]:
	rows = _rows(sequence, is_call)
	done = [touch for touch in touches if touch.status != DEFERRED]
	known = {touch.step for touch in done}
	last = max(
		(touch for touch in done if (touch.channel == CALL) == is_call),
		key=lambda touch: touch.day_offset,
		default=None,
	)
	since = last.day_offset if last else 0
	begun = {touch.step: touch for touch in touches if touch.status == DEFERRED}
	pending = [
		row
		for row in rows
		if row.step_key not in known and (row.day_offset >= since or row.step_key in begun)
	]
	chosen = _chosen(enrollment.name, pending, touches)
	day = min((row.day_offset for row in chosen), default=None)
	if day is None:
		return []
	keeps_distance = last and not is_bound(sequence, last.channel)
	start = add_days(last.touched_on, -last.day_offset) if keeps_distance else enrollment.entered_on
	found = []
	for row in chosen:
		if row.day_offset == day:
			touch = begun.get(row.step_key) or frappe._dict()
			found.append(_due(row, getdate(add_days(start, day)), touch))
	return found


def _chosen(
	enrollment: str, rows: list["frappe.Document"], touches: list[frappe._dict]
) -> list["frappe.Document"]:
	"""One row of each step; a variant that was begun with is kept as long as it is there."""
	begun = {touch.step: touch.variant for touch in touches}
	found = []
	for key in dict.fromkeys(row.step_key for row in rows):
		variants = [row for row in rows if row.step_key == key]
		kept = [row for row in variants if key in begun and row.variant == begun[key]]
		found.append(kept[0] if kept else variant_for(enrollment, variants))
	return [row for row in found if row]


def variant_for(enrollment: str, variants: list["frappe.Document"]) -> "frappe.Document | None":
	"""The variant that this enrollment gets, in whatever order they stand; None if none has a weight."""
	if len(variants) == 1 and not variants[0].variant:
		return variants[0]
	variants = sorted(variants, key=lambda row: row.variant or "")
	number = choose([row.weight for row in variants], enrollment, variants[0].step_key)
	return None if number is None else variants[number]
