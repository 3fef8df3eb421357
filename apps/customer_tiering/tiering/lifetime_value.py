"""A fit: learn from all customers how they order, write on each what it will bring, and keep how good such numbers are.

Predictions are as of the day of the fit and stand until the next one; runs don't touch them.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING

import frappe
from frappe import _
from frappe.utils import add_months, cint, date_diff, flt, getdate, now_datetime

from customer_tiering.engine.policy import Policy
from customer_tiering.tiering import temporary
from customer_tiering.tiering.fit_in_words import Refusal, reason_of, test_note_of
from customer_tiering.tiering.limits import MOST_MONEY, note_on_limits
from customer_tiering.tiering.lock import only_one, unless_disconnected
from customer_tiering.tiering.orders import smallest_unit
from customer_tiering.tiering.policy import read_policy
from customer_tiering.tiering.recompute import Progress, no_progress

if TYPE_CHECKING:
	import pandas as pd

	from customer_tiering.engine.lifetime_value import BackTest, Model

DOCTYPE = "Lifetime Value Fit"
LOCK = "customer_tiering.lifetime_value"
BUFFER = "_tiering_predictions"
CHUNK = 2000

FITTED, NOT_FITTED = "Fitted", "Not Fitted"


@dataclass(frozen=True)
class Fit:
	"""What a fit found and wrote: `name` of its record (None for a dry run) and the record's `values`.

	With the status "Not Fitted" there is no model, `values["reason"]` says why, and all predictions are emptied.
	"""

	name: str | None
	values: dict = field(repr=False)

	@property
	def is_fitted(self) -> bool:
		return self.values["status"] == FITTED

	def as_dict(self) -> dict:
		dates = {key: str(value) for key, value in self.values.items() if isinstance(value, date)}
		return {"name": self.name, **self.values, **dates}


def fit_lifetime_value(
	as_of: date | None = None, dry_run: bool = False, progress: Progress = no_progress, *, wait: int = 0
) -> Fit:
	"""Fit the model to all orders until a day (default: today in the site's time zone) and write the predictions that changed.

	Raises ValidationError for a policy that can't decide everybody and for an `as_of` other than today on a site that is not
	marked for demo or tests, and RunInProgressError if another fit is still at work after `wait` seconds. One that was killed
	leaves what it had committed; the next one completes it.
	"""
	today = getdate()
	as_of = as_of or today
	if dry_run:
		values, _changed = _find(as_of, progress)
		return Fit(None, values)
	_refuse_other_days(as_of, today)
	refusal = _("Another fit of lifetime values is at work: see the list of Lifetime Value Fits.")
	with only_one(LOCK, refusal, wait):
		_mark_dead_fits()
		record = _start(as_of)
		try:
			values, changed = _find(as_of, progress)
			_write(changed, progress)
			record.db_set({**values, "finished_at": now_datetime()})
			frappe.db.commit()
		except Exception:
			_fail(record)
			raise
	return Fit(record.name, values)


def _find(as_of: date, progress: Progress) -> tuple[dict, "pd.Series"]:
	"""The values of the record, and by customer the predictions that are others than those that stand there."""
	policy = read_policy()
	months, discount = _terms()
	progress(0, 0, _("Reading orders"))
	customers = _customers()
	days = _order_days(policy, as_of, customers)
	horizon = date_diff(add_months(as_of, months), as_of)
	found, predicted = _predict(
		days, as_of, horizon, discount, progress, lambda day: _order_days(policy, day, customers)
	)
	if found["status"] == NOT_FITTED:
		found |= _for_want_of_rates(policy, days, as_of)
	predicted = predicted.reindex(customers.index, fill_value=0.0).round(
		smallest_unit(policy.reporting_currency)
	)
	beyond = list(predicted.index[predicted > MOST_MONEY])
	predicted = predicted.clip(upper=MOST_MONEY)
	changed = predicted[predicted != customers["predicted"]]
	values = {
		"as_of": as_of,
		"horizon_months": months,
		"discount_percent": discount,
		"currency": policy.reporting_currency,
		**found,
		"predicted": float(predicted.sum()),
		"changed": len(changed),
		"notes": "\n".join(note_on_limits(beyond)),
	}
	return {key: _that_fits(value) for key, value in values.items()}, changed


def _that_fits(value: object) -> object:
	"""Columns hold so much, whatever odd orders make of the figures."""
	return max(-MOST_MONEY, min(value, MOST_MONEY)) if isinstance(value, float) else value


def _order_days(policy: Policy, as_of: date, customers: "pd.DataFrame") -> "pd.DataFrame":
	"""The days with orders of the customers who count."""
	from customer_tiering.engine.buyers import order_days
	from customer_tiering.tiering.daily_orders import read_daily_orders

	days = order_days(read_daily_orders(policy, as_of))
	return days[days["customer"].isin(customers.index[customers["counted"]])]


def _predict(
	days: "pd.DataFrame",
	as_of: date,
	horizon: int,
	discount: float,
	progress: Progress,
	known_on: Callable[[date], "pd.DataFrame"],
) -> tuple[dict, "pd.Series"]:
	"""What the record says about model and test, and each customer's value within `horizon` days; none where there is no model
	that is worth it. `known_on` gives the order days as they were known on an earlier day."""
	from customer_tiering.engine.buyers import buyers
	from customer_tiering.engine.lifetime_value import NoFitError, fit, refuse_absurd

	known = buyers(days, as_of)
	values = {"customers": len(known)}
	progress(0, 0, _("Fitting"))
	try:
		model = fit(known)
	except NoFitError as error:
		why = Refusal(error.reason, error.repeaters, error.needed)
		values |= {"status": NOT_FITTED, "repeaters": error.repeaters, "refusal": why.as_json()}
		return {**values, "reason": reason_of(values)}, known["spend"][:0]
	progress(0, 0, _("Testing on the past"))
	test, tested = _tested(days, as_of, horizon, known_on)
	values |= {"status": FITTED, **_parameters(model), **tested}
	try:
		refuse_absurd(model, known, test)
	except NoFitError as error:
		why = Refusal(error.reason, error.repeaters, error.needed)
		values |= {"status": NOT_FITTED, "refusal": why.as_json()}
		return {**values, "reason": reason_of(values)}, known["spend"][:0]
	return values, model.predict(known, horizon, discount / 100)["value"]


def _for_want_of_rates(policy: Policy, days: "pd.DataFrame", as_of: date) -> dict:
	"""The reason, where enough customers came again but their money has no exchange rate; else nothing."""
	from customer_tiering.engine.buyers import buyers
	from customer_tiering.engine.lifetime_value import LEAST_REPEATERS
	from customer_tiering.tiering.missing_rates import without_rate

	lacking, number = without_rate(policy, as_of)
	if not lacking or (buyers(days, as_of)["frequency"] > 0).sum() < LEAST_REPEATERS:
		return {}
	values = {"refusal": Refusal("no rates", lacking, number).as_json()}
	return {**values, "reason": reason_of(values)}


def _terms() -> tuple[int, float]:
	"""How many months are predicted, and by how many per cent a year money to come is worth less."""
	settings = frappe.get_cached_doc("Tiering Settings")
	return cint(settings.clv_horizon_months), flt(settings.clv_discount_percent)


def _customers() -> "pd.DataFrame":
	"""Index: all customers. Columns counted, whether its orders say anything; predicted, what stands there."""
	import pandas as pd

	from customer_tiering.tiering.groups import COUNTED

	rows = frappe.db.sql(
		f"SELECT name, {COUNTED.format('customer')}, predicted_clv FROM `tabCustomer` customer ORDER BY name"
	)
	frame = pd.DataFrame.from_records(rows, columns=["name", "counted", "predicted"], index="name")
	return frame.fillna({"predicted": 0}).astype({"counted": bool, "predicted": "float64"})


def _parameters(model: "Model") -> dict:
	means = model.spend_of_means
	return {
		"repeaters": model.repeaters,
		"orders_r": model.orders.r,
		"orders_alpha": model.orders.alpha,
		"orders_a": model.orders.a,
		"orders_b": model.orders.b,
		"orders_log_likelihood": model.orders.log_likelihood,
		"single_p": model.spend.p,
		"single_q": model.spend.q,
		"single_gamma": model.spend.gamma,
		"single_log_likelihood": model.spend.log_likelihood,
		"spend_p": means and means.p,
		"spend_q": means and means.q,
		"spend_gamma": means and means.gamma,
		"spend_log_likelihood": means and means.log_likelihood,
	}


def _tested(
	days: "pd.DataFrame", as_of: date, horizon: int, known_on: Callable[[date], "pd.DataFrame"]
) -> tuple["BackTest | None", dict]:
	"""The back-test and what it says, for the record; or why there is none."""
	from customer_tiering.engine.lifetime_value import NoFitError, back_test

	try:
		test = back_test(days, as_of, horizon, known_on=known_on)
	except NoFitError as error:
		refusal = {"test_refusal": Refusal(error.reason, error.repeaters, error.needed).as_json()}
		return None, {**refusal, "test_note": test_note_of(refusal)}
	tested = {
		"test_from": test.fitted_until,
		"test_days": test.days,
		"test_customers": test.customers,
		"test_error": test.error,
		"test_bias": 100 * test.bias,
		"naive_error": test.naive_error,
		"naive_bias": 100 * test.naive_bias,
	}
	return test, {**tested, "test_note": test_note_of(tested)}


def _mark_dead_fits() -> None:
	"""Whoever holds the lock is the only one alive."""
	frappe.db.set_value(DOCTYPE, {"status": "Running"}, "status", "Interrupted")


def _start(as_of: date) -> "frappe.Document":
	record = frappe.get_doc(
		doctype=DOCTYPE,
		status="Running",
		as_of=as_of,
		started_at=now_datetime(),
		triggered_by=frappe.session.user,
	).insert(ignore_permissions=True)
	frappe.db.commit()
	return record


def _write(changed: "pd.Series", progress: Progress) -> None:
	"""In chunks that commit; `modified` stands still, so that a form that is open meanwhile can still be saved."""
	temporary.create(BUFFER, "(PRIMARY KEY (name)) SELECT name, predicted_clv FROM `tabCustomer` LIMIT 0")
	rows = list(changed.items())
	for start in range(0, len(rows), CHUNK):
		frappe.db.sql(f"{temporary.OURS} DELETE FROM `{BUFFER}`")
		temporary.fill(BUFFER, ("name", "predicted_clv"), rows[start : start + CHUNK])
		frappe.db.sql(
			f"""UPDATE `tabCustomer` customer JOIN `{BUFFER}` new ON new.name = customer.name
			SET customer.predicted_clv = new.predicted_clv"""
		)
		frappe.db.commit()
		progress(min(start + CHUNK, len(rows)), len(rows), _("Writing"))


def _fail(record: "frappe.Document") -> None:
	"""What stands on the customers stays. Without a database the record stays Running until the next fit."""
	error = frappe.get_traceback()
	with unless_disconnected():
		frappe.db.rollback()
		record.db_set({"status": "Failed", "finished_at": now_datetime(), "error": error})
		frappe.db.commit()


def _refuse_other_days(as_of: date, today: date) -> None:
	if as_of != today and not (frappe.conf.allow_tests or frappe.conf.customer_tiering_demo):
		frappe.throw(
			_(
				"Predictions can be written only as of today. For another day use a dry run (--dry-run), which writes nothing."
			)
		)
