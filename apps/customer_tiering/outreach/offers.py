"""What an offer is worth to a customer, and the personal code that a touch brings.

A code is an ERPNext Coupon Code, inserted in the touch's own transaction: a touch that fails or waits leaves none behind. It
follows from the enrollment and the step, so that trying again gives the same one, and can't be guessed without the site's key.
"""

import hashlib
import hmac
from datetime import date
from typing import NamedTuple

import frappe
from frappe import _
from frappe.utils import add_days, escape_html, flt, fmt_money, getdate
from frappe.utils.password import get_encryption_key

from customer_tiering.outreach.channels import Skip
from customer_tiering.outreach.deferral import Deferral

ALPHABET = "ABCDEFGHJKMNPQRSTUVWXYZ23456789"
BLOCK = 5
PERCENTAGE = "Discount Percentage"


class Promise(NamedTuple):
	"""A code and what it is worth, in words for the customer; the minimum is empty where there is none."""

	offer: str
	code: str
	end: date
	discount: str
	minimum: str


def promise_for(
	step: "frappe.Document", touch: "frappe.Document", customer: "frappe.Document", day: date
) -> Promise | None:
	"""The code that this touch brings, made here, or reminds of; None for a step without an offer. Raises Deferral or Skip."""
	if step.get("reminds_of"):
		return _still_open(step.reminds_of, day)
	if not step.get("offer"):
		return None
	offer = frappe.get_doc("Outreach Offer", step.offer)
	if not offer.enabled:
		raise Deferral(_("The offer {0} is switched off.").format(offer.name))
	code = code_of(offer.code_prefix, touch.enrollment, touch.step)
	promise = _promise(offer, customer, code, day)
	if not frappe.db.exists("Coupon Code", code):
		_make_coupon(promise, band_of(offer, customer), customer, day)
	return promise


def example_for(step: "frappe.Document", customer: "frappe.Document", day: date) -> Promise | None:
	"""What the step would promise the customer, without a code that is good for anything."""
	if not step.get("offer"):
		return None
	offer = frappe.get_doc("Outreach Offer", step.offer)
	return _promise(offer, customer, f"{offer.code_prefix}-{_('EXAMPLE')}", day)


def band_of(offer: "frappe.Document", customer: "frappe.Document") -> "frappe.Document":
	"""The band of the customer's net sales; who has fewer than nothing is in the first."""
	sales = max(0, flt(customer.annual_value))
	return max((row for row in offer.bands if flt(row.from_value) <= sales), key=lambda row: row.from_value)


def discount_text(offer: "frappe.Document", discount: float) -> str:
	if offer.discount_type == PERCENTAGE:
		if (frappe.local.lang or "").startswith(
			"zh"
		):  # readers there count what is still to be paid, in tenths
			return f"{(100 - flt(discount)) / 10:g} 折"
		return f"{flt(discount):g}%"
	return fmt_money(discount, currency=offer.currency)


def code_of(prefix: str, enrollment: str, step: str) -> str:
	digest = hmac.new(
		get_encryption_key().encode(), f"coupon|{enrollment}|{step}".encode(), hashlib.sha256
	).digest()
	number, letters = int.from_bytes(digest, "big"), ""
	for _position in range(2 * BLOCK):
		number, position = divmod(number, len(ALPHABET))
		letters += ALPHABET[position]
	return f"{prefix}-{letters[:BLOCK]}-{letters[BLOCK:]}"


def _promise(offer: "frappe.Document", customer: "frappe.Document", code: str, day: date) -> Promise:
	minimum = fmt_money(offer.minimum_amount, currency=offer.currency) if flt(offer.minimum_amount) else ""
	discount = discount_text(offer, band_of(offer, customer).discount)
	return Promise(offer.name, code, getdate(add_days(day, offer.valid_days)), discount, minimum)


def _make_coupon(promise: Promise, band: "frappe.Document", customer: "frappe.Document", day: date) -> None:
	if not band.pricing_rule or not frappe.db.exists(
		"Pricing Rule", {"name": band.pricing_rule, "disable": 0}
	):
		frappe.throw(
			_("The Pricing Rule of the offer {0} is gone or disabled. Save the offer again.").format(
				promise.offer
			)
		)
	frappe.get_doc(
		doctype="Coupon Code",
		coupon_name=promise.code,
		coupon_code=promise.code,
		coupon_type="Promotional",
		customer=customer.name,
		pricing_rule=band.pricing_rule,
		maximum_use=1,
		valid_from=day,
		valid_upto=promise.end,
		description=_("{0} for {1} only.").format(promise.discount, customer.customer_name),
	).insert(ignore_permissions=True)


def _still_open(code: str, day: date) -> Promise:
	"""The promise of a touch that was made before, as it stands in its coupon and rule."""
	coupon = frappe.get_doc("Coupon Code", code)
	touch = {"coupon_code": code}
	if coupon.used or frappe.db.get_value("Outreach Touch", touch, "redeemed_in"):
		raise Skip(_("The code {0} was used already.").format(code))
	if coupon.valid_upto and getdate(coupon.valid_upto) < day:
		raise Skip(_("The code {0} has ended already.").format(code))
	rule = frappe.get_doc("Pricing Rule", coupon.pricing_rule)
	if rule.disable:
		raise Skip(_("The Pricing Rule of the code {0} is disabled.").format(code))
	offer = frappe._dict(discount_type=rule.rate_or_discount, currency=rule.currency)
	is_percentage = rule.rate_or_discount == PERCENTAGE
	return Promise(
		frappe.db.get_value("Outreach Touch", touch, "offer"),
		code,
		getdate(coupon.valid_upto),
		discount_text(offer, rule.discount_percentage if is_percentage else rule.discount_amount),
		fmt_money(rule.min_amt, currency=rule.currency) if flt(rule.min_amt) else "",
	)


def refuse_while_held(coupon: "frappe.Document", method: str | None = None) -> None:
	"""A code that a customer may still use isn't deleted: the message with it is out."""
	held = {"coupon_code": coupon.name, "redeemed_in": ("is", "not set")}
	touch = frappe.db.get_value("Outreach Touch", held, ["customer", "offer_end"], as_dict=True)
	end = touch and (coupon.valid_upto or touch.offer_end)
	if end and getdate(end) >= getdate():
		frappe.throw(
			_("{0} was given this code and may use it until {1}.").format(
				frappe.bold(escape_html(touch.customer)), frappe.format(end, "Date")
			)
		)
