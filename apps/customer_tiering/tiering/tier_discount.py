"""The discount of a tier, given by ERPNext: one Pricing Rule a tier, whatever the number of customers.

Pricing Rules know no tier, and a rule a customer would be a hundred thousand. But a rule may have a condition on the fields of
the document: a sales document is told, before ERPNext looks for rules, whose tier's discount it is to get.
"""

import json

import frappe
from frappe import _
from frappe.utils import cint, flt


def before_validate(doc: "frappe.Document", method: str | None = None) -> None:
	"""For a Quotation, Sales Order or Sales Invoice: which tier's discount it gets.

	None does that has a discount given by hand or a coupon, or that follows from an order, whose price it keeps.
	"""
	if doc.docstatus and not doc.is_new():
		return
	given, doc.benefit_tier = doc.get("benefit_tier"), None
	customer = _customer_of(doc)
	if not customer or not _may_have_one(doc):
		return
	tier = _tier_of(customer)
	if given:
		_take_back(doc, given)
	by_hand = flt(doc.get("additional_discount_percentage")) or flt(doc.get("discount_amount"))
	if tier and not by_hand and not doc.get("coupon_code"):
		doc.benefit_tier = tier


def follow(tier: "frappe.Document") -> None:
	"""Have the tier's Pricing Rule say what the tier says. One that was edited by hand is left alone, and that is told."""
	rule = _rule_of(tier)
	if not rule:
		tier.pricing_rule = _make_rule(tier) if _is_on(tier) else None
		return
	before = tier.get_doc_before_save()
	if before and terms(before) == terms(tier):
		return
	if before and _is_edited(rule, before):
		frappe.msgprint(
			_("The Pricing Rule {0} was edited by hand, so it stays as it is: change it there.").format(
				frappe.utils.get_link_to_form("Pricing Rule", rule.name)
			)
		)
		return
	rule.update(terms(tier)).save(ignore_permissions=True)


def after_rename(tier: "frappe.Document", method: str, old: str, new: str, merge: bool = False) -> None:
	rule = _rule_of(tier)
	if rule and rule.condition == _condition(old):
		rule.update({"condition": _condition(new), "title": _title(new)}).save(ignore_permissions=True)


def switch_off(tier: "frappe.Document") -> None:
	"""The tier goes, or the app does."""
	rule = _rule_of(tier)
	if rule and not rule.disable:
		rule.update({"disable": 1}).save(ignore_permissions=True)


def terms(tier: "frappe.Document") -> dict:
	"""What we write into the rule, and keep in step."""
	return {
		"discount_percentage": flt(tier.discount_percent),
		"condition": _condition(tier.name or tier.tier_name),
		"disable": int(not _is_on(tier)),
	}


def preview(tier: str, percent: float) -> dict:
	"""What the discount would do: how many `customers` are in the tier now, what it would `cost` in a year in which they buy as in
	the last 12 months (in the reporting currency), and which `other_rules` apply to whole transactions as well.
	"""
	customers, sales = frappe.db.sql(
		"""SELECT COUNT(*), COALESCE(SUM(GREATEST(annual_value, 0)), 0) FROM tabCustomer
		WHERE customer_tier = %s AND disabled = 0""",
		tier,
	)[0]
	others = frappe.get_all(
		"Pricing Rule",
		filters={"apply_on": "Transaction", "selling": 1, "disable": 0, "coupon_code_based": 0},
		fields=["name", "title", "condition"],
		order_by="name",
	)
	return {
		"customers": customers,
		"cost": flt(sales) * flt(percent) / 100,
		"currency": frappe.get_cached_doc("Tiering Settings").reporting_currency,
		"other_rules": [row for row in others if not (row.condition or "").startswith("benefit_tier ==")],
	}


def _is_on(tier: "frappe.Document") -> bool:
	return bool(cint(tier.discount_enabled) and flt(tier.discount_percent))


def _make_rule(tier: "frappe.Document") -> str:
	company = frappe.defaults.get_global_default("company") or frappe.db.get_value("Company", {})
	rule = frappe.get_doc(
		{
			"doctype": "Pricing Rule",
			"title": _title(tier.name or tier.tier_name),
			"apply_on": "Transaction",
			"price_or_product_discount": "Price",
			"selling": 1,
			"rate_or_discount": "Discount Percentage",
			"apply_discount_on": "Net Total",
			"company": "",  # None would become the user's own
			"currency": frappe.get_cached_value("Company", company, "default_currency"),
			**terms(tier),
		}
	)
	return rule.insert(ignore_permissions=True).name


def _rule_of(tier: "frappe.Document") -> "frappe.Document | None":
	if not tier.pricing_rule or not frappe.db.exists("Pricing Rule", tier.pricing_rule):
		return None
	return frappe.get_doc("Pricing Rule", tier.pricing_rule)


def _is_edited(rule: "frappe.Document", before: "frappe.Document") -> bool:
	return any(rule.get(field) != value for field, value in terms(before).items())


def _title(tier: str) -> str:
	return _("Tier {0}").format(tier)[:140]


def _condition(tier: str) -> str:
	return f"benefit_tier == {json.dumps(tier, ensure_ascii=False)}"


def _customer_of(doc: "frappe.Document") -> str | None:
	if doc.doctype == "Quotation":
		return doc.party_name if doc.quotation_to == "Customer" else None
	return doc.customer


def _may_have_one(doc: "frappe.Document") -> bool:
	if doc.get("ignore_pricing_rule") or doc.get("is_return") or doc.get("is_consolidated"):
		return False
	return not any(row.get("sales_order") or row.get("prevdoc_docname") for row in doc.get("items") or ())


def _tier_of(customer: str) -> str | None:
	rows = frappe.db.sql(
		"""SELECT tier.name FROM tabCustomer customer
		JOIN `tabCustomer Tier` tier ON tier.name = customer.customer_tier
		WHERE customer.name = %s AND tier.discount_enabled = 1 AND tier.discount_percent > 0""",
		customer,
	)
	return rows[0][0] if rows else None


def _take_back(doc: "frappe.Document", tier: str) -> None:
	"""The discount that the draft has from the tier; it is given again if it is still due."""
	percent = flt(frappe.db.get_value("Customer Tier", tier, "discount_percent"))
	if percent and flt(doc.get("additional_discount_percentage")) == percent:
		doc.additional_discount_percentage = doc.discount_amount = 0
