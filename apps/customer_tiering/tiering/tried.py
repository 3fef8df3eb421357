"""Rules that somebody applied and undid: which runs decided by them, and by which rules these days count instead."""

from dataclasses import dataclass
from datetime import date, datetime

import frappe

from customer_tiering.engine.policy import Policy
from customer_tiering.tiering.history import LOOK_BACK

RECORD = "Tiering Rule Change"


@dataclass(frozen=True)
class Tried:
	"""The runs from `first`, the first full one by the rules that were tried, up to the next full one after the undo.

	That one, `until`, put the customers back; it is None while it has still to come. `policy` is what the undo brought back.
	"""

	first: frappe._dict
	until: frappe._dict | None
	policy: Policy

	def includes(self, started_at: datetime) -> bool:
		"""Whether a run that began then decided by the rules that were tried."""
		return started_at >= self.first.started_at and not (
			self.until and started_at >= self.until.started_at
		)

	def includes_or_undoes(self, started_at: datetime) -> bool:
		return self.includes(started_at) or bool(self.until and started_at == self.until.started_at)


def tried_rules(as_of: date) -> list[Tried]:
	"""Those whose runs are recent enough to matter, the oldest first. What was tried within another try is part of that."""
	changes = _undone(as_of)
	runs = _full_runs(changes[0].creation) if changes else []
	found = (_tried(change, runs) for change in changes)
	return [tried for tried in found if tried]


def to_take_back(as_of: date) -> Tried | None:
	"""What was undone since the last full run: the next one puts the customers back to where they would stand."""
	waiting = [tried for tried in tried_rules(as_of) if not tried.until]
	return waiting[0] if waiting else None


def _undone(as_of: date) -> list[frappe._dict]:
	"""The outermost of those that lie within one another: they go back in the order in which they came."""
	rows = frappe.get_all(
		RECORD,
		filters={
			"status": "Undone",
			"undone_at": (">", as_of - LOOK_BACK),
			"rules_after_undo": ("is", "set"),
		},
		fields=["creation", "undone_at", "rules_after_undo"],
		order_by="name",
	)
	found: list[frappe._dict] = []
	for row in rows:
		if not found or row.undone_at > found[-1].undone_at:
			found.append(row)
	return found


def _full_runs(since: datetime) -> list[frappe._dict]:
	"""Also those that broke off after they had written something, the oldest first."""
	return frappe.db.sql(
		"""SELECT name, started_at, as_of, status, rule_version, baseline FROM `tabTiering Run`
		WHERE scope = 'Full' AND started_at >= %s AND policy IS NOT NULL
			AND (status = 'Completed' OR (status IN ('Failed', 'Interrupted') AND events > 0))
		ORDER BY name""",
		since,
		as_dict=True,
	)


def _tried(change: frappe._dict, runs: list[frappe._dict]) -> Tried | None:
	"""None where no run came about meanwhile, where all went by the same rules, as where only names were tried, and where
	nobody stood anywhere before: the first run of all fires nothing, nor does what follows from it."""
	policy = Policy.from_json(change.rules_after_undo)
	meanwhile = [run for run in runs if change.creation <= run.started_at < change.undone_at]
	if all(run.rule_version == policy.rule_version for run in meanwhile) or meanwhile[0].baseline:
		return None
	later = (run for run in runs if run.started_at >= change.undone_at and run.status == "Completed")
	return Tried(meanwhile[0], next(later, None), policy)
