import frappe
from frappe import _
from frappe.model.document import Document
from frappe.utils import cint

from customer_tiering.tiering.customer import forget_untiered
from customer_tiering.tiering.numbers import refuse_impossible_numbers
from customer_tiering.tiering.policy import STAGE_FLAGS, STAGE_NUMBERS, gaps_of, stages_of
from customer_tiering.tiering.siblings import others

LARGEST = 36500


class LifecycleStage(Document):
	def validate(self) -> None:
		refuse_impossible_numbers(self, STAGE_NUMBERS)
		self.refuse_negative_numbers()
		self.refuse_equal_position()
		self.refuse_contradiction()
		self.refuse_asleep_without_days()
		self.refuse_lead_who_ordered()
		self.refuse_gap([*others(self), self])
		self.warn_of_hidden_stages()

	def on_trash(self) -> None:
		if not frappe.flags.in_uninstall:
			self.refuse_gap(others(self))
		forget_untiered(self)

	def refuse_gap(self, left: list[Document | frappe._dict]) -> None:
		"""Every customer must fit in one of those that are left; a gap that there was before may be closed in several steps."""
		if self.is_new() or _gap(frappe.get_all(self.doctype, fields=["*"])):
			return
		if gap := _gap(left):
			frappe.throw(gap, title=_("Stages"))

	def refuse_negative_numbers(self) -> None:
		for field in STAGE_NUMBERS:
			if cint(self.get(field)) < 0:
				frappe.throw(_("{0} can't be negative.").format(_(self.meta.get_label(field))))
			if cint(self.get(field)) > LARGEST:
				frappe.throw(_("{0} must be {1} or less.").format(_(self.meta.get_label(field)), LARGEST))

	def refuse_equal_position(self) -> None:
		equal = [stage.name for stage in others(self) if cint(stage.position) == cint(self.position)]
		if equal:
			frappe.throw(
				_("{0}: stage {1} already has position {2}. Give each stage a position of its own.").format(
					_("Position"), frappe.bold(_(equal[0], context="Lifecycle Stage")), self.position
				)
			)

	def refuse_contradiction(self) -> None:
		"""Who never ordered has no first or last order, no number of orders and no tier."""
		of_buyers = ("min_days_since_order", "min_days_since_first_order", "min_orders", "top_tier_only")
		if self.never_ordered and any(self.get(field) for field in of_buyers):
			frappe.throw(
				_(
					"{0}: nobody who never ordered can meet the other conditions. Clear them or this one."
				).format(_("Never Ordered"))
			)

	def refuse_asleep_without_days(self) -> None:
		"""Without days everybody who ordered would be asleep at once; lost comes after dormant."""
		label = _(self.meta.get_label("min_days_since_order"))
		if self.meaning in ("Dormant", "Lost") and cint(self.min_days_since_order) < 1:
			frappe.throw(_("{0} must be {1} or more.").format(label, 1))
		for other in others(self):
			if (self.meaning, other.meaning) not in (("Dormant", "Lost"), ("Lost", "Dormant")):
				continue
			dormant, lost = (self, other) if self.meaning == "Dormant" else (other, self)
			if cint(dormant.min_days_since_order) < cint(lost.min_days_since_order):
				continue
			frappe.throw(
				_("{0}: customers must be dormant before they are lost; stage {1} has {2} days.").format(
					label, frappe.bold(_(other.name, context="Lifecycle Stage")), other.min_days_since_order
				)
			)

	def refuse_lead_who_ordered(self) -> None:
		if (self.meaning == "Lead") != bool(self.never_ordered):
			frappe.throw(
				_("{0}: a stage that means {1} is the one for customers who never ordered.").format(
					_(self.meta.get_label("never_ordered")), _("Lead")
				)
			)

	def warn_of_hidden_stages(self) -> None:
		"""The first stage that fits wins: one that asks for no more than a later one leaves nobody to that."""
		for other in others(self):
			first, second = sorted((self, other), key=lambda stage: cint(stage.position))
			if _asks_for_no_more(first, second):
				frappe.msgprint(
					_("Nobody can be in stage {0}: stage {1} comes before it and takes them all.").format(
						frappe.bold(_(second.stage_name, context="Lifecycle Stage")),
						frappe.bold(_(first.stage_name, context="Lifecycle Stage")),
					),
					indicator="orange",
					title=_("Stages"),
				)


def _gap(stages: list[Document | frappe._dict]) -> str | None:
	"""The sentence that says which customers fit in none of these, if some don't."""
	return next(gaps_of(stages_of(stages)), None)


def _asks_for_no_more(first: Document, second: Document) -> bool:
	if cint(first.never_ordered) != cint(second.never_ordered):
		return False
	if first.feedback and first.feedback != second.feedback:
		return False
	asked = {*STAGE_NUMBERS, *STAGE_FLAGS} - {"position", "never_ordered", "min_orders"}
	orders = max(cint(first.min_orders), 1) <= max(cint(second.min_orders), 1)
	return orders and all(cint(first.get(field)) <= cint(second.get(field)) for field in asked)
