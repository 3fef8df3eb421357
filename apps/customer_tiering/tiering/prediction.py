"""How far a customer's predicted lifetime value can be trusted, or why there is none: in sentences, for the customer's form."""

from collections.abc import Iterator

import frappe
from frappe import _
from frappe.model.document import Document
from frappe.utils import flt, fmt_money, format_date, getdate

from customer_tiering.tiering.fit_in_words import reason_of, test_note_of
from customer_tiering.tiering.lifetime_value import DOCTYPE, FITTED, NOT_FITTED
from customer_tiering.tiering.limits import MOST_MONEY, note_on_limits

FIELDS = (
	"name",
	"status",
	"as_of",
	"horizon_months",
	"currency",
	"reason",
	"refusal",
	"test_refusal",
	"test_from",
	"test_days",
	"test_error",
	"naive_error",
	"test_note",
)


def prediction_of(customer: Document) -> dict:
	"""{"sentences", "fit": the Lifetime Value Fit that says more, None where it says nothing of this customer, "currency" of the
	value, which is the fit's until another one has run}.
	"""
	fits = frappe.get_all(
		DOCTYPE, {"status": ("in", (FITTED, NOT_FITTED))}, FIELDS, order_by="creation desc", limit=1
	)
	fit = fits[0] if fits else None
	if fit and flt(customer.predicted_clv):
		beyond = flt(customer.predicted_clv) >= MOST_MONEY
		sentences = [*(note_on_limits([customer.name]) if beyond else ()), *_trust(fit)]
		return {"sentences": sentences, "fit": fit.name, "currency": fit.currency}
	says_why = fit and fit.status == NOT_FITTED
	return {"sentences": [_why_none(customer, fit)], "fit": fit.name if says_why else None, "currency": None}


def _trust(fit: frappe._dict) -> Iterator[str]:
	yield _("Expected in the {0} months from {1} on.").format(fit.horizon_months, format_date(fit.as_of))
	if not fit.test_days:
		if note := test_note_of(fit):
			yield note
		return
	error, naive = (fmt_money(amount, currency=fit.currency) for amount in (fit.test_error, fit.naive_error))
	yield _("Tried on the last {0} days, such numbers were off by {1} a customer.").format(
		fit.test_days, error
	)
	if fit.test_error >= fit.naive_error:
		yield _(
			"The guess that each brings again what it brought before was closer ({0}): do not rely on this number alone."
		).format(naive)


def _why_none(customer: Document, fit: frappe._dict | None) -> str:
	if customer.disabled or customer.is_internal_customer:
		return _("No prediction: disabled and internal customers have none.")
	if not fit:
		return _("No prediction yet: the first one comes with the weekly fit.")
	if fit.status == NOT_FITTED:
		return _("No prediction: {0}").format(reason_of(fit))
	if not customer.last_order_date:
		return _("No prediction: the customer has not ordered yet.")
	if getdate(customer.last_order_date) > fit.as_of:
		return _("No prediction yet: the customer ordered on {0}, after the last fit of {1}.").format(
			format_date(customer.last_order_date), format_date(fit.as_of)
		)
	return _("The model expects no money in the {0} months from {1} on.").format(
		fit.horizon_months, format_date(fit.as_of)
	)
