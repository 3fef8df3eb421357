"""Numbers that no record can hold: the database would answer with an error that names no field, or store another one."""

import math
from collections.abc import Iterable

import frappe
from frappe import _
from frappe.model.document import Document
from frappe.utils import flt

LARGEST_AMOUNT = 999_999_999_999  # a Currency column has twelve digits before the point


def refuse_impossible_numbers(doc: Document, fields: Iterable[str]) -> None:
	"""Raise ValidationError, naming the field, for what is not finite, larger than a Currency column takes, or would be cut off."""
	for field in fields:
		value, label = flt(doc.get(field)), _(doc.meta.get_label(field))
		if not math.isfinite(value):
			frappe.throw(_("{0} must be a number.").format(label))
		if abs(value) > LARGEST_AMOUNT:
			frappe.throw(_("{0} must be {1} or less.").format(label, f"{LARGEST_AMOUNT:,}"))
		if value % 1 and doc.meta.get_field(field).fieldtype in ("Int", "Check"):
			frappe.throw(_("{0} must be a whole number.").format(label))
