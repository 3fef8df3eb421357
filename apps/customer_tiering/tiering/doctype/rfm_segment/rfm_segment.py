import frappe
from frappe import _
from frappe.model.document import Document

from customer_tiering.tiering.customer import forget_untiered
from customer_tiering.tiering.siblings import others

CELL = ("recency", "frequency", "monetary")


class RFMSegment(Document):
	def on_trash(self) -> None:
		forget_untiered(self)

	def validate(self) -> None:
		"""Each of the eight cells has one segment."""
		cell = [self.get(field) for field in CELL]
		equal = [each.name for each in others(self) if [each.get(field) for field in CELL] == cell]
		if equal:
			frappe.throw(
				_("{0}, {1} and {2}: the segment {3} already has this combination.").format(
					_("Recency"), _("Frequency"), _("Monetary"), frappe.bold(_(equal[0]))
				)
			)
