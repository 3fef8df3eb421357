from itertools import pairwise

import frappe
from frappe import _
from frappe.model.document import Document
from frappe.utils import flt, getdate

from customer_tiering.tiering import required_fields
from customer_tiering.tiering.interests import enqueue_interests
from customer_tiering.tiering.lifetime_value_jobs import fit_lifetime_value_after_change
from customer_tiering.tiering.numbers import refuse_impossible_numbers
from customer_tiering.tiering.policy import breakpoints, policy_of
from customer_tiering.tiering.zeros import tell_what_zero_does

SMALLEST, LARGEST_WINDOW, LARGEST_SCORE = 1, 120, 5
LARGEST_DAYS, LARGEST_FACTOR, LARGEST_YEARS = 3650, 1000000, 100
LARGEST_WEIGHT = 1000
# Fields that hold a number: the smallest and the largest that makes sense.
RANGES = {
	"window_months": (SMALLEST, LARGEST_WINDOW),
	"high_frequency_orders": (SMALLEST, LARGEST_FACTOR),
	"near_score": (SMALLEST, LARGEST_SCORE),
	"high_score": (SMALLEST, LARGEST_SCORE),
	"abc_a_percent": (SMALLEST, 99),
	"abc_b_percent": (SMALLEST, 100),
	"churn_medium_factor": (0.1, LARGEST_FACTOR),
	"churn_high_factor": (0.1, LARGEST_FACTOR),
	"sleep_factor": (0, LARGEST_FACTOR),
	"sleep_min_days": (0, LARGEST_DAYS),
	"sleep_default_days": (SMALLEST, LARGEST_DAYS),
	"silent_days": (0, LARGEST_DAYS),
	"decline_percent": (0, 100),
	"decline_months": (0, 24),
	"whale_factor": (0, LARGEST_FACTOR),
	"upsell_value": (0, None),
	"upsell_months": (SMALLEST, LARGEST_WINDOW),
	"promoter_percent": (0, LARGEST_FACTOR),
	"pattern_years": (0, 10),
	"pattern_lead_days": (0, 180),
	"key_date_lead_days": (0, 180),
	"feedback_days": (0, LARGEST_DAYS),
	"detractor_score": (0, 8),
	"clv_horizon_months": (SMALLEST, 60),
	"clv_discount_percent": (0, 100),
	"follow_ups_per_day": (0, 1000),
	"try_again_after_days": (0, 365),
	"attribution_days": (SMALLEST, 365),
	"ledger_retention_years": (0, LARGEST_YEARS),
	"interest_topics": (0, 20),
	"interest_min_score": (0, LARGEST_FACTOR),
	"interest_half_life": (SMALLEST, LARGEST_DAYS),
	"interest_free_opens": (0, 100),
	"interest_weight_purchase": (0, LARGEST_WEIGHT),
	"interest_weight_enquiry": (0, LARGEST_WEIGHT),
	"interest_weight_event": (0, LARGEST_WEIGHT),
	"interest_weight_click": (0, LARGEST_WEIGHT),
	"interest_weight_open": (0, LARGEST_WEIGHT),
	"interest_weight_page_view": (0, LARGEST_WEIGHT),
}
# Pairs of which the first must be less than the second.
PREDICTED_BY = ("orders_from", "measure", "reporting_currency", "clv_horizon_months", "clv_discount_percent")
RISING = (("abc_a_percent", "abc_b_percent"), ("churn_medium_factor", "churn_high_factor"))
BREAKPOINTS = ("recency_breakpoints", "frequency_breakpoints", "monetary_breakpoints")


class TieringSettings(Document):
	def validate(self) -> None:
		refuse_impossible_numbers(self, RANGES)
		for field, (smallest, largest) in RANGES.items():
			self.refuse_out_of_range(field, smallest, largest)
		for first, second in RISING:
			self.refuse_falling(first, second)
		for field in BREAKPOINTS:
			self.refuse_wrong_breakpoints(field)
		self.refuse_disabled_user()
		self.refuse_capacity_of_nobody()
		self.refuse_unused_currency()
		self.warn_without_orders()
		self.warn_without_rates()
		self.refuse_twice("required_fields", "field")
		self.refuse_twice("companies", "company")
		self.refuse_twice("follow_up_capacity", "user")
		self.refuse_twice("follow_up_capacity", "role")
		required_fields.refuse_conflicts(self.levels)
		tell_what_zero_does(self)

	def on_update(self) -> None:
		"""Sales Orders are read through an index that they get when they count; interests and predictions follow their settings
		soon.
		"""
		if self.has_value_changed("orders_from"):
			frappe.enqueue(
				"customer_tiering.setup.indexes.add_indexes", queue="long", enqueue_after_commit=True
			)
		required_fields.apply(self.levels)
		self.warn_of_required_always()
		if any(self.has_value_changed(field) for field in RANGES if field.startswith("interest_")):
			enqueue_interests()
		if self.has_value_changed("reporting_currency"):
			frappe.cache.delete_key("bootinfo")  # which says it to the Desk
		if self.predicts_otherwise:
			fit_lifetime_value_after_change()

	@property
	def predicts_otherwise(self) -> bool:
		"""Whether something changed that predicted lifetime values follow from: what counts as money, and the terms."""
		before = self.get_doc_before_save()
		companies = [{row.company for row in doc.companies} for doc in (self, before) if doc]
		return any(map(self.has_value_changed, PREDICTED_BY)) or companies[0] != companies[-1]

	@property
	def levels(self) -> dict[str, str]:
		"""The fields of Customer that people are asked for, and how insistently."""
		known = required_fields.FIELDS
		return {known[row.field]: row.level for row in self.required_fields if row.field in known}

	def refuse_twice(self, table: str, column: str) -> None:
		chosen = list(filter(None, (row.get(column) for row in self.get(table))))
		for each in chosen:
			if chosen.count(each) > 1:
				frappe.throw(_("{0} stands twice in {1}.").format(_(each), _(self.meta.get_label(table))))

	def warn_of_required_always(self) -> None:
		"""Whoever requires a field of customers who lack it stops whatever saves them."""
		before = self.get_doc_before_save()
		known = before.levels if before else {}
		for field, level in self.levels.items():
			if level != required_fields.ALWAYS or known.get(field) == level:
				continue
			if lacking := required_fields.count_without(field):
				frappe.msgprint(
					_(
						"{0} customers have no {1}: nobody and no integration can save them until they have."
					).format(lacking, required_fields.label_of(field)),
					indicator="orange",
					title=_("Required Always"),
				)

	def refuse_out_of_range(self, field: str, smallest: float, largest: float | None) -> None:
		value = flt(self.get(field))
		label = _(self.meta.get_label(field))
		if value < smallest:
			frappe.throw(_("{0} must be {1} or more.").format(label, smallest))
		if largest and value > largest:
			frappe.throw(_("{0} must be {1} or less.").format(label, largest))

	def refuse_falling(self, first: str, second: str) -> None:
		if flt(self.get(first)) >= flt(self.get(second)):
			labels = (_(self.meta.get_label(field)) for field in (first, second))
			frappe.throw(_("{0} must be less than {1}.").format(*labels))

	def refuse_wrong_breakpoints(self, field: str) -> None:
		numbers = breakpoints(self.get(field))
		rising = all(low < high for low, high in pairwise(numbers))
		if len(numbers) != LARGEST_SCORE - 1 or not rising or min(numbers) <= 0:
			frappe.throw(
				_("{0} must be four rising numbers above zero, like {1}.").format(
					_(self.meta.get_label(field)), self.meta.get_field(field).default
				)
			)
		if field != "monetary_breakpoints" and any(number % 1 for number in numbers):
			frappe.throw(_("{0} must be whole numbers.").format(_(self.meta.get_label(field))))

	def refuse_disabled_user(self) -> None:
		user = self.default_follow_up_user
		works = {"enabled": 1, "user_type": "System User", "name": user}
		if user and not frappe.db.exists("User", works):
			frappe.throw(
				_("{0}: the user {1} is disabled or may not use the Desk.").format(
					_(self.meta.get_label("default_follow_up_user")), user
				)
			)

	def refuse_capacity_of_nobody(self) -> None:
		for row in self.follow_up_capacity:
			if bool(row.user) == bool(row.role):
				frappe.throw(
					_("{0}, row {1}: choose a user or a role.").format(
						_(self.meta.get_label("follow_up_capacity")), row.idx
					)
				)

	def refuse_unused_currency(self) -> None:
		"""With a currency in which nobody keeps books, the next run would take everybody's tier away."""
		used = set(frappe.get_all("Company", pluck="default_currency"))
		if self.reporting_currency and used and self.reporting_currency not in used:
			frappe.throw(
				_("{0}: no company keeps its books in {1}.").format(
					_(self.meta.get_label("reporting_currency")), self.reporting_currency
				)
			)

	def warn_without_orders(self) -> None:
		"""Without a single order of that kind nobody would have a tier after the next full run."""
		if self.has_value_changed("orders_from") and not frappe.db.exists(self.orders_from, {"docstatus": 1}):
			frappe.msgprint(
				_("There is no submitted {0}: with the next full run nobody would have a tier.").format(
					_(self.orders_from)
				),
				indicator="orange",
				title=_(self.meta.get_label("orders_from")),
			)

	def warn_without_rates(self) -> None:
		"""Money without an exchange rate counts nothing: with the next full run everybody could fall to the lowest tier."""
		from customer_tiering.tiering.missing_rates import without_rate

		if not self.reporting_currency or not self.has_value_changed("reporting_currency"):
			return
		lacking, number = without_rate(policy_of(self, (), (), ()), getdate())
		if lacking:
			frappe.msgprint(
				_(
					"{0} of {1} documents have no exchange rate to {2}: with the next full run their money counts nothing, and customers may fall. Add Currency Exchange records first."
				).format(lacking, number, self.reporting_currency),
				indicator="orange",
				title=_(self.meta.get_label("reporting_currency")),
			)
