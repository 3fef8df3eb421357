import frappe
from erpnext.controllers.sales import SalesDocument, copy_items
from frappe import _
from frappe.model.document import Document
from frappe.utils import cint, flt, getdate, now_datetime, nowdate


class SalesInvoice(SalesDocument):
	date_field = "posting_date"

	def validate(self) -> None:
		self.set_posting_date()
		super().validate()
		self.set_accounts()
		self.validate_quantities()
		self.validate_return()
		self.set_outstanding()
		self.set_status()

	def set_posting_date(self) -> None:
		"""Only `set_posting_time` keeps a date that was given: otherwise an invoice is of today."""
		if not self.set_posting_time:
			now = now_datetime()
			self.posting_date, self.posting_time = now.date(), now.strftime("%H:%M:%S.%f")
		self.due_date = self.due_date or self.posting_date
		if getdate(self.due_date) < getdate(self.posting_date):
			if not self.is_return:
				frappe.throw(_("Due Date cannot be before {0}").format(_("Posting Date")))
			self.due_date = self.posting_date

	def set_accounts(self) -> None:
		company = frappe.get_cached_doc("Company", self.company)
		self.debit_to = self.debit_to or company.default_receivable_account
		self.cost_center = self.cost_center or company.cost_center
		self.party_account_currency = company.default_currency
		for item in self.items:
			item.income_account = item.income_account or company.default_income_account
			item.cost_center = item.cost_center or company.cost_center

	def validate_quantities(self) -> None:
		for item in self.items:
			if self.is_return and flt(item.qty) > 0:
				frappe.throw(_("For an item {0}, quantity must be negative number").format(item.item_code))
			if not self.is_return and flt(item.qty) < 0:
				frappe.throw(_("For an item {0}, quantity must be positive number").format(item.item_code))
			if not flt(item.qty) and not self.is_debit_note:
				frappe.throw(
					_("Row #{0}: Quantity for Item {1} cannot be zero.").format(item.idx, item.item_code)
				)

	def validate_return(self) -> None:
		if not (self.is_return and self.return_against):
			return
		original = frappe.get_doc("Sales Invoice", self.return_against)
		if original.customer != self.customer:
			frappe.throw(_("The {0} of a return must be that of {1}").format(_("Customer"), original.name))
		if not original.docstatus.is_submitted():
			return
		if getdate(self.posting_date) < getdate(original.posting_date):
			frappe.throw(_("Posting timestamp must be after {0}").format(original.posting_date))
		if flt(self.conversion_rate) != flt(original.conversion_rate):
			frappe.throw(_("Exchange Rate must be same as {0}").format(original.name))
		self.validate_returned_items(original)

	def validate_returned_items(self, original: Document) -> None:
		"""Not more of an item than was sold and not returned yet."""
		left = quantities(original.items)
		earlier = {"return_against": original.name, "docstatus": 1, "is_return": 1, "name": ["!=", self.name]}
		for name in frappe.get_all("Sales Invoice", earlier, pluck="name"):
			for code, quantity in quantities(frappe.get_doc("Sales Invoice", name).items).items():
				left[code] = left.get(code, 0) + quantity
		for code, quantity in quantities(self.items).items():
			if code and flt(left.get(code, 0) + quantity, 6) < 0:
				frappe.throw(_("Cannot return more than {0} for Item {1}").format(left.get(code, 0), code))

	def set_outstanding(self) -> None:
		plain = cint(frappe.db.get_single_value("Global Defaults", "disable_rounded_total"))
		self.rounded_total = 0 if plain else round(self.grand_total)
		self.base_rounded_total = 0 if plain else round(self.base_grand_total)
		self.outstanding_amount = 0 if self.is_pos else self.base_rounded_total or self.base_grand_total

	def set_status(self) -> None:
		self.status = self.current_status()

	def current_status(self) -> str:
		if self.docstatus != 1:
			return "Cancelled" if self.docstatus == 2 else "Draft"
		if self.is_return:
			return "Return"
		owed = flt(self.outstanding_amount)
		if owed > 0:
			if getdate(self.due_date) < getdate(nowdate()):
				return "Overdue"
			whole = flt(self.base_rounded_total) or flt(self.base_grand_total)
			return "Partly Paid" if owed < whole else "Unpaid"
		returned = frappe.db.exists(
			"Sales Invoice", {"return_against": self.name, "is_return": 1, "docstatus": 1}
		)
		return "Credit Note Issued" if returned else "Paid"

	def on_submit(self) -> None:
		self.settle(1)

	def on_cancel(self) -> None:
		self.settle(-1)
		self.db_set("status", "Cancelled")

	def settle(self, sign: int) -> None:
		"""Carry a return over to its invoice, and what was billed to the order."""
		if self.is_return and self.return_against and not self.update_outstanding_for_self:
			original = frappe.get_doc("Sales Invoice", self.return_against)
			owed = flt(original.outstanding_amount) + sign * flt(
				self.base_rounded_total or self.base_grand_total
			)
			original.outstanding_amount = owed
			original.db_set({"outstanding_amount": owed, "status": original.current_status()})
			self.db_set("outstanding_amount", 0)
		for order in {item.sales_order for item in self.items if item.sales_order}:
			frappe.get_doc("Sales Order", order).update_billed()


def quantities(items: list[Document]) -> dict[str, float]:
	sums: dict[str, float] = {}
	for item in items:
		sums[item.item_code] = sums.get(item.item_code, 0) + flt(item.qty)
	return sums


@frappe.whitelist()
def make_sales_return(source_name: str, target_doc: str | None = None) -> Document:
	source = frappe.get_doc("Sales Invoice", source_name)
	source.check_permission("read")
	target = frappe.new_doc("Sales Invoice")
	target.update({"is_return": 1, "return_against": source.name})
	return copy_items(source, target, {"sales_invoice_item": "name"}, sign=-1)
