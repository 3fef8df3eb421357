import frappe
from frappe import _
from frappe.model.document import Document

from customer_tiering.tiering.interest_sources import route


class InterestSignal(Document):
	"""One thing that a customer opened or clicked; made through `tiering.behaviour.record_behaviour`."""

	def validate(self) -> None:
		self.route = route(self.route)[:140] or None
		if not (self.email_template or self.route):
			frappe.throw(_("An Interest Signal needs an email template or a web route."))
