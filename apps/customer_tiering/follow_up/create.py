"""Makes ToDos of what is due: one for each rule and period of a customer, however often it is run."""

from collections.abc import Callable
from datetime import date

import frappe
from frappe import _
from frappe.utils import getdate

from customer_tiering.follow_up.digest import tell
from customer_tiering.follow_up.escalate import escalate
from customer_tiering.follow_up.hand_out import Decision, decide
from customer_tiering.follow_up.hand_over import hand_over, hand_over_of_disabled
from customer_tiering.follow_up.lock import alone
from customer_tiering.follow_up.log import note_problems, write_log
from customer_tiering.follow_up.plan import plan
from customer_tiering.follow_up.reasons import DAY_OFF, FULL
from customer_tiering.follow_up.settle import settle
from customer_tiering.follow_up.todos import write
from customer_tiering.follow_up.waiting import WAITING, withdraw
from customer_tiering.follow_up.withdraw import withdraw_follow_ups
from customer_tiering.tiering.chunks import chunks
from customer_tiering.tiering.lock import RunInProgressError

PATIENCE = 600  # seconds
Progress = Callable[[int, int, str], None]


def no_progress(done: int, total: int, what: str) -> None:
	pass


def create_follow_ups(as_of: date | None = None) -> int:
	"""Everything that `run_follow_ups` does; returns how many ToDos were made."""
	return run_follow_ups(as_of)["created"]


def run_follow_ups(
	as_of: date | None = None, dry_run: bool = False, progress: Progress = no_progress
) -> dict[str, int]:
	"""Take back what has become void, close what has settled itself, note what is due, hand it out, and tell about it.

	Counts: created, unowned (of those, without anybody to do it), waiting (for a rep with room), withdrawn, settled, escalated,
	handed_over, and broken (rules that can't be read). Commits as it goes; killed anywhere, the next run goes on and makes
	nothing twice. A dry run writes nothing and counts what would be. Raises ValidationError for a day other than today on a
	site that is not marked for demo or tests. While another run is at work this one waits, and leaves it to that one in
	the end.
	"""
	day = as_of or getdate()
	if not dry_run:
		_refuse_other_days(day)
	try:
		with alone(PATIENCE):
			return _dry(day, progress) if dry_run else _run(day, progress)
	except RunInProgressError:
		frappe.clear_last_message()
		return dict.fromkeys(COUNTS, 0)


COUNTS = ("created", "unowned", "waiting", "withdrawn", "settled", "escalated", "handed_over", "broken")


def _run(day: date, progress: Progress) -> dict[str, int]:
	commit = frappe.db.commit
	progress(0, 0, _("Looking what is done"))
	counts = dict.fromkeys(COUNTS, 0)
	counts["withdrawn"] = withdraw_follow_ups(day)
	counts["settled"] = settle(day)
	counts["handed_over"] = hand_over_of_disabled(day) + hand_over("", day=day, within_room=True)
	progress(0, 0, _("Looking what is due"))
	broken = set(plan(day, commit))
	decision = decide(day)
	_note(decision)
	commit()
	counts["created"], counts["unowned"] = write(decision, day, commit, progress)
	counts["waiting"] = frappe.db.count("Follow Up", {"status": WAITING})
	counts["withdrawn"] += sum(map(len, decision.withdrawn.values()))
	counts["escalated"] = escalate(day)
	counts["broken"] = len(broken | decision.broken)
	write_log(counts, decision, broken | decision.broken)
	note_problems(broken | decision.broken, decision.failed_texts)
	commit()
	tell()
	return counts


def _dry(day: date, progress: Progress) -> dict[str, int]:
	"""Planned within a transaction that is undone."""
	progress(0, 0, _("Looking what is due"))
	try:
		broken = set(plan(day, commit=lambda: None))
		decision = decide(day)
	finally:
		frappe.db.rollback()
	return {
		**dict.fromkeys(COUNTS, 0),
		"created": len(decision.to_hand_out),
		"unowned": sum(not user for _row, user in decision.to_hand_out),
		"waiting": len(decision.full) + len(decision.day_off),
		"withdrawn": sum(map(len, decision.withdrawn.values())),
		"broken": len(broken | decision.broken),
	}


def _note(decision: Decision) -> None:
	"""Whom it waits for, and why it doesn't any more."""
	waits: dict[tuple[str | None, str], list[str]] = {}
	for reason, rows in ((FULL, decision.full), (DAY_OFF, decision.day_off)):
		for row, user in rows:
			waits.setdefault((user, reason), []).append(row.name)
	for (user, reason), names in waits.items():
		for some in chunks(names):
			values = {"user": user, "reason": reason}
			frappe.db.set_value("Follow Up", {"name": ("in", some)}, values, update_modified=False)
	for reason, names in decision.withdrawn.items():
		withdraw(names, reason)


def _refuse_other_days(day: date) -> None:
	if day != getdate() and not (frappe.conf.allow_tests or frappe.conf.customer_tiering_demo):
		frappe.throw(_("Follow-ups can be made only as of today. For another day use a dry run (--dry-run)."))
