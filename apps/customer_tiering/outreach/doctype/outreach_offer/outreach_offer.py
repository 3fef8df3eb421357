import re

import frappe
from frappe import _
from frappe.model.document import Document
from frappe.utils import cint, flt

from customer_tiering.outreach.merge_values import SAMPLE
from customer_tiering.outreach.offer_rules import set_rules
from customer_tiering.outreach.offers import PERCENTAGE
from customer_tiering.outreach.render import RenderError, render, render_text

LONGEST = 365


class OutreachOffer(Document):
	def validate(self) -> None:
		self.set_currency()
		self.refuse_bad_bands()
		self.refuse_bad_numbers()
		self.refuse_bad_prefix()
		self.refuse_bad_reminder()

	def before_save(self) -> None:
		set_rules(self)

	def set_currency(self) -> None:
		company = self.only_company or frappe.defaults.get_global_default("company")
		if company and not self.currency:
			self.currency = frappe.get_cached_value("Company", company, "default_currency")
		if self.enabled and not self.currency:
			frappe.throw(_("Choose the currency of the offer."))

	def refuse_bad_bands(self) -> None:
		self.bands.sort(key=lambda row: flt(row.from_value))
		for number, row in enumerate(self.bands, start=1):
			row.idx = number
		values = [flt(row.from_value) for row in self.bands]
		if not values or values[0] != 0:
			frappe.throw(_("The first band must begin at zero: else some customers would get nothing."))
		if len(set(values)) < len(values):
			frappe.throw(_("Two bands begin at the same value."))
		for row in self.bands:
			if flt(row.discount) <= 0 or (self.discount_type == PERCENTAGE and flt(row.discount) > 100):
				frappe.throw(
					_("Row {0}: the discount must be more than zero, and not more than 100 percent.").format(
						row.idx
					)
				)

	def refuse_bad_numbers(self) -> None:
		if not 1 <= cint(self.valid_days) <= LONGEST:
			frappe.throw(_("A code is valid for 1 to {0} days.").format(LONGEST))
		if not 0 <= cint(self.reminder_days) < cint(self.valid_days):
			frappe.throw(_("The reminder must come after the code, and before its last day."))
		if flt(self.minimum_amount) < 0:
			frappe.throw(_("{0} can't be negative.").format(_("Minimum Order")))

	def refuse_bad_prefix(self) -> None:
		self.code_prefix = (self.code_prefix or "").strip().upper()
		if not re.fullmatch(r"[A-Z0-9]{2,10}", self.code_prefix):
			frappe.throw(_("The prefix of the codes has 2 to 10 letters from A to Z, or digits."))

	def refuse_bad_reminder(self) -> None:
		try:
			if self.reminder_template and frappe.db.exists("Email Template", self.reminder_template):
				render(frappe.get_doc("Email Template", self.reminder_template), SAMPLE)
			render_text(self.reminder_text or "", SAMPLE)
		except RenderError as error:
			frappe.throw(
				_("The reminder can't be filled in: {0}").format(frappe.utils.escape_html(str(error)))
			)
