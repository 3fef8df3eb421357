"""Records that say what happened: the app writes them, behind these checks, and nobody else does."""

import frappe
from frappe import _
from frappe.model.document import Document


class KeptRecord(Document):
	def validate(self) -> None:
		if not self.is_new():
			self._refuse()

	def on_trash(self) -> None:
		"""Only age takes them away, without asking this."""
		self._refuse()

	def _refuse(self) -> None:
		frappe.throw(
			_("{0} {1} can't be changed or deleted: it says what happened.").format(
				_(self.doctype), self.name
			)
		)
