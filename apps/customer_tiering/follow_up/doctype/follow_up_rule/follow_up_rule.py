import frappe
from frappe import _
from frappe.model.document import Document
from frappe.utils import add_days, cint, escape_html, format_date, getdate
from jinja2 import TemplateSyntaxError

from customer_tiering.follow_up import example
from customer_tiering.tiering import audience
from customer_tiering.tiering.holiday_lists import list_of
from customer_tiering.tiering.readers import start_from_now
from customer_tiering.tiering.templates import compile_text

LARGEST_DELAY = 365
LONGEST_CADENCE = {"Days": 730, "Weeks": 104, "Months": 24}
# What each trigger can't do without.
NEEDED = {
	"Signal": ("signal",),
	"Cadence": ("every", "every_unit"),
	"Key Date": ("key_date",),
	"Top of the Month": ("top_customers",),
	"User": ("user",),
	"Role in Turn": ("role",),
}
RANGES = {
	"due_in_days": (0, LARGEST_DELAY),
	"days_ahead": (0, 180),
	"top_customers": (0, 1000),
	"escalate_after_days": (0, LARGEST_DELAY),
}


class FollowUpRule(Document):
	@property
	def signals(self) -> tuple[str, ...]:
		"""All signals that this rule reacts to."""
		return tuple(dict.fromkeys(filter(None, (self.signal, *(row.signal for row in self.more_signals)))))

	def validate(self) -> None:
		self.trigger = self.trigger or "Signal"
		self.assign_to = self.assign_to or "Account Manager"
		for field, (smallest, largest) in RANGES.items():
			self.refuse_out_of_range(field, smallest, largest)
		self.refuse_missing()
		self.refuse_long_cadence()
		self.refuse_disabled_users()
		audience.validate(self.audience_filters)
		self.refuse_bad_text()
		self.refuse_text_that_fails()
		self.warn_of_ended_holidays()
		self.last_problem = None  # what is saved can be read; the next run says whether it can be carried out
		start_from_now(self)
		self.start_dates_from_today()

	def on_trash(self) -> None:
		"""Reps keep what they have to do: a ToDo that names a rule which is gone could not be saved any more."""
		frappe.db.set_value(
			"ToDo", {"follow_up_rule": self.name}, "follow_up_rule", None, update_modified=False
		)

	def start_dates_from_today(self) -> None:
		"""As `start_from_now` for signals: a rule that is switched on looks no further back than today."""
		if self.enabled and (
			self.is_new() or self.has_value_changed("enabled") or self.has_value_changed("trigger")
		):
			self.planned_until = add_days(getdate(), -1)
		elif not self.is_new():
			self.planned_until = self.get_doc_before_save().planned_until
		if not self.is_new():
			self.last_user = self.get_doc_before_save().last_user

	def refuse_out_of_range(self, field: str, smallest: int, largest: int) -> None:
		label = _(self.meta.get_label(field))
		if cint(self.get(field)) < smallest:
			frappe.throw(_("{0} can't be negative.").format(label))
		if cint(self.get(field)) > largest:
			frappe.throw(_("{0} must be {1} or less.").format(label, largest))

	def refuse_missing(self) -> None:
		for field in (*NEEDED[self.trigger], *NEEDED.get(self.assign_to, ())):
			if not self.get(field):
				frappe.throw(_("{0} is missing.").format(_(self.meta.get_label(field))))

	def refuse_long_cadence(self) -> None:
		longest = LONGEST_CADENCE.get(self.every_unit)
		if self.trigger == "Cadence" and not 1 <= cint(self.every) <= longest:
			frappe.throw(
				_("{0} must be from {1} to {2}.").format(_(self.meta.get_label("every")), 1, longest)
			)

	def refuse_disabled_users(self) -> None:
		for field in ("user", "escalate_to"):
			user = self.get(field)
			if user and (self.is_new() or self.has_value_changed(field)):
				if not frappe.db.exists("User", {"name": user, "enabled": 1, "user_type": "System User"}):
					frappe.throw(
						_("{0}: the user {1} is disabled or may not use the Desk.").format(
							_(self.meta.get_label(field)), escape_html(user)
						)
					)

	def refuse_bad_text(self) -> None:
		if not (self.description or "").strip():
			frappe.throw(_("{0} is missing.").format(_(self.meta.get_label("description"))))
		try:
			compile_text(self.description)
		except TemplateSyntaxError as error:
			frappe.throw(
				_("{0}, line {1}: {2}").format(
					_(self.meta.get_label("description")), error.lineno, escape_html(error.message)
				)
			)

	def refuse_text_that_fails(self) -> None:
		"""Tried as the preview does: else a rep would read the error. Not by whoever may see no customer."""
		fields = ("enabled", "description", "trigger", "signal")
		changed = self.is_new() or any(map(self.has_value_changed, fields))
		if not self.enabled or not changed or not frappe.has_permission("Customer", "read"):
			return
		if customer := example.customer_for(self):
			example.text_for(self, customer)

	def warn_of_ended_holidays(self) -> None:
		"""After a list's end its weekly days off are all that is known."""
		chosen = list_of(self) if self.enabled else None
		ends = chosen and frappe.db.get_value("Holiday List", chosen, "to_date")
		if ends and ends < getdate():
			frappe.msgprint(
				_(
					"The Holiday List {0} ended on {1}: since then only its weekly days off count. Choose the next one in the follow-up rules or their company."
				).format(frappe.bold(escape_html(chosen)), format_date(ends)),
				indicator="orange",
				title=_(self.meta.get_label("holiday_list")),
			)
