"""Takes back the ToDos of signals whose cause is gone: an order that was cancelled, a document dated back, rules that were undone."""

from datetime import date, timedelta

import frappe
from frappe import _
from frappe.utils import getdate

from customer_tiering.follow_up.keys import CALLS, ESCALATED, LABELS_OF_DATES, escaped, in_sql
from customer_tiering.follow_up.reasons import CUSTOMER_MERGED, DATE_CHANGED, UNDONE, VOID
from customer_tiering.follow_up.waiting import withdraw
from customer_tiering.tiering.audience import customers_in
from customer_tiering.tiering.lock import ends_the_job
from customer_tiering.tiering.tried import Tried, tried_rules

# An escalation ends with the ToDo that it is about, unless the rep has only given up.
ANSWERED = f"""
	SELECT told.name FROM `tabToDo` told
	JOIN `tabToDo` todo ON todo.follow_up_key = LEFT(told.follow_up_key, CHAR_LENGTH(told.follow_up_key) - {len(ESCALATED)})
	WHERE told.status = 'Open' AND told.follow_up_key LIKE '%%{ESCALATED}' AND todo.status != 'Open'
		AND COALESCE(todo.follow_up_outcome, '') != 'Not Reached'
	ORDER BY told.name
"""
WAITING_FOR_NOTHING = f"""
	SELECT void.cause = 'Policy' AS undone, waiting.name FROM `tabFollow Up` waiting
	JOIN `tabTiering Event` void ON void.voids = SUBSTRING(waiting.follow_up_key, CHAR_LENGTH({in_sql("waiting.rule")}) + 2)
	WHERE waiting.status = 'Waiting'
"""
# Nobody but the job that made it has done anything with it.
UNTOUCHED = """
	todo.modified_by = todo.owner AND COALESCE(todo.follow_up_outcome, '') = '' AND COALESCE(todo.follow_up_note, '') = ''
	AND COALESCE(todo.follow_up_tries, 0) = 0 AND NOT EXISTS (
		SELECT 1 FROM `tabComment` comment
		WHERE comment.reference_doctype = 'ToDo' AND comment.reference_name = todo.name AND comment.comment_type = 'Comment')
"""
# Rules that were undone take along only what nobody has worked on.
VOIDED = f"""
	SELECT void.cause = 'Policy' AS undone, todo.name FROM `tabToDo` todo
	JOIN `tabTiering Event` void ON void.voids = SUBSTRING(todo.follow_up_key, CHAR_LENGTH({in_sql("todo.follow_up_rule")}) + 2)
	WHERE todo.status = 'Open' AND COALESCE(todo.follow_up_key, '') != '' AND (void.cause != 'Policy' OR {UNTOUCHED})
	ORDER BY todo.name
"""
# Calls of sequences that the customer has left since, where nobody has worked on them. Who ordered or wrote has settled them; who
# can't be mailed can be called; and of two customers who are one, the other one goes on.
OF_LEAVERS = f"""
	SELECT todo.name, enrollment.exit_reason FROM {CALLS}
	JOIN `tabCustomer` customer ON customer.name = enrollment.customer
	WHERE todo.status = 'Open' AND enrollment.status = 'Exited' AND {UNTOUCHED}
		AND COALESCE(enrollment.exit_reason, '') NOT IN ('Ordered', 'Replied', 'Bounced', 'Merged')
	ORDER BY todo.name
"""
# What a rule by its audience gave to customers whom the next run put back.
OF_PUT_BACK = f"""
	SELECT todo.name, todo.follow_up_rule AS rule, todo.reference_name AS customer FROM `tabToDo` todo
	JOIN `tabFollow Up Rule` rule ON rule.name = todo.follow_up_rule AND COALESCE(rule.`trigger`, 'Signal') != 'Signal'
	WHERE todo.status = 'Open' AND todo.reference_type = 'Customer'
		AND todo.creation BETWEEN %(tried_at)s AND %(back_at)s AND {UNTOUCHED}
		AND EXISTS (SELECT 1 FROM `tabTiering Event` event WHERE event.run = %(run)s
			AND event.customer = todo.reference_name AND event.cause = 'Policy')
	ORDER BY todo.name
"""
PUT_BACK_LATELY = timedelta(days=7)
REASONS = {0: VOID, 1: UNDONE}  # by whether rules were undone
# The same day in the year that it was made for: of 29 February, the 28th in others.
CORRECTED = f"""
	SELECT undone.name, undone.todo FROM (
		SELECT name, NULL AS todo, rule, customer, detail, follow_up_key FROM `tabFollow Up` WHERE status = 'Waiting'
		UNION ALL
		SELECT follow_up.name, todo.name, follow_up.rule, follow_up.customer, follow_up.detail, follow_up.follow_up_key
		FROM `tabToDo` todo JOIN `tabFollow Up` follow_up ON follow_up.todo = todo.name
		WHERE todo.status = 'Open'
	) undone
	JOIN `tabCustomer` customer ON customer.name = undone.customer
	WHERE undone.follow_up_key =
			CONCAT({in_sql("undone.rule")}, '|', undone.customer, '|', %(what)s, '|', LEFT(undone.detail, 4))
		AND NOT CAST(undone.detail AS DATE)
			<=> customer.{{field}} + INTERVAL (LEFT(undone.detail, 4) - YEAR(customer.{{field}})) YEAR
	ORDER BY undone.name
"""


def withdraw_follow_ups(day: date | None = None) -> int:
	"""Cancel the open ToDos of void signals and of undone rules, each with a comment that says why, and drop what is waiting;
	returns how many."""
	withdrawn, day = 0, day or getdate()
	waiting = frappe.db.sql(WAITING_FOR_NOTHING)
	for undone, reason in REASONS.items():
		withdrawn += withdraw([name for kind, name in waiting if kind == undone], reason)
	frappe.db.commit()
	withdrawn += sum(_withdrawn(name, _(REASONS[undone])) for undone, name in frappe.db.sql(VOIDED))
	withdrawn += sum(_withdrawn(name, _left(reason)) for name, reason in frappe.db.sql(OF_LEAVERS))
	withdrawn += sum(
		_withdrawn(name, _(UNDONE)) for tried in tried_rules(day) for name in _put_back(tried, day)
	)
	withdrawn += _withdraw_corrected()
	for name in frappe.db.sql(ANSWERED, pluck=True):
		_withdrawn(name, _("What was overdue has been dealt with."))
	return withdrawn


def _left(reason: str | None) -> str:
	"""The sequence, for that reason."""
	return _("The customer left the sequence meanwhile: {0}").format(
		_(reason or "Exited", context="Outreach Enrollment")
	)


def _put_back(tried: Tried, day: date) -> list[str]:
	"""ToDos that customers got while undone rules had them in an audience in which they are no more."""
	if not tried.until or tried.until.as_of < day - PUT_BACK_LATELY:
		return []
	times = {"tried_at": tried.first.started_at, "back_at": tried.until.started_at, "run": tried.until.name}
	by_rule: dict[str, list[frappe._dict]] = {}
	for todo in frappe.db.sql(OF_PUT_BACK, times, as_dict=True):
		by_rule.setdefault(todo.rule, []).append(todo)
	return [
		todo.name
		for rule, todos in by_rule.items()
		for inside in [_inside(rule, {todo.customer for todo in todos}, day)]
		for todo in todos
		if todo.customer not in inside
	]


def _inside(rule: str, customers: set[str], day: date) -> set[str]:
	"""All of them where the audience can't be read: whatever is asked of it, somebody has to mend it first."""
	audience = frappe.db.get_value("Follow Up Rule", rule, ["audience_filters", "audience_company"])
	try:
		return set(customers_in(*audience, among=customers, as_of=day))
	except frappe.ValidationError:
		frappe.clear_last_message()
		return customers


def _withdraw_corrected() -> int:
	"""What is about a key date that the customer has no more."""
	from customer_tiering.engine.key_dates import PREFIX

	withdrawn = 0
	for what in LABELS_OF_DATES:
		query = CORRECTED.format(field=PREFIX + frappe.scrub(what))
		rows = frappe.db.sql(query, {"what": what}, as_dict=True)
		withdrawn += withdraw([row.name for row in rows if not row.todo], DATE_CHANGED)
		frappe.db.commit()
		withdrawn += sum(_withdrawn(row.todo, _(DATE_CHANGED)) for row in rows if row.todo)
	return withdrawn


def _withdrawn(name: str, reason: str) -> bool:
	"""One that can't be saved is logged, so that the others don't wait for it for ever."""
	try:
		_withdraw(name, reason)
		frappe.db.commit()
	except Exception as error:
		frappe.db.rollback()
		if ends_the_job(error):
			raise
		frappe.log_error(title="Follow-up not withdrawn", reference_doctype="ToDo", reference_name=name)
		return False
	return True


def _withdraw(name: str, reason: str) -> None:
	todo = frappe.get_doc("ToDo", name, for_update=True)
	if todo.status == "Open":
		todo.status = "Cancelled"
		todo.save(ignore_permissions=True)
		todo.add_comment("Info", reason)


RENAME_CUSTOMER = """
	UPDATE IGNORE `tab{doctype}`
	SET follow_up_key = CONCAT({in_key}, '|', %(new)s, SUBSTRING(
		follow_up_key, CHAR_LENGTH(CONCAT({in_key}, '|', %(old)s)) + 1))
	WHERE {customer} = %(new)s
		AND LEFT(follow_up_key, CHAR_LENGTH(CONCAT({in_key}, '|', %(old)s, '|'))) = CONCAT({in_key}, '|', %(old)s, '|')
"""
RENAME_RULE = """
	UPDATE IGNORE `tab{doctype}` SET follow_up_key = CONCAT(%(new_key)s, SUBSTRING(follow_up_key, CHAR_LENGTH(%(old_key)s) + 1))
	WHERE {rule} = %(new)s AND LEFT(follow_up_key, CHAR_LENGTH(%(old_key)s) + 1) = CONCAT(%(old_key)s, '|')
"""
# What a merged customer had that the other one has, too.
TWICE = f"""
	SELECT name FROM `tabFollow Up` WHERE customer = %(new)s AND status = 'Waiting'
		AND LEFT(follow_up_key, CHAR_LENGTH(CONCAT({in_sql("rule")}, '|', %(old)s, '|'))) = CONCAT({in_sql("rule")}, '|', %(old)s, '|')
"""
KEPT_IN = (
	{
		"doctype": "ToDo",
		"rule": "follow_up_rule",
		"customer": "reference_type = 'Customer' AND reference_name",
	},
	{"doctype": "Follow Up", "rule": "rule", "customer": "customer"},
)


def after_rename(customer: "frappe.Document", method: str, old: str, new: str, merge: bool = False) -> None:
	"""The keys carry the customer's name. What both had that were merged waits once."""
	for place in KEPT_IN:
		query = RENAME_CUSTOMER.format(**place, in_key=in_sql(place["rule"]))
		frappe.db.sql(query, {"old": old, "new": new})
	if merge:
		withdraw(
			frappe.db.sql(TWICE, {"old": old, "new": new}, pluck=True),
			CUSTOMER_MERGED,
		)


def after_rule_renamed(rule: "frappe.Document", method: str, old: str, new: str, merge: bool = False) -> None:
	"""The keys carry the rule's name, too."""
	values = {"new": new, "old_key": escaped(old), "new_key": escaped(new)}
	for place in KEPT_IN:
		frappe.db.sql(RENAME_RULE.format(**place), values)
