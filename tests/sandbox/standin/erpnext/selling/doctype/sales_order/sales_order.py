import frappe
from erpnext.controllers.sales import SalesDocument, copy_items
from frappe import _
from frappe.model.document import Document
from frappe.utils import flt, getdate


class SalesOrder(SalesDocument):
	def validate(self) -> None:
		super().validate()
		for item in self.items:
			item.delivery_date = item.delivery_date or self.delivery_date
			if not item.delivery_date:
				frappe.throw(_("Please enter Delivery Date"))
			if getdate(item.delivery_date) < getdate(self.transaction_date):
				frappe.throw(_("Expected Delivery Date should be after Sales Order Date"))
		self.delivery_date = self.delivery_date or max(getdate(item.delivery_date) for item in self.items)
		if self.docstatus == 0:
			self.status = "Draft"

	def on_submit(self) -> None:
		self.db_set("status", "To Deliver and Bill")

	def on_cancel(self) -> None:
		self.db_set("status", "Cancelled")

	def update_billed(self) -> None:
		"""How much of the order its submitted invoices bill."""
		invoices = frappe.get_all(
			"Sales Invoice Item", {"sales_order": self.name, "docstatus": 1}, ["so_detail", "amount"]
		)
		for item in self.items:
			billed = sum(flt(row.amount) for row in invoices if row.so_detail == item.name)
			item.db_set("billed_amt", billed)
		share = 100 * sum(flt(item.billed_amt) for item in self.items) / self.total if self.total else 0
		billing = "Fully Billed" if share >= 100 else "Partly Billed" if share else "Not Billed"
		status = "To Deliver" if share >= 100 else "To Deliver and Bill"
		self.db_set({"per_billed": min(share, 100), "billing_status": billing, "status": status})

	def update_status(self, status: str) -> None:
		"""Closes or reopens it, as ERPNext does: without any event of a submitted document but on_change."""
		self.db_set("status", status)


@frappe.whitelist()
def make_sales_invoice(source_name: str, target_doc: str | None = None) -> Document:
	source = frappe.get_doc("Sales Order", source_name)
	source.check_permission("read")
	target = copy_items(
		source, frappe.new_doc("Sales Invoice"), {"so_detail": "name", "sales_order": "parent"}
	)
	return target
