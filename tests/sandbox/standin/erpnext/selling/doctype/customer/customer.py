import frappe
from frappe import _
from frappe.model.document import Document
from frappe.model.naming import set_name_by_naming_series
from frappe.utils import cint, flt


class Customer(Document):
	def autoname(self) -> None:
		if frappe.defaults.get_global_default("cust_master_name") == "Naming Series":
			set_name_by_naming_series(self)
		else:
			self.name = self.free_name()

	def free_name(self) -> str:
		"""The customer's name, with the next free number behind it if it is taken."""
		if not frappe.db.exists("Customer", self.customer_name):
			return self.customer_name
		taken = frappe.get_all("Customer", {"name": ["like", f"{self.customer_name} - %"]}, pluck="name")
		number = max((cint(name.rsplit(" ", 1)[-1]) for name in taken), default=0) + 1
		return f"{self.customer_name} - {number}"

	def validate(self) -> None:
		self.customer_name = self.customer_name.strip()
		if self.is_internal_customer and not self.represents_company:
			frappe.throw(_("Please set the company that this internal customer represents"))
		if self.sales_team and sum(flt(row.allocated_percentage) for row in self.sales_team) != 100:
			frappe.throw(_("Total contribution percentage should be equal to 100"))

	def on_update(self) -> None:
		if not self.customer_primary_contact and (self.email_id or self.mobile_no):
			self.make_primary_contact()

	def make_primary_contact(self) -> None:
		contact = frappe.new_doc("Contact")
		contact.update({"first_name": self.customer_name, "is_primary_contact": 1})
		contact.append("links", {"link_doctype": "Customer", "link_name": self.name})
		if self.email_id:
			contact.append("email_ids", {"email_id": self.email_id, "is_primary": 1})
		if self.mobile_no:
			contact.append("phone_nos", {"phone": self.mobile_no, "is_primary_mobile_no": 1})
		contact.insert(ignore_permissions=True)
		self.db_set("customer_primary_contact", contact.name)

	def onload(self) -> None:
		from frappe.contacts.address_and_contact import load_address_and_contact

		load_address_and_contact(self)

	def after_rename(self, old: str, new: str, merge: bool = False) -> None:
		if frappe.defaults.get_global_default("cust_master_name") == "Customer Name":
			self.db_set("customer_name", new)

	def on_trash(self) -> None:
		from frappe.contacts.address_and_contact import delete_contact_and_address

		if self.customer_primary_contact:
			self.db_set("customer_primary_contact", None)
		delete_contact_and_address("Customer", self.name)
