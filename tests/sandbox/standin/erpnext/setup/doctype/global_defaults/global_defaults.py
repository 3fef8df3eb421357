import frappe
from frappe.model.document import Document

DEFAULTS = {"company": "default_company", "currency": "default_currency", "country": "country"}


class GlobalDefaults(Document):
	def on_update(self) -> None:
		for key, fieldname in DEFAULTS.items():
			frappe.db.set_default(key, self.get(fieldname))
		if self.default_currency:
			frappe.db.set_value("Currency", self.default_currency, "enabled", 1)
		frappe.clear_cache()
