"""A run: facts, decisions, differences, writing. The one entry for button, command and nightly job."""

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from datetime import date
from typing import TYPE_CHECKING

import frappe
from frappe import _
from frappe.utils import getdate, now_datetime

from customer_tiering.engine.policy import Policy

if TYPE_CHECKING:
	import pandas as pd

LOCK = "customer_tiering.recompute"
Progress = Callable[[int, int, str], None]


class RunInProgressError(frappe.ValidationError):
	"""Another run is writing at this moment."""


@dataclass(frozen=True)
class Summary:
	"""What a run found and wrote. `tiers` and `stages` count customers after it; `run` is None for a dry run."""

	run: str | None
	as_of: date
	rule_version: str
	baseline: bool
	customers: int
	changed: int
	events: int
	tiers: dict[str, int]
	stages: dict[str, int]
	notes: str

	def as_dict(self) -> dict:
		return {**asdict(self), "as_of": str(self.as_of)}


def recompute(
	as_of: date | None = None, dry_run: bool = False, progress: Progress = lambda done, total, what: None
) -> Summary:
	"""Decide every customer as of a day (default: today in the site's time zone) and write what changed.

	Raises ValidationError for a policy that can't decide everybody, for an `as_of` other than today on a site that
	is not marked for demo or tests, and RunInProgressError while another run is writing. A run that was killed
	leaves what it had committed; running again completes it.
	"""
	today = getdate()
	as_of = as_of or today
	if dry_run:
		return _decide(as_of, progress)[0]
	_refuse_other_days(as_of, today)
	with _only_run():
		_mark_dead_runs()
		run = _start_run(as_of)
		try:
			summary = _decide_and_write(run, progress)
		except Exception:
			_fail(run)
			raise
	_announce()
	return summary


def _decide(as_of: date, progress: Progress) -> tuple:
	from customer_tiering.engine.classify import classify
	from customer_tiering.tiering.changes import changed_rows, count_events, target_values
	from customer_tiering.tiering.facts import read_facts
	from customer_tiering.tiering.policy import read_policy

	progress(0, 0, _("Reading orders"))
	policy = read_policy()
	facts = read_facts(policy, as_of)
	progress(0, 0, _("Deciding"))
	target = target_values(facts, classify(facts, policy, as_of))
	changes = changed_rows(facts, target)
	summary = Summary(
		run=None,
		as_of=as_of,
		rule_version=policy.rule_version,
		baseline=_last_completed() is None,
		customers=len(facts),
		changed=len(changes),
		events=count_events(facts, target, as_of),
		tiers=_counts(target["customer_tier"]),
		stages=_counts(target["lifecycle_stage"]),
		notes=_notes(policy),
	)
	return summary, policy, facts, changes


def _decide_and_write(run: "frappe.Document", progress: Progress) -> Summary:
	from customer_tiering.tiering.changes import Context
	from customer_tiering.tiering.store import write

	summary, policy, facts, changes = _decide(run.as_of, progress)
	last = _last_completed()
	context = Context(
		run=run.name,
		policy=policy,
		as_of=run.as_of,
		baseline=summary.baseline,
		ordered_since=_ordered_since(last.started_at) if last else frozenset(),
		by_old_rules=_by_old_rules(last, policy, facts, run.as_of),
	)
	run.db_set(
		{"policy": policy.as_json(), "rule_version": policy.rule_version, "baseline": summary.baseline}
	)
	frappe.db.commit()
	events_written = 0
	for customers_written, events_written in write(changes, facts, context):  # noqa: B007
		progress(customers_written, len(changes), _("Writing"))
	summary = replace(summary, run=run.name, events=events_written)
	_complete(run, summary)
	return summary


def _by_old_rules(
	last: "frappe._dict | None", policy: Policy, facts: "pd.DataFrame", as_of: date
) -> "pd.DataFrame | None":
	"""What the rules of the last run would decide today, if they were others."""
	from customer_tiering.engine.classify import classify
	from customer_tiering.tiering.facts import read_facts

	if not last or last.rule_version == policy.rule_version:
		return None
	old = Policy.from_json(frappe.db.get_value("Tiering Run", last.name, "policy"))
	same_facts = (old.window_months, old.reporting_currency) == (
		policy.window_months,
		policy.reporting_currency,
	)
	return classify(facts if same_facts else read_facts(old, as_of).reindex(facts.index), old, as_of)


def _start_run(as_of: date) -> "frappe.Document":
	run = frappe.get_doc(
		doctype="Tiering Run",
		status="Running",
		as_of=as_of,
		started_at=now_datetime(),
		triggered_by=frappe.session.user,
	).insert(ignore_permissions=True)
	frappe.db.commit()
	return run


def _complete(run: "frappe.Document", summary: Summary) -> None:
	run.db_set(
		{
			"status": "Completed",
			"finished_at": now_datetime(),
			"customers": summary.customers,
			"changed": summary.changed,
			"events": summary.events,
			"notes": summary.notes,
		}
	)
	frappe.db.commit()


def _fail(run: "frappe.Document") -> None:
	frappe.db.rollback()
	run.db_set({"status": "Failed", "finished_at": now_datetime(), "error": frappe.get_traceback()})
	frappe.db.commit()


def _mark_dead_runs() -> None:
	"""Whoever holds the lock is the only one alive: a run that still says Running was killed."""
	frappe.db.set_value("Tiering Run", {"status": "Running"}, "status", "Interrupted")


class _only_run:
	"""A lock of the database server: one run a site, on however many machines, freed when its holder dies."""

	def __enter__(self) -> None:
		self.name = f"{frappe.conf.db_name}.{LOCK}"[-64:]
		if not frappe.db.sql("SELECT GET_LOCK(%s, 0)", self.name)[0][0]:
			frappe.throw(
				_("Another recompute is running. Its progress is in the list of Tiering Runs."),
				RunInProgressError,
			)

	def __exit__(self, *exc: object) -> None:
		frappe.db.sql("SELECT RELEASE_LOCK(%s)", self.name)


def _refuse_other_days(as_of: date, today: date) -> None:
	if as_of != today and not (frappe.conf.allow_tests or frappe.conf.customer_tiering_demo):
		frappe.throw(
			_(
				"Tiers can be written only as of today. For another day use a dry run (--dry-run), which writes nothing."
			)
		)


def _last_completed() -> "frappe._dict | None":
	"""The last run that knew customers; a site that had none yet has still to get its baseline."""
	runs = frappe.get_all(
		"Tiering Run",
		filters={"status": "Completed", "customers": (">", 0)},
		fields=["name", "started_at", "rule_version"],
		order_by="name desc",
		limit=1,
	)
	return runs[0] if runs else None


def _ordered_since(moment: object) -> frozenset[str]:
	"""Customers of whom an invoice was submitted, cancelled or otherwise changed since the last run."""
	return frozenset(
		frappe.get_all("Sales Invoice", filters={"modified": (">=", moment)}, pluck="customer", distinct=True)
	)


def _notes(policy: Policy) -> str:
	from customer_tiering.tiering.facts import companies_left_out

	left_out = companies_left_out(policy)
	if not left_out:
		return ""
	return _("Not counted, because their books are not in {0}: {1}").format(
		policy.reporting_currency, ", ".join(left_out)
	)


def _counts(column: object) -> dict[str, int]:
	return {str(name): int(count) for name, count in column.value_counts().sort_index().items()}


def _announce() -> None:
	"""Hand the run's signals to whoever acts on them, each in a job of its own."""
	try:
		for method in frappe.get_hooks("tiering_run_finished"):
			frappe.enqueue(method, queue="long")
	except (
		Exception
	):  # the queue is down: the run is written, and the hourly jobs find its signals in the ledger
		frappe.logger("customer_tiering").exception("Signals of the run not handed on")
