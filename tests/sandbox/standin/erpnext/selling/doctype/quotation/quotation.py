import frappe
from erpnext.controllers.sales import SalesDocument, copy_items
from frappe.model.document import Document
from frappe.utils import add_months


class Quotation(SalesDocument):
	@property
	def party(self) -> str | None:
		return self.party_name if self.quotation_to == "Customer" else None

	def validate(self) -> None:
		super().validate()
		if not self.party:
			self.customer_name = frappe.db.get_value("Lead", self.party_name, "lead_name")
			self.title = self.customer_name
		self.valid_till = self.valid_till or add_months(self.transaction_date, 1)
		if self.docstatus == 0:
			self.status = "Draft"

	def on_submit(self) -> None:
		self.db_set("status", "Open")

	def on_cancel(self) -> None:
		self.db_set("status", "Cancelled")


@frappe.whitelist()
def make_sales_order(source_name: str, target_doc: str | None = None) -> Document:
	source = frappe.get_doc("Quotation", source_name)
	source.check_permission("read")
	target = frappe.new_doc("Sales Order")
	target.customer = source.party_name
	return copy_items(source, target, {"prevdoc_docname": "parent"})
