import frappe
from frappe import _
from frappe.model.document import Document

from customer_tiering.tiering.customer import forget_untiered


class RFMSegment(Document):
	def on_trash(self) -> None:
		forget_untiered(self)

	def validate(self) -> None:
		"""Each of the eight cells has one segment."""
		cell = {field: self.get(field) for field in ("recency", "frequency", "monetary")}
		other = frappe.db.get_value("RFM Segment", {**cell, "name": ("!=", self.name)}, "name")
		if other:
			frappe.throw(
				_("{0}, {1} and {2}: the segment {3} already has this combination.").format(
					_("Recency"), _("Frequency"), _("Monetary"), frappe.bold(_(other))
				)
			)
