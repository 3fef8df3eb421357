from frappe.model.document import Document


class Campaign(Document):
	def autoname(self) -> None:
		self.name = self.campaign_name
