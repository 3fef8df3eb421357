import frappe
from frappe import _
from frappe.model.document import Document


class TieringEvent(Document):
	"""The ledger of decisions: runs add rows in bulk, nobody changes one."""

	def validate(self) -> None:
		if not self.is_new():
			frappe.throw(_("A Tiering Event can't be changed."))

	def on_trash(self) -> None:
		"""Only the age that Tiering Settings name takes rows away, without asking this."""
		frappe.throw(_("A Tiering Event can't be changed."))
