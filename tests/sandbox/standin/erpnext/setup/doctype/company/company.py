import frappe
from frappe.utils.nestedset import NestedSet


class Company(NestedSet):
	nsm_parent_field = "parent_company"

	def on_update(self) -> None:
		super().on_update()
		if not self.cost_center:
			self.make_accounts()

	def make_accounts(self) -> None:
		"""The accounts and the cost center that a sales document names."""
		root = self.make("Account", account_name="Accounts", is_group=1)
		made = {
			"default_receivable_account": self.make_account("Debtors", root, "Receivable"),
			"default_income_account": self.make_account("Sales", root, "Income Account"),
		}
		self.make_account("Temporary Opening", root, "Temporary")
		root = self.make("Cost Center", cost_center_name=self.company_name, is_group=1)
		made["cost_center"] = self.make("Cost Center", cost_center_name="Main", parent_cost_center=root)
		self.db_set(made)

	def make_account(self, name: str, parent: str, kind: str) -> str:
		return self.make("Account", account_name=name, parent_account=parent, account_type=kind)

	def make(self, doctype: str, **values) -> str:
		doc = frappe.get_doc({"doctype": doctype, "company": self.name, **values})
		doc.flags.ignore_mandatory = True
		return doc.insert(ignore_permissions=True, ignore_if_duplicate=True).name
