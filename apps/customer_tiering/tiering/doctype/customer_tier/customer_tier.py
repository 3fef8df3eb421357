import frappe
from frappe import _
from frappe.model.document import Document
from frappe.utils import flt, fmt_money

from customer_tiering.tiering.customer import forget_untiered
from customer_tiering.tiering.numbers import refuse_impossible_numbers
from customer_tiering.tiering.siblings import others
from customer_tiering.tiering.tier_discount import follow, switch_off

LARGEST_WAIT = 3650
NUMBERS = ("entry_value", "keep_value", "grace_days", "minimum_dwell_days")


class CustomerTier(Document):
	def validate(self) -> None:
		refuse_impossible_numbers(self, NUMBERS)
		self.refuse_negative_numbers()
		self.refuse_endless_waits()
		self.refuse_keep_outside_band()
		self.refuse_keep_of_upper_tier()
		self.refuse_equal_value()
		self.refuse_top_below_others()
		self.refuse_bad_discount()

	def before_save(self) -> None:
		follow(self)

	def on_trash(self) -> None:
		if not frappe.flags.in_uninstall and frappe.db.count("Customer Tier") == 1:
			frappe.throw(_("This is the last Customer Tier. Tiering needs at least one."))
		forget_untiered(self)
		switch_off(self)

	def refuse_negative_numbers(self) -> None:
		for field in NUMBERS:
			if flt(self.get(field)) < 0:
				frappe.throw(_("{0} can't be negative.").format(_(self.meta.get_label(field))))

	def refuse_endless_waits(self) -> None:
		for field in ("grace_days", "minimum_dwell_days"):
			if flt(self.get(field)) > LARGEST_WAIT:
				frappe.throw(
					_("{0} must be {1} or less.").format(_(self.meta.get_label(field)), LARGEST_WAIT)
				)

	def refuse_bad_discount(self) -> None:
		if not 0 <= flt(self.discount_percent) <= 100:
			frappe.throw(_("{0} must be between 0 and 100 percent.").format(_("Discount")))

	def refuse_keep_of_upper_tier(self) -> None:
		"""The next better tier may keep customers down to this tier's entry value, not below it."""
		above = [tier for tier in others(self) if flt(tier.entry_value) > flt(self.entry_value)]
		upper = min(above, key=lambda tier: flt(tier.entry_value), default=None)
		if upper and 0 < flt(upper.keep_value) < flt(self.entry_value):
			frappe.throw(
				_(
					"{0} can't be above {1}, down to which tier {2} keeps its customers: the bands would overlap."
				).format(_("Entry Value"), fmt_money(upper.keep_value), frappe.bold(upper.name))
			)

	def refuse_keep_outside_band(self) -> None:
		"""The keep value lies between the entry values of the next lower tier and of this one."""
		if not self.keep_value:
			return
		if flt(self.keep_value) > flt(self.entry_value):
			frappe.throw(
				_("{0} can't be above {1} ({2}): who just came in would have to leave.").format(
					_("Keep Value"), _("Entry Value"), fmt_money(self.entry_value)
				)
			)
		below = [tier for tier in others(self) if flt(tier.entry_value) < flt(self.entry_value)]
		lower = max(below, key=lambda tier: flt(tier.entry_value), default=None)
		if lower and flt(self.keep_value) < flt(lower.entry_value):
			frappe.throw(
				_("{0} can't be below {1}, where tier {2} starts: the bands would overlap.").format(
					_("Keep Value"), fmt_money(lower.entry_value), frappe.bold(lower.name)
				)
			)

	def refuse_equal_value(self) -> None:
		"""Two tiers with one entry value would be one band with two names."""
		equal = [tier.name for tier in others(self) if flt(tier.entry_value) == flt(self.entry_value)]
		if equal:
			frappe.throw(
				_("{0}: tier {1} already starts at {2}. Give each tier an entry value of its own.").format(
					_("Entry Value"), frappe.bold(equal[0]), fmt_money(self.entry_value)
				)
			)

	def refuse_top_below_others(self) -> None:
		"""Top tiers are the best ones: none of them may lie below a tier that is not top."""
		for other in others(self):
			higher = flt(other.entry_value) > flt(self.entry_value)
			wrong = (self.is_top and not other.is_top) if higher else (other.is_top and not self.is_top)
			if wrong:
				low, high = (self.name, other.name) if higher else (other.name, self.name)
				frappe.throw(
					_("{0}: {1} is below {2}, so it can't be a top tier while {2} is not.").format(
						_("Top Tier"), frappe.bold(low), frappe.bold(high)
					)
				)
