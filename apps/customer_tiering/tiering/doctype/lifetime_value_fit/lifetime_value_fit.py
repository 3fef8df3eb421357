from frappe.model.document import Document

from customer_tiering.tiering.fit_in_words import reason_of, test_note_of


class LifetimeValueFit(Document):
	def onload(self) -> None:
		"""For the form; the columns keep the words of the job for lists and exports."""
		self.reason, self.test_note = reason_of(self), test_note_of(self)
