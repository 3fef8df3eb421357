"""What the Desk calls. Every function checks permission first."""

import heapq
from dataclasses import asdict
from datetime import date

import frappe
from frappe import _
from frappe.utils import cint, escape_html, flt, format_date, get_link_to_form, getdate
from frappe.utils.background_jobs import get_workers
from frappe.utils.scheduler import is_scheduler_disabled

from customer_tiering.tiering.audience import customers_in
from customer_tiering.tiering.audience import validate as validate_audience
from customer_tiering.tiering.holiday_lists import ended_lists
from customer_tiering.tiering.jobs import enqueue_preview, enqueue_recompute, take_result
from customer_tiering.tiering.lifetime_value_jobs import enqueue_fit
from customer_tiering.tiering.outgoing import has_outgoing_account
from customer_tiering.tiering.permissions import MANAGERS, hidden_companies
from customer_tiering.tiering.policy import STAGE_CONDITIONS, read_rules, refuse_gaps
from customer_tiering.tiering.scope import last_full_run
from customer_tiering.tiering.tier_discount import preview


@frappe.whitelist(methods=["POST"])
def recompute_now(confirmed: bool | int | str = False) -> dict:
	"""Start a full run in the background; on a site that had none, unless `confirmed`, only show what it would write.

	Returns {"message"}; raises PermissionError for others than managers, ValidationError where no worker runs or the rules have gaps.
	"""
	frappe.only_for(MANAGERS)
	refuse_gaps(read_rules())
	refuse_without_worker("recompute")
	if last_full_run() or cint(confirmed):
		enqueue_recompute()
		return {"message": _("Recomputing in the background. You will be told when it is done.")}
	enqueue_preview()
	return {"message": _("This is the first run: looking what it would write.")}


@frappe.whitelist(methods=["POST"])
def fit_lifetime_value_now() -> dict:
	"""Start a fit of the lifetime values in the background.

	Returns {"message", "last"}, the latter the newest finished Lifetime Value Fit (None if there is none): one that comes after it
	has the result. Raises PermissionError for others than managers, ValidationError where no worker runs or the rules have gaps.
	"""
	frappe.only_for(MANAGERS)
	refuse_without_worker("clv")
	refuse_gaps(read_rules())
	enqueue_fit()
	last = frappe.get_all(
		"Lifetime Value Fit", {"status": ("!=", "Running")}, order_by="name desc", limit=1, pluck="name"
	)
	return {
		"message": _("Fitting in the background. You will be told when it is done."),
		"last": (last or [None])[0],
	}


@frappe.whitelist()
def preview_tier_discount(tier: str, percent: float | int | str) -> dict:
	"""What a discount for the tier would do; see `tier_discount.preview`."""
	frappe.only_for(MANAGERS)
	return preview(str(tier), flt(percent))


def refuse_without_worker(command: str) -> None:
	"""Raise ValidationError, naming the command that does the same, where no worker would take a job."""
	if not any("long" in queue for queue in get_queues()):
		frappe.throw(
			_(
				"No background worker is running, so nothing would happen. Start the workers of your bench, or run {0} there."
			).format(f"<code>bench --site {frappe.local.site} tiering {command}</code>")
		)


def get_queues() -> list[str]:
	"""The names of the queues that workers listen to."""
	return [name for worker in get_workers() for name in worker.queue_names()]


@frappe.whitelist(methods=["POST"])
def recompute_result() -> dict | None:
	"""What the job that the session's user started has to say, once: {"event", "summary"}; None while it is at work.

	For benches whose realtime server can't be reached. Raises PermissionError for others than managers.
	"""
	frappe.only_for(MANAGERS)
	return take_result(frappe.session.user)


@frappe.whitelist()
def get_policy() -> dict:
	"""The tiers, stages and segments in the order in which they are tried, for the settings form."""
	frappe.only_for((*MANAGERS, "Sales Manager"))
	return {
		"pending": _pending(),
		"tiers": frappe.get_all(
			"Customer Tier",
			fields=[
				"name",
				"colour",
				"is_top",
				"entry_value",
				"keep_value",
				"grace_days",
				"minimum_dwell_days",
				"monthly_contact_cap",
			],
			order_by="entry_value desc",
		),
		"stages": frappe.get_all(
			"Lifecycle Stage",
			fields=["name", *STAGE_CONDITIONS],
			order_by="position asc",
		),
		"segments": frappe.get_all(
			"RFM Segment",
			fields=["name", "recency", "frequency", "monetary"],
			order_by="monetary asc, frequency asc, recency desc",
		),
	}


def _pending() -> str | None:
	"""What waits, for a full run or for the administrator, in sentences."""
	found = (
		_pending_run(),
		_last_run_failed(),
		_scheduler_is_off(),
		_no_outgoing_account(),
		*_ended_holiday_lists(),
	)
	return " ".join(filter(None, found)) or None


def _last_run_failed() -> str | None:
	"""The newest run, or the newest full one, did not come to its end: incremental ones may have worked since."""
	newest = [
		frappe.get_all(
			"Tiering Run",
			filters={"status": ("!=", "Running"), **only},
			fields=["name", "status", "error"],
			order_by="name desc",
			limit=1,
		)
		for only in ({}, {"scope": "Full"})
	]
	broken = [run for (run,) in filter(None, newest) if run.status in ("Failed", "Interrupted")]
	if not broken:
		return None
	run = broken[0]
	said = (run.error or "").strip().splitlines()
	return _(
		"The last run failed: {0}. Mend that if it says what, then start Recompute now; all of it is in {1}."
	).format(
		escape_html(said[-1][:200].rstrip(".")) if said else _("it was cut off before its end"),
		get_link_to_form("Tiering Run", run.name),
	)


def _scheduler_is_off() -> str | None:
	if not is_scheduler_disabled(verbose=False):
		return None
	return _(
		"The scheduler of this site is off: nothing runs at night, no mail goes out. Switch it on with {0}."
	).format(f"<code>bench --site {frappe.local.site} enable-scheduler</code>")


def _no_outgoing_account() -> str | None:
	if has_outgoing_account():
		return None
	return _(
		"This site has no default outgoing Email Account: reps are told of new follow-ups on the Desk alone, and no mail goes out. Set one up in Email Account."
	)


def _ended_holiday_lists() -> list[str]:
	said = _(
		"The Holiday List {0} ended on {1}: since then only its weekly days off count. Choose the next one in the follow-up rules or their company."
	)
	return [
		said.format(frappe.bold(escape_html(name)), format_date(ends))
		for name, ends in ended_lists(getdate())
	]


def _pending_run() -> str | None:
	rules, last = read_rules(), last_full_run()
	try:
		refuse_gaps(rules)
	except frappe.ValidationError as gap:
		frappe.clear_last_message()
		return _("No run can decide everybody: {0}").format(str(gap))
	if not last:
		return _("There was no run yet. Recompute now shows what the first one would write, and asks.")
	if rules.rule_version != last.rule_version:
		return _(
			"The rules have changed since the last full run. They take effect tonight, or with Recompute now."
		)
	return None


@frappe.whitelist()
def explain_tier(customer: str, as_of: str | None = None) -> dict:
	"""Why this customer is in its tier; for whoever may read the customer. Raises PermissionError for others."""
	frappe.has_permission("Customer", "read", doc=customer, throw=True)
	from customer_tiering.tiering.explain import explain

	explanation = explain(customer, _day(as_of) if as_of else None)
	hidden = {name for name in explanation.members if not frappe.has_permission("Customer", "read", doc=name)}
	companies = {line.company for line in explanation.lines}
	return explanation.without(hidden, hidden_companies(companies, explanation.doctype)).as_dict()


@frappe.whitelist()
def customer_hints(customer: str) -> dict:
	"""For the customer's form: {"missing": fields that people are asked for and that are empty, "points": of the Loyalty Program,
	"prediction": what is to be said of the predicted lifetime value, "currency": of the value in the window}.

	Raises PermissionError for who may not read the customer.
	"""
	frappe.has_permission("Customer", "read", doc=customer, throw=True)
	from customer_tiering.tiering.customer import stored_name
	from customer_tiering.tiering.points import points_of
	from customer_tiering.tiering.prediction import prediction_of
	from customer_tiering.tiering.required_fields import missing

	doc, settings = (
		frappe.get_doc("Customer", stored_name(customer)),
		frappe.get_cached_doc("Tiering Settings"),
	)
	return {
		"currency": settings.reporting_currency,
		"missing": missing(doc, settings.levels),
		"points": asdict(points_of(doc.name, getdate())),
		"prediction": prediction_of(doc),
	}


SHOWN, LOOKED_AT = 8, 1000


@frappe.whitelist()
def preview_audience(filters: str = "[]", company: str | None = None) -> dict:
	"""How many customers an audience has now, and some of them: {"count", "some": [{"name", "customer_name"}]}.

	For those who edit rules and sequences; the names are only of customers that the user may see. Raises PermissionError for
	others, ValidationError for filters that can't be read.
	"""
	frappe.only_for(MANAGERS)
	if not isinstance(filters, str) or not isinstance(company or "", str):
		frappe.throw(_("The audience can't be read: it is no list of filters."))
	validate_audience(filters)
	found = customers_in(filters, company or None)
	return {"count": len(found), "some": _some(found)}


def _some(customers: set[str]) -> list[dict]:
	if not customers or not frappe.has_permission("Customer", "read"):
		return []
	names = heapq.nsmallest(LOOKED_AT, customers)
	return frappe.get_list(
		"Customer",
		filters={"name": ("in", names)},
		fields=["name", "customer_name"],
		order_by="annual_value desc",
		limit=SHOWN,
	)


def _day(text: str) -> date:
	try:
		day = date.fromisoformat(str(text))
	except ValueError:
		day = None
	if not day or not 1900 <= day.year <= 2200:
		frappe.throw(
			_("{0}: {1} is not a day between 1900 and 2200.").format(
				_("As of"), frappe.utils.escape_html(str(text))
			)
		)
	return day
