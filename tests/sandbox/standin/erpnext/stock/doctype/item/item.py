from frappe.model.document import Document


class Item(Document):
	def validate(self) -> None:
		self.item_name = self.item_name or self.item_code
		self.description = self.description or self.item_name
