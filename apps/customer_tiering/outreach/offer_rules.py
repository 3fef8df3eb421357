"""The ERPNext Pricing Rules behind offers: one a band, for all its codes.

They apply to the whole transaction, because for a rule on items ERPNext (15 and 16) accepts no code but the first one that
was ever made over it. Their condition keeps them away from every document without one of the offer's codes: on such
documents ERPNext would set the additional discount, whoever gave it, to nothing.
"""

import frappe
from frappe.utils import flt

from customer_tiering.outreach.offers import PERCENTAGE, discount_text

TERMS = ("discount_type", "minimum_amount", "only_company", "currency", "code_prefix")


def set_rules(offer: "frappe.Document") -> None:
	"""Each band of an offer that is switched on has a rule. A band whose terms changed gets a new one: codes that are out
	keep what they promised. A rule that was edited by hand stays as it is.
	"""
	before = offer.get_doc_before_save()
	same = before and all((before.get(term) or None) == (offer.get(term) or None) for term in TERMS)
	known = {row.name: row for row in before.bands} if same else {}
	for row in offer.bands:
		old = known.get(row.name)
		kept = old and flt(old.discount) == flt(row.discount)
		row.pricing_rule = old.pricing_rule if kept and _exists(old.pricing_rule) else None
		if offer.enabled and not row.pricing_rule:
			row.pricing_rule = _make_rule(offer, flt(row.discount))


def _exists(rule: str | None) -> bool:
	return bool(rule and frappe.db.exists("Pricing Rule", {"name": rule, "disable": 0}))


def _make_rule(offer: "frappe.Document", discount: float) -> str:
	field = "discount_percentage" if offer.discount_type == PERCENTAGE else "discount_amount"
	rule = frappe.get_doc(
		{
			"doctype": "Pricing Rule",
			"title": f"{offer.offer_name[:100]} · {discount_text(offer, discount)}",
			"apply_on": "Transaction",
			"price_or_product_discount": "Price",
			"selling": 1,
			"coupon_code_based": 1,
			"rate_or_discount": offer.discount_type,
			field: discount,
			"apply_discount_on": "Net Total",
			"min_amt": flt(offer.minimum_amount),
			"company": offer.only_company or "",  # None would become the user's own
			"currency": offer.currency,
			"condition": _condition(offer),
		}
	)
	return rule.insert(ignore_permissions=True).name


def _condition(offer: "frappe.Document") -> str:
	"""Amounts of such a rule are in whatever currency the document is in, so it must be in the offer's."""
	condition = f'coupon_code and "{offer.code_prefix}-" in coupon_code'
	return f'{condition} and currency == "{offer.currency}"' if has_amounts(offer) else condition


def has_amounts(offer: "frappe.Document") -> bool:
	return offer.discount_type != PERCENTAGE or flt(offer.minimum_amount) > 0
