import frappe
from frappe import _
from frappe.model.document import Document
from frappe.utils import cint, flt

from customer_tiering.engine.experiment import customers_needed
from customer_tiering.outreach.tested_step import CLICK, step_title, tested_rows

# What the result means depends on these, so they stand when the first message may have gone out.
FIXED = ("sequence", "step", "metric", "window_days", "baseline_rate", "effect", "alpha", "power")
DRAFT = "Draft"


class OutreachExperiment(Document):
	def validate(self) -> None:
		before = self.get_doc_before_save()
		if before and before.status != DRAFT:
			if any(str(before.get(field)) != str(self.get(field)) for field in FIXED):
				frappe.throw(_("The experiment has begun: what it asks can't be changed any more."))
			return
		self.status, self.winner = DRAFT, None  # only the buttons change them
		self.set_variants()
		self.set_numbers()

	def set_variants(self) -> None:
		rows = tested_rows(frappe.get_doc("Outreach Sequence", self.sequence), self.step)
		if len(rows) != 2:
			frappe.throw(
				_(
					"An experiment compares two variants. Give this step two that have a weight; it has {0}."
				).format(len(rows))
			)
		if self.metric == CLICK and any(row.channel != "Email" for row in rows):
			frappe.throw(_("Clicks are seen in mails only. Choose Order."))
		self.variant_a, self.variant_b = (row.variant for row in rows)
		self.step_title = step_title(rows)
		self.ratio = cint(rows[1].weight) / cint(rows[0].weight)

	def set_numbers(self) -> None:
		"""The horizon: it is known before the first message goes out."""
		if cint(self.window_days) < 1:
			frappe.throw(_("{0} must be at least 1.").format(_("Within Days After the Message")))
		shares = (flt(self.get(field)) / 100 for field in ("baseline_rate", "effect", "power", "alpha"))
		try:
			self.needed_a, self.needed_b = customers_needed(*shares, self.ratio)
		except ValueError:
			frappe.throw(
				_("Percentages lie between 0 and 100, and success today and the difference together, too.")
			)
