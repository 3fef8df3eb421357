"""Whom a run decides about, and by which rules."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

import frappe
from frappe import _

from customer_tiering.engine.policy import Policy
from customer_tiering.tiering import queue
from customer_tiering.tiering.orders import Orders
from customer_tiering.tiering.policy import read_policy, read_rules
from customer_tiering.tiering.rule_records import KINDS
from customer_tiering.tiering.temporary import in_scope, open_scope

if TYPE_CHECKING:
	from customer_tiering.engine.population import Population

RATE_DELETED = "customer_tiering_rate_deleted_at"
FULL_RUN_EVERY = timedelta(days=7)


@dataclass(frozen=True)
class Scope:
	"""The customers of a run (None: all), the rows of the work list that it answers, its rules and its population, and those
	of whom a document that was entered ahead has its day.

	An incremental run decides by the rules and the population of the last full run, also of one that broke off after it had
	written something; a full run fits the population anew.
	"""

	customers: frozenset[str] | None
	queued: tuple[frappe._dict, ...]
	policy: Policy
	population: "Population | None"
	arrived: frozenset[str]

	@property
	def is_full(self) -> bool:
		return self.customers is None

	@property
	def ordered(self) -> frozenset[str]:
		"""Customers of whom an order was submitted, cancelled or changed, or one that was entered ahead has its day."""
		return self._queued_because(queue.ORDER, queue.SALE) | self.arrived

	@property
	def lowered(self) -> dict[str, datetime]:
		"""Customers of whom a document may have gone or taken money away, and the moment from which on that happened."""
		found: dict[str, datetime] = {}
		for row in self.queued:
			if row.cause == queue.ORDER:
				found[row.customer] = min(row.creation, found.get(row.customer, row.creation))
		return found

	@property
	def edited(self) -> frozenset[str]:
		"""Customers who were merged, put into another group, disabled or enabled, made internal or not, or whose referrals
		somebody edited."""
		return self._queued_because(queue.EDIT)

	def _queued_because(self, *causes: str) -> frozenset[str]:
		return frozenset(row.customer for row in self.queued if row.cause in causes)


def full_scope(as_of: date) -> Scope:
	policy = read_policy()
	return Scope(None, tuple(queue.read()), policy, None, _arrived(policy, as_of, None))


def incremental_scope(as_of: date, customers: Collection[str] | None = None) -> Scope:
	"""The customers in the work list and those whose review is due; or only the ones given.

	Raises ValidationError before the first full run.
	"""
	from customer_tiering.engine.population import Population

	last = last_full_run()
	if not last:
		frappe.throw(_("There has been no full run on this site yet. Start one: it takes all customers in."))
	in_force = [last, *broken_full_runs(last)][-1]
	rows = queue.read()
	related = whom_something_happened(rows, as_of) if customers is None else with_related(customers)
	queued = rows if customers is None else [row for row in rows if row.customer in related]
	rules = frappe.db.get_value("Tiering Run", in_force.name, ["policy", "population"], as_dict=True)
	policy = Policy.from_json(rules.policy)
	policy = policy if _records_exist(policy) else read_policy()
	return Scope(
		frozenset(related),
		tuple(queued),
		policy,
		Population.from_json(rules.population),
		_arrived(policy, as_of, related),
	)


def _arrived(policy: Policy, as_of: date, customers: Collection[str] | None) -> frozenset[str]:
	"""Customers with an order or a return that was entered before its day and has come to count since the last run; of
	these `customers` and those that they referred, if any are given."""
	scoped = customers is not None
	if scoped:
		from customer_tiering.tiering.groups import referred

		open_scope(customers)
		open_scope({*customers, *referred(scoped).index})
	before = frappe.db.sql(
		"SELECT MAX(as_of) FROM `tabTiering Run` WHERE status = 'Completed' AND as_of < %s", as_of
	)
	orders = Orders(policy.orders_from)
	return frozenset(
		frappe.db.sql(
			f"""SELECT DISTINCT document.customer FROM {orders.table} document
			WHERE {orders.day} > %s AND {orders.day} <= %s AND document.creation < {orders.day} AND {orders.counts}
				AND {in_scope("document.customer", scoped)}""",
			(before[0][0] or as_of, as_of),
			pluck=True,
		)
	)


def whom_something_happened(rows: Iterable[frappe._dict], as_of: date) -> set[str]:
	"""The customers in the work list's `rows` and those whose review is due, with who belongs to them."""
	return with_related({row.customer for row in rows} | set(_due(as_of)))


def _records_exist(policy: Policy) -> bool:
	"""Whether nothing that the policy would write on customers has been deleted since."""
	return all(
		{rule.name for rule in getattr(policy, kind.rules)} <= set(frappe.get_all(doctype, pluck="name"))
		for doctype, kind in KINDS.items()
	)


def last_full_run() -> frappe._dict | None:
	"""The last full run that knew customers; a site that had none yet has still to get its baseline."""
	runs = frappe.get_all(
		"Tiering Run",
		filters={"status": "Completed", "scope": "Full", "customers": (">", 0), "population": ("is", "set")},
		fields=["name", "started_at", "as_of", "rule_version"],
		order_by="name desc",
		limit=1,
	)
	return runs[0] if runs else None


def broken_full_runs(last: frappe._dict) -> list[frappe._dict]:
	"""Full runs after the `last` that was completed which wrote something and then failed or were killed, oldest first."""
	return frappe.get_all(
		"Tiering Run",
		filters={
			"status": ("in", ("Failed", "Interrupted")),
			"scope": "Full",
			"name": (">", last.name),
			"events": (">", 0),
			"population": ("is", "set"),
		},
		fields=["name", "rule_version"],
		order_by="name",
	)


def clock_was_ahead(last: frappe._dict, as_of: date) -> bool:
	"""Whether a run since the `last` full one, or that one itself, was made as of a later day."""
	return bool(frappe.db.exists("Tiering Run", {"name": (">=", last.name), "as_of": (">", as_of)}))


def full_run_is_due(as_of: date) -> bool:
	"""Once a week, when one broke off half-way, when the clock went back, and when rules or exchange rates have changed since."""
	last = last_full_run()
	return (
		not last
		or as_of >= last.as_of + FULL_RUN_EVERY
		or clock_was_ahead(last, as_of)
		or bool(broken_full_runs(last))
		or read_rules().rule_version != last.rule_version
		or bool(frappe.db.exists("Currency Exchange", {"modified": (">", last.started_at)}))
		or (frappe.db.get_global(RATE_DELETED) or "") > str(last.started_at)
	)


def on_rate_deleted(rate: "frappe.Document", method: str | None = None) -> None:
	"""A Currency Exchange that is gone leaves no trace that the next run could see."""
	frappe.db.set_global(RATE_DELETED, frappe.utils.now())


def customers_with_changed_issues() -> list[str]:
	"""Of the last two days: ERPNext closes issues out of their list without telling any hook."""
	two_days_ago = frappe.utils.add_to_date(frappe.utils.now_datetime(), days=-2)
	filters = {"modified": (">", two_days_ago), "customer": ("is", "set")}
	return frappe.get_all("Issue", filters=filters, pluck="customer", distinct=True, order_by="customer")


def with_related(customers: Iterable[str]) -> set[str]:
	"""Also who referred them, and all members of the groups that any of these belong to."""
	pairs = frappe.db.sql(
		"""SELECT name, rolls_up_to, referred_by FROM `tabCustomer`
		WHERE COALESCE(rolls_up_to, '') != '' OR COALESCE(referred_by, '') != ''"""
	)
	wanted = set(customers)
	wanted |= {referrer for name, _root, referrer in pairs if referrer and name in wanted}
	neighbours: dict[str, set[str]] = {}
	for name, root, _referrer in pairs:
		if root:
			neighbours.setdefault(name, set()).add(root)
			neighbours.setdefault(root, set()).add(name)
	todo = [name for name in wanted if name in neighbours]
	while todo:
		new = neighbours[todo.pop()] - wanted
		wanted |= new
		todo += new
	return wanted


def _due(as_of: date) -> list[str]:
	return frappe.db.sql(
		"SELECT name FROM `tabCustomer` WHERE tiering_review_on <= %s AND disabled = 0", as_of, pluck=True
	)
