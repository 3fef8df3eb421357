"""What Quotation, Sales Order and Sales Invoice share: who buys, in which currency, and the sums."""

import erpnext
import frappe
from erpnext.accounts.utils import get_fiscal_year
from erpnext.setup.utils import get_exchange_rate
from frappe import _
from frappe.model.document import Document
from frappe.utils import cint, flt


class SalesDocument(Document):
	date_field = "transaction_date"

	def validate(self) -> None:
		get_fiscal_year(self.get(self.date_field))
		self.set_party()
		self.set_currency()
		for item in self.items:
			self.set_item(item)
		self.set_totals()

	@property
	def party(self) -> str | None:
		return self.get("customer")

	def set_party(self) -> None:
		self.company = self.company or erpnext.get_default_company()
		if not self.party:
			return
		customer = frappe.get_cached_doc("Customer", self.party)
		if customer.disabled:
			frappe.throw(_("{0} {1} is disabled").format(_("Customer"), self.party))
		if customer.is_frozen:
			frappe.throw(_("{0} {1} is frozen").format(_("Customer"), self.party))
		self.customer_name = customer.customer_name
		self.title = self.get("title") or customer.customer_name
		self.customer_group = self.get("customer_group") or customer.customer_group
		self.territory = self.get("territory") or customer.territory
		self.contact_person = self.get("contact_person") or customer.customer_primary_contact
		self.contact_email = self.get("contact_email") or customer.email_id
		self.set_customers_defaults(customer)

	def set_customers_defaults(self, customer: Document) -> None:
		self.currency = self.currency or customer.default_currency
		if not self.meta.get_field("sales_team"):
			return
		self.is_internal_customer = customer.is_internal_customer
		self.represents_company = customer.represents_company
		if self.is_new() and not self.sales_team:
			for row in customer.sales_team:
				values = {"sales_person": row.sales_person, "allocated_percentage": row.allocated_percentage}
				self.append("sales_team", values)

	def set_currency(self) -> None:
		own = erpnext.get_company_currency(self.company)
		self.currency = self.currency or own
		if self.currency == own:
			self.conversion_rate = 1.0
		elif not flt(self.conversion_rate):
			self.conversion_rate = get_exchange_rate(
				self.currency, own, self.get(self.date_field), "for_selling"
			)
			if not self.conversion_rate:
				text = _("Unable to find exchange rate for {0} to {1} for key date {2}")
				frappe.throw(text.format(self.currency, own, self.get(self.date_field)))
		default_list = frappe.db.get_single_value("Selling Settings", "selling_price_list")
		self.selling_price_list = self.selling_price_list or default_list
		self.price_list_currency = self.price_list_currency or own
		self.plc_conversion_rate = flt(self.plc_conversion_rate) or 1.0

	def set_item(self, item: Document) -> None:
		if item.item_code:
			master = frappe.get_cached_doc("Item", item.item_code)
			item.item_name = item.item_name or master.item_name
			item.description = item.description or master.description
			item.item_group = item.item_group or master.item_group
			item.brand = item.brand or master.brand
			item.stock_uom = item.stock_uom or master.stock_uom
			item.uom = item.uom or item.stock_uom
		item.uom = item.uom or frappe.db.get_single_value("Stock Settings", "stock_uom")
		item.conversion_factor = flt(item.conversion_factor) or 1.0
		item.stock_qty = flt(item.qty) * item.conversion_factor
		if not flt(item.rate) and flt(item.price_list_rate):
			item.rate = flt(item.price_list_rate) * (1 - flt(item.discount_percentage) / 100)
		quantity = flt(item.qty) or cint(self.get("is_debit_note"))
		item.amount = flt(flt(item.rate) * quantity, item.precision("amount"))

	def set_totals(self) -> None:
		rate = flt(self.conversion_rate)
		self.total_qty = sum(flt(item.qty) for item in self.items)
		self.total = flt(sum(item.amount for item in self.items), self.precision("total"))
		share = 1 - (self.discount() / self.total if self.total else 0)
		for item in self.items:
			item.net_rate, item.net_amount = flt(item.rate) * share, item.amount * share
			for name in ("rate", "amount", "net_rate", "net_amount"):
				item.set(f"base_{name}", flt(flt(item.get(name)) * rate, item.precision(f"base_{name}")))
		self.net_total = self.grand_total = flt(self.total * share, self.precision("net_total"))
		for name in ("total", "net_total", "grand_total"):
			self.set(f"base_{name}", flt(self.get(name) * rate, self.precision(f"base_{name}")))

	def discount(self) -> float:
		"""There are no taxes, so a discount on the grand total is one on the net total."""
		if not self.meta.get_field("discount_amount"):
			return 0.0
		if flt(self.additional_discount_percentage):
			self.discount_amount = self.total * flt(self.additional_discount_percentage) / 100
		self.base_discount_amount = flt(self.discount_amount) * flt(self.conversion_rate)
		return flt(self.discount_amount)


def copy_items(source: Document, target: Document, links: dict[str, str], sign: int = 1) -> Document:
	"""Fill `target` with the party and items of `source`; `links` maps an item's field to the source's field."""
	names = ("customer", "company", "currency", "conversion_rate", "selling_price_list", "contact_person")
	for name in names:
		if target.meta.get_field(name) and source.get(name):
			target.set(name, source.get(name))
	for item in source.items:
		row = {"item_code": item.item_code, "item_name": item.item_name, "uom": item.uom}
		row |= {"qty": sign * item.qty, "rate": item.rate, "description": item.description}
		row |= {theirs: item.get(ours) for theirs, ours in links.items()}
		target.append("items", row)
	return target
