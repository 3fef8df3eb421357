"""Codes of our offers on sales documents: who may use them is checked here, ERPNext doesn't; who did is noted on the touch."""

from datetime import date

import frappe
from frappe import _
from frappe.utils import flt, fmt_money, getdate, now_datetime

FIELDS = ["customer", "valid_from", "valid_upto", "maximum_use", "used", "pricing_rule"]


def before_validate(doc: "frappe.Document", method: str | None = None) -> None:
	"""Who takes a code of ours out of a draft again gives its discount back: our rules no longer look at such a document."""
	if not doc.meta.has_field("coupon_code"):
		return  # an invoice before ERPNext 16
	if doc.get("coupon_code") and _was_used_before(doc):
		doc.coupon_code = None
	before = doc.get_doc_before_save() or _amended(doc)
	if not before or not before.get("coupon_code") or before.coupon_code == doc.get("coupon_code"):
		return
	if not _touch_of(before.coupon_code):
		return
	rule = frappe.db.get_value("Coupon Code", before.coupon_code, "pricing_rule")
	percent, amount = frappe.db.get_value("Pricing Rule", rule, ["discount_percentage", "discount_amount"])
	given = flt(doc.additional_discount_percentage) or flt(doc.discount_amount)
	if given == (flt(percent) or flt(amount)):
		doc.additional_discount_percentage = doc.discount_amount = 0


def _amended(doc: "frappe.Document") -> "frappe._dict | None":
	"""What a new document puts right: its discount came from there."""
	if not doc.get("amended_from"):
		return None
	return frappe.db.get_value(doc.doctype, doc.amended_from, ["coupon_code"], as_dict=True)


def _was_used_before(doc: "frappe.Document") -> bool:
	"""Whether this is a return, or the invoice of an order that has the code.

	ERPNext takes the code over into these, and then refuses it as used up; the discount is in their figures.
	"""
	orders = {row.get("sales_order") for row in doc.items} - {None, ""}
	if doc.get("is_return"):
		return bool(_touch_of(doc.coupon_code))
	if doc.doctype != "Sales Invoice" or not orders:
		return False
	used = {"name": ("in", orders), "coupon_code": doc.coupon_code, "docstatus": 1}
	return bool(frappe.db.exists("Sales Order", used) and _touch_of(doc.coupon_code))


def validate(doc: "frappe.Document", method: str | None = None) -> None:
	"""Refuse a code of ours that is somebody else's, has ended, was used, or would give this document nothing.

	Codes that the company made itself are none of our business. Nothing is said about whose the code is.
	"""
	if not doc.get("coupon_code"):
		return
	if not _touch_of(doc.coupon_code):
		return
	coupon = frappe.db.get_value("Coupon Code", doc.coupon_code, FIELDS, as_dict=True)
	if not coupon or (coupon.customer and coupon.customer != _customer_of(doc)):
		frappe.throw(_("The coupon code {0} is not for this customer.").format(doc.coupon_code))
	_refuse_wrong_time(doc, coupon, getdate())
	_refuse_without_effect(doc, coupon.pricing_rule)


def on_submit(doc: "frappe.Document", method: str | None = None) -> None:
	if not doc.get("coupon_code"):
		return
	_note(
		doc.coupon_code,
		redeemed_doctype=doc.doctype,
		redeemed_in=doc.name,
		redeemed_on=doc.get("transaction_date") or doc.get("posting_date"),
		redeemed_at=now_datetime(),
		redeemed_amount=doc.base_net_total,
		redeemed_currency=frappe.get_cached_value("Company", doc.company, "default_currency"),
	)


def on_cancel(doc: "frappe.Document", method: str | None = None) -> None:
	if not doc.get("coupon_code"):
		return
	if frappe.db.exists("Outreach Touch", {"coupon_code": doc.coupon_code, "redeemed_in": doc.name}):
		fields = ("doctype", "in", "on", "at", "currency")
		_note(doc.coupon_code, redeemed_amount=0, **{f"redeemed_{field}": None for field in fields})


def _touch_of(code: str) -> str | None:
	return frappe.db.get_value("Outreach Touch", {"coupon_code": code})


def _note(code: str, **values: object) -> None:
	touch = _touch_of(code)
	if touch:
		frappe.db.set_value("Outreach Touch", touch, values)


def _customer_of(doc: "frappe.Document") -> str | None:
	if doc.doctype == "Quotation":
		return doc.party_name if doc.quotation_to == "Customer" else None
	return doc.customer


def _refuse_wrong_time(doc: "frappe.Document", coupon: frappe._dict, today: date) -> None:
	"""As ERPNext does for orders, but for quotations as well."""
	if coupon.valid_from and getdate(coupon.valid_from) > today:
		frappe.throw(_("The coupon code {0} is not valid yet.").format(doc.coupon_code))
	if coupon.valid_upto and getdate(coupon.valid_upto) < today:
		frappe.throw(
			_("The coupon code {0} ended on {1}.").format(
				doc.coupon_code, frappe.format(coupon.valid_upto, "Date")
			)
		)
	if coupon.maximum_use and coupon.used >= coupon.maximum_use:
		frappe.throw(_("The coupon code {0} was used already.").format(doc.coupon_code))


def _refuse_without_effect(doc: "frappe.Document", name: str) -> None:
	"""ERPNext would use the code up and give nothing for it."""
	fields = ["disable", "company", "currency", "min_amt", "rate_or_discount"]
	rule = frappe.db.get_value("Pricing Rule", name, fields, as_dict=True)
	if not rule or rule.disable:
		frappe.throw(_("The coupon code {0} is no longer valid.").format(doc.coupon_code))
	if rule.company and rule.company != doc.company:
		frappe.throw(_("The coupon code {0} is for orders of {1}.").format(doc.coupon_code, rule.company))
	if (flt(rule.min_amt) or rule.rate_or_discount == "Discount Amount") and rule.currency != doc.currency:
		frappe.throw(_("The coupon code {0} is for orders in {1}.").format(doc.coupon_code, rule.currency))
	if flt(doc.total) < flt(rule.min_amt):
		frappe.throw(
			_("The coupon code {0} is for orders of {1} or more.").format(
				doc.coupon_code, fmt_money(rule.min_amt, currency=rule.currency)
			)
		)
