"""The invoice that ended an enrollment, as it stands now."""

import frappe

# One that is being put right waits for its new document.
GONE = """
	SELECT enrollment.name, amended.name
	FROM `tabOutreach Enrollment` enrollment
	LEFT JOIN `tabSales Invoice` invoice ON invoice.name = enrollment.reorder_invoice
	LEFT JOIN `tabSales Invoice` amended ON amended.amended_from = invoice.name
	WHERE enrollment.reorder_invoice IS NOT NULL AND COALESCE(invoice.docstatus, 2) = 2 AND COALESCE(amended.docstatus, 1) != 0
"""


def follow_invoices() -> None:
	"""Name the amendment of an invoice that was cancelled, or none. Commits."""
	for enrollment, amendment in frappe.db.sql(GONE):  # without locking invoices
		frappe.db.set_value("Outreach Enrollment", enrollment, "reorder_invoice", amendment)
	frappe.db.commit()
