"""A run: facts, decisions, differences, writing. The one entry for button, command and nightly job."""

from collections.abc import Callable, Collection, Iterable
from dataclasses import asdict, dataclass, replace
from datetime import date
from typing import TYPE_CHECKING

import frappe
from frappe import _
from frappe.utils import getdate, now_datetime

from customer_tiering.engine.policy import Policy
from customer_tiering.tiering import queue
from customer_tiering.tiering.lock import RUNS, only_one, unless_disconnected
from customer_tiering.tiering.scope import (
	Scope,
	broken_full_runs,
	clock_was_ahead,
	full_scope,
	incremental_scope,
	last_full_run,
	whom_something_happened,
)

if TYPE_CHECKING:
	import pandas as pd

	from customer_tiering.engine.population import Population
	from customer_tiering.tiering.changes import Context, OldRules
	from customer_tiering.tiering.judgement import Judgement
	from customer_tiering.tiering.take_back import TakenBack
	from customer_tiering.tiering.tried import Tried

LOCK = RUNS
Progress = Callable[[int, int, str], None]


def no_progress(done: int, total: int, what: str) -> None:
	pass


@dataclass(frozen=True)
class Summary:
	"""What a run found and wrote. `tiers` and `stages` count its customers after it; `run` is None for a dry run.

	`scope` is "Full" or "Incremental"; `customers` counts those whom it decided about.
	"""

	run: str | None
	scope: str
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
	as_of: date | None = None,
	dry_run: bool = False,
	progress: Progress = no_progress,
	*,
	full: bool = True,
	customers: Collection[str] | None = None,
	wait: int = 0,
) -> Summary:
	"""Decide customers as of a day (default: today in the site's time zone) and write what changed.

	A full run decides everybody and fits the population's figures. Otherwise those in the work list, among whom `customers` are
	put, and those whose review is due are decided, with who belongs to them, by the rules and figures of the last full run; a
	dry run decides `customers` alone, if any are given.

	Raises ValidationError for a policy that can't decide everybody, for an `as_of` other than today on a site that
	is not marked for demo or tests, for anything but a full run on a site that had none, and RunInProgressError if another
	run is still writing after `wait` seconds. A run that was killed leaves what it had committed; running again completes it.
	"""
	today = getdate()
	as_of = as_of or today
	full = full and customers is None
	if dry_run:
		return _decide(_scope(as_of, full, customers), as_of, progress).summary
	refuse_other_days(as_of, today)
	with _only_run(wait):
		_mark_dead_runs()
		queue.add(customers or (), queue.OTHER)
		run = _start_run(as_of, full)
		try:
			summary = _decide_and_write(run, full, progress)
		except Exception:
			_fail(run)
			raise
	_announce(summary)
	return summary


def _scope(as_of: date, full: bool, customers: Collection[str] | None = None) -> Scope:
	return full_scope(as_of) if full else incremental_scope(as_of, customers)


@dataclass(frozen=True)
class Decided:
	"""What a run found before it writes anything."""

	summary: Summary
	population: "Population"
	facts: "pd.DataFrame"
	decisions: "pd.DataFrame"
	changes: "pd.DataFrame"
	context: "Context"


def _decide(scope: Scope, as_of: date, progress: Progress) -> Decided:
	import pandas as pd

	from customer_tiering.tiering.as_if_never import restored, with_standings
	from customer_tiering.tiering.changes import Context, changed_rows, count_events, target_values
	from customer_tiering.tiering.evidence import Evidence
	from customer_tiering.tiering.facts import read_facts
	from customer_tiering.tiering.judgement import judge
	from customer_tiering.tiering.limits import within_limits
	from customer_tiering.tiering.signals import new_conditions, slept_before, taken_back_before
	from customer_tiering.tiering.take_back import touched, with_signals, with_stages
	from customer_tiering.tiering.tried import to_take_back
	from customer_tiering.tiering.voids import find_voids, without_voids

	progress(0, 0, _("Reading orders"))
	policy = scope.policy
	facts, beyond = within_limits(read_facts(policy, as_of, scope.customers))
	progress(0, 0, _("Deciding"))
	in_groups = _in_groups_of(scope.ordered, facts)
	evidence = Evidence(facts["root"], policy, as_of)
	tried = to_take_back(as_of) if scope.is_full else None
	lowered = _in_groups_of(scope.lowered, facts)
	changed = (in_groups, lowered, scope.edited, facts, evidence)
	gone = frozenset(find_voids(*changed, {})["signal_key"]) if tried else frozenset()
	undone = _undone(tried, policy, gone)
	met = _in_groups_of(undone.met, facts)
	again = _in_groups_of(touched(tried, met, facts, policy), facts) if tried else frozenset()
	back = restored(scope.lowered, facts, evidence, tried, again)
	put_back = {name: back[name] for name in again & back.keys()}
	once_more = {name: back[name] for name in back.keys() - again}
	voids = find_voids(*changed, once_more)
	stored = facts
	facts = with_stages(with_standings(without_voids(facts, voids), back), undone.stages)
	judged = judge(facts, policy, as_of, scope.population)
	decisions = judged.decisions
	if tried:
		undone = with_signals(undone, facts, judged, put_back, evidence, gone)
	last = last_full_run()
	if last and scope.is_full and not _is_readable(last.name):
		last = None  # what a changed rule did can't be told apart: as in the first run, nothing is fired
	turned_back = _turned_back(scope, facts, as_of, last)
	moved = met | {name for name, each in put_back.items() if not each.cause and each.moved}
	lowering = [row for row in scope.queued if row.cause in (queue.ORDER, queue.EDIT)]
	context = Context(
		policy=policy,
		as_of=as_of,
		baseline=last is None,
		ordered=scope.ordered | undone.met,
		ordered_in_group=in_groups | met,
		lowered_in_group=lowered | met,
		edited=scope.edited,
		edited_in_group=_in_groups_of(scope.edited, facts),
		referrers_of_ordered=evidence.referrers_of(scope.ordered | undone.met),
		old=_old_rules(last, scope, facts, as_of, judged, tried),
		conditions=new_conditions(judged.conditions, undone.keys),
		voids=pd.concat([voids, undone.voids], ignore_index=True),
		undone=undone,
		back=once_more,
		taken_back=taken_back_before(once_more) if once_more else frozenset(),
		slept_before=slept_before(scope.lowered) if scope.lowered else frozenset(),
		moved_by={customer: each.cause for customer, each in back.items() if each.cause},
		ordered_before=frozenset(customer for customer, each in back.items() if each.has_ordered),
		refitted_whales=_refitted_whales(judged.whales, scope, last),
		untouched=turned_back
		| ((_untouched(scope.queued, facts, as_of) if scope.is_full else frozenset()) - met),
		not_ordered=turned_back
		| (_untouched([row for row in scope.queued if row.cause != queue.OTHER], facts, as_of) - moved),
		not_lowered=turned_back | (_untouched(lowering, facts, as_of, bought_more=True) - moved),
	)
	target = target_values(facts, decisions, context)
	changes = changed_rows(stored, target, decisions, context)
	summary = Summary(
		run=None,
		scope="Full" if scope.is_full else "Incremental",
		as_of=as_of,
		rule_version=policy.rule_version,
		baseline=context.baseline,
		customers=len(facts),
		changed=len(changes),
		events=count_events(facts, decisions, context),
		tiers=_counts(target["customer_tier"]),
		stages=_counts(target["lifecycle_stage"]),
		notes="\n".join(filter(None, [_note_on_undo(undone, again), _notes(policy, as_of, beyond)])),
	)
	return Decided(summary, judged.population, facts, decisions, changes, context)


def _undone(tried: "Tried | None", policy: Policy, gone: Collection[str]) -> "TakenBack":
	from customer_tiering.tiering.take_back import TakenBack, ordered_since, stages_before

	if not tried:
		return TakenBack()
	return TakenBack(tried, stages=stages_before(tried, policy, gone), met=ordered_since(tried, policy))


def _in_groups_of(customers: Collection[str], facts: "pd.DataFrame") -> frozenset[str]:
	"""These customers and all that are tiered together with one of them."""
	roots = facts["root"]
	return frozenset(roots.index[roots.isin(roots[roots.index.isin(list(customers))])])


def _turned_back(
	scope: Scope, facts: "pd.DataFrame", as_of: date, last: "frappe._dict | None"
) -> frozenset[str]:
	"""Where the clock was ahead: whoever has no order in the work list. Days that went back have brought nothing about."""
	if not last or not clock_was_ahead(last, as_of):
		return frozenset()
	return frozenset(facts.index) - _in_groups_of(scope.ordered, facts)


def _untouched(
	queued: Iterable[frappe._dict], facts: "pd.DataFrame", as_of: date, bought_more: bool = False
) -> frozenset[str]:
	"""Who isn't in these rows of the work list, for whom no day has come, and who has the orders that were there before,
	or more of them where that is asked."""
	import pandas as pd

	stored, last_order = pd.to_datetime(facts["current_last_order_date"]), facts["last_order_date"]
	orders = facts["current_annual_orders"].fillna(0).astype("int64")
	as_it_was = (stored == last_order) | (stored.isna() & last_order.isna())
	as_it_was &= orders == facts["annual_orders"]
	if bought_more:
		as_it_was |= (orders < facts["annual_orders"]) & (stored.isna() | (stored <= last_order))
	ordered = _in_groups_of(facts.index[~as_it_was], facts)  # though the work list missed it
	return frozenset(facts.index) - whom_something_happened(queued, as_of) - ordered


def _refitted_whales(large: "pd.DataFrame", scope: Scope, last: "frappe._dict | None") -> frozenset[str]:
	"""Orders that are whales only because a full run has fitted another median order."""
	from customer_tiering.engine.conditions import whale_from

	if not last or not scope.is_full:
		return frozenset()
	least = whale_from(scope.policy, _population_of(last.name))
	return frozenset(large["original"] if least is None else large["original"][large["money"] < least])


def _is_readable(run: str) -> bool:
	try:
		return bool(_policy_of(run) and _population_of(run))
	except (ValueError, TypeError, KeyError):
		return False


def _policy_of(run: str) -> Policy:
	return Policy.from_json(frappe.db.get_value("Tiering Run", run, "policy"))


def _population_of(run: str) -> "Population":
	from customer_tiering.engine.population import Population

	return Population.from_json(frappe.db.get_value("Tiering Run", run, "population"))


def _decide_and_write(run: "frappe.Document", full: bool, progress: Progress) -> Summary:
	from customer_tiering.tiering.store import write

	queue.drain_begins()
	scope = _scope(run.as_of, full)
	decided = _decide(scope, run.as_of, progress)
	summary, context = decided.summary, replace(decided.context, run=run.name)
	_keep_rules(run, summary, scope, decided.population)
	events, gone = 0, frozenset()
	for written in write(decided.changes, decided.facts, decided.decisions, context):
		progress(written.customers, len(decided.changes), _("Writing"))
		events, gone = written.events, written.gone
	summary = replace(summary, run=run.name, events=events)
	_complete(run, summary, [row for row in scope.queued if row.customer not in gone])
	return summary


def _old_rules(
	last: "frappe._dict | None",
	scope: Scope,
	facts: "pd.DataFrame",
	as_of: date,
	judged: "Judgement",
	tried: "Tried | None",
) -> "OldRules | None":
	"""What the rules that the customers stand by would decide today, if those were others; not those that were undone."""
	import pandas as pd

	from customer_tiering.tiering.changes import OldRules
	from customer_tiering.tiering.facts import read_facts
	from customer_tiering.tiering.judgement import judge

	if not last:
		return None
	if tried:
		policy = tried.policy
		if policy.rule_version == scope.policy.rule_version:
			return None
		known = facts
		if policy.facts_depend_on != scope.policy.facts_depend_on:
			known = read_facts(policy, as_of).reindex(facts.index)
		old = judge(known, policy, as_of, _population_of(last.name))
		return OldRules(old.decisions, old.conditions)
	stand_by = {run: names for run, names in _stand_by(last, facts.index).items() if len(names)}
	if {version for _run, version in stand_by} <= {scope.policy.rule_version}:
		return None
	decisions, conditions = [], []
	for (run, version), customers in stand_by.items():
		old = judged
		if version != scope.policy.rule_version:
			policy, known = _policy_of(run), facts
			if policy.facts_depend_on != scope.policy.facts_depend_on:
				known = read_facts(policy, as_of).reindex(facts.index)
			old = judge(known, policy, as_of, _population_of(run))
		decisions.append(old.decisions.loc[customers])
		conditions.append(old.conditions[old.conditions["customer"].isin(customers)])
	return OldRules(pd.concat(decisions), pd.concat(conditions))


def _stand_by(last: frappe._dict, customers: "pd.Index") -> dict[tuple[str, str], "pd.Index"]:
	"""By full run and rule version: whom it decided. All by the `last`, but for those to whom one came that broke off."""
	broken = [run for run in broken_full_runs(last) if _is_readable(run.name)]
	written = dict(
		frappe.db.sql(
			"SELECT customer, rule_version FROM `tabTiering Event` WHERE name > %s ORDER BY name",
			broken[0].name,
		)
		if broken
		else ()
	)
	runs = {run.rule_version: run.name for run in broken}
	version = customers.to_series().map(written)
	found = {(name, rules): customers[version == rules] for rules, name in runs.items()}
	return {(last.name, last.rule_version): customers[~version.isin(list(runs))], **found}


def _start_run(as_of: date, full: bool) -> "frappe.Document":
	run = frappe.get_doc(
		doctype="Tiering Run",
		status="Running",
		scope="Full" if full else "Incremental",
		as_of=as_of,
		started_at=now_datetime(),
		triggered_by=frappe.session.user,
	).insert(ignore_permissions=True)
	frappe.db.commit()
	return run


def _keep_rules(run: "frappe.Document", summary: Summary, scope: Scope, population: "Population") -> None:
	"""Before anything is written: whoever it comes to stands by these, though it may break off."""
	kept = {"policy": scope.policy.as_json(), "population": population.as_json()} if scope.is_full else {}
	run.db_set({"rule_version": summary.rule_version, "baseline": summary.baseline, **kept})
	frappe.db.commit()


def _complete(run: "frappe.Document", summary: Summary, answered: Iterable[frappe._dict]) -> None:
	"""The rows of the work list go together with the run's end."""
	queue.remove(answered)
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
	"""Without a database it stays Running, and the next run marks it as interrupted."""
	error = frappe.get_traceback()
	with unless_disconnected():
		frappe.db.rollback()
		run.db_set({"status": "Failed", "finished_at": now_datetime(), "error": error})
		_forget_failures_like(run)
		frappe.db.commit()


def _forget_failures_like(run: "frappe.Document") -> None:
	"""What fails every few minutes for one reason stands in the list once, with its last time; whatever wrote something stays."""
	like = {"status": "Failed", "scope": run.scope, "error": run.error, "name": ("!=", run.name)}
	names = frappe.get_all("Tiering Run", like, pluck="name")
	wrote = (
		frappe.get_all("Tiering Event", {"run": ("in", names)}, pluck="run", distinct=True) if names else []
	)
	frappe.db.delete("Tiering Run", {"name": ("in", list({*names} - {*wrote}) or [""])})


def _mark_dead_runs() -> None:
	"""Whoever holds the lock is the only one alive: a run that still says Running was killed."""
	frappe.db.set_value("Tiering Run", {"status": "Running"}, "status", "Interrupted")


def _only_run(wait: int = 0) -> only_one:
	return only_one(
		LOCK, _("Another recompute is running. Its progress is in the list of Tiering Runs."), wait
	)


def refuse_other_days(as_of: date, today: date) -> None:
	"""Raise ValidationError for writing as of another day, except on a site marked for demo or tests."""
	if as_of != today and not (frappe.conf.allow_tests or frappe.conf.customer_tiering_demo):
		frappe.throw(
			_(
				"Tiers can be written only as of today. For another day use a dry run (--dry-run), which writes nothing."
			)
		)


def _note_on_undo(undone: "TakenBack", again: Collection[str]) -> str:
	if not undone.tried:
		return ""
	return _(
		"Rules that were undone are taken back: {0} customers are decided as if these had never been, {1} signals don't count any more."
	).format(len(again), len(undone.voids))


def _notes(policy: Policy, as_of: date, beyond: list[str]) -> str:
	from customer_tiering.tiering.limits import note_on_limits
	from customer_tiering.tiering.notes import notes_on_orders

	return "\n".join([*note_on_limits(beyond), *notes_on_orders(policy, as_of)])


def _counts(column: object) -> dict[str, int]:
	return {str(name): int(count) for name, count in column.value_counts().sort_index().items()}


def _announce(summary: Summary) -> None:
	"""Hand the run's signals to whoever acts on them, each in a job of its own; and answer what was queued meanwhile."""
	try:
		for method in frappe.get_hooks("tiering_run_finished") if summary.events else ():
			frappe.enqueue(method, queue="long")
		if queue.has_rows():
			queue.start_drain()
	except Exception:  # Redis is down: the run is written, and the scheduler's jobs find what is left to do
		queue.log_exception("Signals of the run not handed on")
