from frappe.utils.nestedset import NestedSet


class Employee(NestedSet):
	nsm_parent_field = "reports_to"

	def validate(self) -> None:
		self.employee = self.name
		names = (self.first_name, self.middle_name, self.last_name)
		self.employee_name = " ".join(name for name in names if name)
