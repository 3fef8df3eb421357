import frappe
from frappe import _
from frappe.model.document import Document
from frappe.utils import cint, escape_html, flt, getdate

from customer_tiering.outreach.edited_steps import (
	forget_keys_of_others,
	key_of_removed,
	warn_of_steps_left_out,
)
from customer_tiering.outreach.tested_step import refuse_changes
from customer_tiering.outreach.web_address import allow_inside, host_of
from customer_tiering.tiering import audience
from customer_tiering.tiering.readers import start_from_now

MOST_DAYS = 36500  # beyond it there are no dates to reckon with


class OutreachSequence(Document):
	def validate(self) -> None:
		for step in self.steps:  # who writes by API may leave it out
			step.channel = step.channel or "Email"
		self.sort_steps()
		self.name_steps()
		self.refuse_bad_variants()
		refuse_changes(self)
		if not self.flags.days_only:
			self.refuse_bad_texts()
			self.refuse_bad_hours()
			self.refuse_bad_numbers()
			audience.validate(self.audience_filters)
		allow_inside(self)
		start_from_now(self)

	def on_update(self) -> None:
		"""Who is under way follows the new steps: the next dispatch works out again when the next touch is due."""
		frappe.db.sql(
			"""UPDATE `tabOutreach Enrollment` SET next_due_on = entered_on - INTERVAL 1 DAY, not_before = NULL
			WHERE sequence = %s AND status = 'Active' AND is_holdout = 0""",
			self.name,
		)
		# the hours may be others
		held_back = {"sequence": self.name, "status": "Deferred"}
		frappe.db.set_value("Outreach Touch", held_back, "deferred_until", None, update_modified=False)
		warn_of_steps_left_out(self)
		from customer_tiering.outreach.warnings import warn

		warn(self)

	def save_version(self) -> None:
		"""Whoever reads the sequence reads its versions, but not all of them the addresses of webhooks, which carry keys."""
		documents = (self, self.get_doc_before_save())
		rows = [row for document in documents if document for row in document.steps]
		addresses = [row.webhook_url for row in rows]
		for row in rows:
			row.webhook_url = host_of(row.webhook_url) or None
		super().save_version()
		for row, address in zip(rows, addresses, strict=True):
			row.webhook_url = address

	def on_trash(self) -> None:
		from customer_tiering.outreach.exits import end

		for name in frappe.get_all(
			"Outreach Enrollment", {"sequence": self.name, "status": "Active"}, pluck="name"
		):
			end(frappe.get_doc("Outreach Enrollment", name, for_update=True), "Deleted", getdate())

	def first_day(self) -> int:
		return min(step.day_offset for step in self.steps)

	def last_day(self) -> int:
		return max(step.day_offset for step in self.steps)

	def sort_steps(self) -> None:
		for step in self.steps:
			if cint(step.day_offset) < 0:
				frappe.throw(_("Row {0}: {1} can't be negative.").format(step.idx, _("Day")))
			if cint(step.day_offset) > MOST_DAYS:
				frappe.throw(_("Row {0}: {1} can't be more than {2}.").format(step.idx, _("Day"), MOST_DAYS))
			step.variant = (step.variant or "").strip()
		self.steps.sort(key=lambda step: cint(step.day_offset))
		for number, step in enumerate(self.steps, start=1):
			step.idx = number

	def name_steps(self) -> None:
		"""Each step has a key that touches remember; the variants of a day are one step, which keeps its key when one is taken away."""
		days: dict[str, int] = {}
		singles: set[str] = set()
		if self.is_new():
			forget_keys_of_others(self)
		for step in self.steps:
			key = step.step_key
			if key and (key in singles or days.get(key, step.day_offset) != step.day_offset):
				key = None  # copied in the table, or moved away from its other variants
			if not key and step.variant:
				key = self._key_of_variants(step)
			step.step_key = key = key or key_of_removed(self, step) or frappe.generate_hash(length=10)
			days[key] = step.day_offset
			if not step.variant:
				singles.add(key)

	def _key_of_variants(self, step: Document) -> str | None:
		return next(
			(
				other.step_key
				for other in self.steps
				if other is not step
				and other.variant
				and other.step_key
				and other.day_offset == step.day_offset
			),
			None,
		)

	def refuse_bad_variants(self) -> None:
		seen: dict[tuple, int] = {}
		for step in self.steps:
			if not step.variant:
				continue
			if (step.step_key, step.variant) in seen:
				frappe.throw(
					_("Row {0}: variant {1} of day {2} is there twice.").format(
						step.idx, escape_html(step.variant), step.day_offset
					)
				)
			seen[step.step_key, step.variant] = step.idx

	def refuse_bad_texts(self) -> None:
		from customer_tiering.outreach.checks import problem_of

		for step in self.steps:
			problem = problem_of(step, bool(self.enabled))
			if problem:
				frappe.throw(_("Row {0}: {1}").format(step.idx, problem))

	def refuse_bad_hours(self) -> None:
		from customer_tiering.outreach.clock import window_of

		for field in ("send_from_hour", "send_until_hour"):  # as forms and imports bring them
			text = str(self.get(field) if self.get(field) is not None else "").strip()
			self.set(field, int(text) if text.isdecimal() else None)
		try:
			window_of(self)
		except (TypeError, ValueError):
			frappe.throw(
				_(
					"Sending: choose at least one day, and hours from 0 to 24 of which the second is later than the first."
				)
			)

	def refuse_bad_numbers(self) -> None:
		if not 0 <= flt(self.holdout_percent) <= 50:
			frappe.throw(_("{0} must be between 0 and 50 percent.").format(_("Holdout")))
		for field in ("entry_delay_days", "re_entry_days", "goal_days"):
			if cint(self.get(field)) > MOST_DAYS:
				label = _(self.meta.get_label(field))
				frappe.throw(_("{0} can't be more than {1}.").format(frappe.bold(label), MOST_DAYS))
		if self.entry_by == "Signal" and not self.entry_signal:
			frappe.throw(_("Choose the signal by which customers enter."))
		if self.entry_by == "Audience" and not self.enters_once and not cint(self.re_entry_days):
			frappe.throw(
				_(
					"Whoever stays in the audience would enter again at once. Let customers enter only once, or after some days."
				)
			)
