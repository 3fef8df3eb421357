"""What the last run has to say, for Tiering Settings: in words, in the site's language."""

from collections import Counter
from collections.abc import Collection

import frappe
from frappe import _
from frappe.utils import format_datetime, get_fullname, now_datetime

from customer_tiering.follow_up.hand_out import Decision
from customer_tiering.follow_up.reasons import BROKEN_AUDIENCE, BROKEN_TEXT, DATE_PASSED
from customer_tiering.tiering.language import language_of

SHOWN = 5


def write_log(counts: dict[str, int], decision: Decision, broken: Collection[str]) -> None:
	with language_of(frappe.db.get_single_value("System Settings", "language")):
		text = "\n".join(_sentences(counts, decision, broken))
	frappe.db.set_single_value("Tiering Settings", "follow_up_log", text, update_modified=False)


def note_problems(broken: Collection[str], failed_texts: Collection[str]) -> None:
	"""On each rule what keeps it from being carried out, as `reasons` has it; what the last run did without a hitch has none."""
	for name, known in frappe.get_all("Follow Up Rule", fields=["name", "last_problem"], as_list=True):
		problem = BROKEN_AUDIENCE if name in broken else BROKEN_TEXT if name in failed_texts else None
		if problem != (known or None):
			frappe.db.set_value("Follow Up Rule", name, "last_problem", problem, update_modified=False)


def _also_done() -> dict[str, str]:
	return {
		"handed_over": _("{0} went to somebody else: their user was disabled, or they had nobody."),
		"withdrawn": _("{0} were withdrawn, as nobody needs them any more."),
		"settled": _("{0} were closed as settled: by an order, a reply or the end of an opportunity."),
		"escalated": _("{0} were reported to a manager."),
	}


def _sentences(counts: dict[str, int], decision: Decision, broken: Collection[str]) -> list[str]:
	said = [_("{0}: {1} follow-ups handed out.").format(format_datetime(now_datetime()), counts["created"])]
	said += [sentence.format(counts[key]) for key, sentence in _also_done().items() if counts[key]]
	if decision.full:
		users = Counter(user for _row, user in decision.full).most_common()
		names = ", ".join(f"{get_fullname(user)} ({number})" for user, number in users[:SHOWN])
		more = " …" if len(users) > SHOWN else ""
		said.append(_("{0} wait for a rep with room: {1}").format(len(decision.full), names + more))
	if decision.day_off:
		said.append(_("{0} wait for the next working day.").format(len(decision.day_off)))
	if passed := decision.withdrawn.get(DATE_PASSED):
		said.append(_("{0} were dropped, as their day had passed while they waited.").format(len(passed)))
	if counts["unowned"]:
		said.append(
			_("{0} have nobody to do them: give their customers an account manager.").format(
				counts["unowned"]
			)
		)
	for rule, number in sorted(decision.failed_texts.items()):
		said.append(
			_("{0}: its text can't be filled in, or is empty, for {1} customers: see its preview.").format(
				rule, number
			)
		)
	if broken:
		said.append(
			_("Rules that can't be carried out (see their audience, or the Error Log): {0}").format(
				", ".join(sorted(broken))
			)
		)
	return said
