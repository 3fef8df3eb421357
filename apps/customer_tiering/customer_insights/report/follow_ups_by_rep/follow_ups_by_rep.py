"""Follow-ups by Rep: what each rep has to do now, one by one below with what waits, and what became of the rest in a period; for managers.

Follow-ups are ToDos of rules and sequences about customers whom the user may read, whoever they are assigned to. What a
manager is told of as overdue is the rep's and isn't counted again; what was tried in vain is the manager's from then on.

* open, overdue (due before today), waiting (for a rep who has as many as fit in a day, or on a holiday): as of now;
* closed by the rep, or by others (a manager, say): by a person in the period; settled: they closed by themselves in the period;
* the outcomes, and "not said", are those of both, the rep and others;
* for managers of tiering, who a hand-over can be undone for has a row, whatever is left.
"""

from datetime import date

import frappe
from frappe import _
from frappe.utils import add_days, date_diff, formatdate, getdate

from customer_tiering.customer_insights.filters import (
	column,
	explain,
	month,
	period_text,
	visible_customers,
	whole,
)
from customer_tiering.follow_up.hand_over import last_hand_overs
from customer_tiering.follow_up.outcome import CLOSED_ON, IS_OWN, OUTCOMES
from customer_tiering.follow_up.settle import SETTLED
from customer_tiering.tiering.permissions import MANAGERS

COUNTS = ("open", "overdue", "waiting", "closed", "by_others", *OUTCOMES, "not_said", "settled")
BY_REP = "(COALESCE(todo.follow_up_closed_by, todo.allocated_to) <=> todo.allocated_to)"
SHOWN = 2000

# What was closed since some day was changed since: for that there is an index.
TODOS = """
	SELECT COALESCE(todo.allocated_to, '') AS user,
		SUM(todo.status = 'Open') AS open,
		SUM(todo.status = 'Open' AND todo.date < %(today)s) AS overdue,
		SUM(todo.status = 'Closed' AND COALESCE(todo.follow_up_outcome, '') != %(settled)s AND {by_rep}) AS closed,
		SUM(todo.status = 'Closed' AND COALESCE(todo.follow_up_outcome, '') != %(settled)s AND NOT {by_rep}) AS by_others,
		{outcomes},
		SUM(todo.status = 'Closed' AND COALESCE(todo.follow_up_outcome, '') = '') AS not_said,
		SUM(todo.status = 'Closed' AND todo.follow_up_outcome = %(settled)s) AS settled
	FROM `tabToDo` todo LEFT JOIN `tabCustomer` ON `tabCustomer`.name = todo.reference_name
	WHERE todo.reference_type = 'Customer' AND COALESCE(todo.follow_up_key, '') != ''
		AND {own}
		AND (todo.status = 'Open' OR (
			todo.status = 'Closed' AND todo.modified >= %(from_date)s
			AND {closed_on} >= %(from_date)s AND {closed_on} < %(after)s))
		AND {customers}
		AND {todos}
	GROUP BY COALESCE(todo.allocated_to, '')
"""
OPEN = """
	SELECT COALESCE(todo.allocated_to, '') AS user, todo.reference_name AS customer, todo.date, todo.follow_up_rule AS rule,
		`tabCustomer`.customer_name, `tabCustomer`.customer_tier AS tier
	FROM `tabToDo` todo LEFT JOIN `tabCustomer` ON `tabCustomer`.name = todo.reference_name
	WHERE todo.reference_type = 'Customer' AND COALESCE(todo.follow_up_key, '') != ''
		AND {own} AND todo.status = 'Open' AND {customers} AND {todos}
	ORDER BY todo.date, todo.name
	LIMIT %(shown)s
"""

WAITING_ONES = """
	SELECT COALESCE(follow_up.user, '') AS user, follow_up.customer, follow_up.rule, follow_up.due_from AS since,
		`tabCustomer`.customer_name, `tabCustomer`.customer_tier AS tier
	FROM `tabFollow Up` follow_up LEFT JOIN `tabCustomer` ON `tabCustomer`.name = follow_up.customer
	WHERE follow_up.status = 'Waiting' AND {customers} AND {waiting}
	ORDER BY follow_up.due_from, follow_up.name
	LIMIT %(shown)s
"""
WAITING = """
	SELECT COALESCE(follow_up.user, '') AS user, COUNT(*) AS waiting
	FROM `tabFollow Up` follow_up LEFT JOIN `tabCustomer` ON `tabCustomer`.name = follow_up.customer
	WHERE follow_up.status = 'Waiting' AND {customers} AND {waiting}
	GROUP BY COALESCE(follow_up.user, '')
"""


def execute(filters: dict | None = None) -> tuple:
	"""Columns, rows, message, chart (none) and summary.

	Filters: from_date, to_date of closing, without them this month; rep (a user), rule. Raises ValidationError for a filter of
	a wrong kind and dates in the wrong order, PermissionError for who may read no customer.
	"""
	filters = frappe._dict(filters or {})
	from_date, to_date = month(filters)
	rep, rule = (str(filters.get(key) or "")[:140] for key in ("rep", "rule"))
	rows = read(from_date, to_date, rep, rule)
	return columns(), with_open_ones(rows, rep, rule), message(from_date, to_date), None, summary(rows)


def read(from_date: date, to_date: date, rep: str = "", rule: str = "") -> list[dict]:
	"""A row a rep: first those that nobody owns, under no name; then who has the most overdue and open ones."""
	values = {
		"today": getdate(),
		"from_date": from_date,
		"after": add_days(to_date, 1),
		"settled": SETTLED,
	}
	found: dict[str, dict] = {}
	for query in (TODOS, WAITING):
		for each in _select(query, rep, rule, values):
			found.setdefault(each.user, {}).update(each)
	to_undo = _to_undo(rep)
	found |= {user: {} for user in to_undo if user not in found}
	names = dict(
		frappe.get_all(
			"User", filters={"name": ("in", list(found))}, fields=["name", "full_name"], as_list=True
		)
	)
	rows = [
		{
			"user": user,
			"rep": names.get(user) or user or _("Nobody", context="Follow Up"),
			"indent": 0,
			**to_undo.get(user, {}),
			**{key: whole(counts.get(key)) for key in COUNTS},
		}
		for user, counts in found.items()
	]
	return sorted(rows, key=lambda row: (bool(row["user"]), -row["overdue"], -row["open"], row["rep"]))


def _to_undo(rep: str) -> dict[str, dict]:
	"""By user who can have them back: when the follow-ups were last handed over, and how many they were."""
	if not set(MANAGERS) & set(frappe.get_roles()):
		return {}
	last = last_hand_overs()
	users = {"name": ("in", [rep] if rep else list(last)), "enabled": 1}
	return {
		user: {"undo_at": str(last[user][0]), "undo_number": last[user][1]}
		for user in frappe.get_all("User", users, pluck="name")
		if user in last
	}


def with_open_ones(rows: list[dict], rep: str = "", rule: str = "") -> list[dict]:
	"""Below each rep the open follow-ups, those due first at the top, then those that wait."""
	below: dict[str, list[dict]] = {}
	for query, state in ((OPEN, _state), (WAITING_ONES, _waits)):
		for each in _select(query, rep, rule, {"shown": SHOWN}):
			line = {**dict.fromkeys(COUNTS), **each, "state": state(each), "user": None, "indent": 1}
			below.setdefault(each.user, []).append(line)
	return [
		line
		for row in rows
		for line in (row, *({**each, "rep": row["rep"]} for each in below.get(row["user"], ())))
	]


def _state(todo: frappe._dict) -> str:
	late = date_diff(getdate(), todo.date) if todo.date else 0
	if late == 1:
		return _("Overdue by 1 day")
	return _("Overdue by {0} days").format(late) if late > 1 else _("Open", context="Follow Up")


def _waits(follow_up: frappe._dict) -> str:
	return _("Waiting since {0}").format(formatdate(follow_up.since))


def _select(query: str, rep: str, rule: str, values: dict) -> list[frappe._dict]:
	conditions = {}
	for name, user, of_rule in (
		("todos", "todo.allocated_to", "todo.follow_up_rule"),
		("waiting", "follow_up.user", "follow_up.rule"),
	):
		asked = [f"{user} = %(rep)s"] * bool(rep) + [f"{of_rule} = %(rule)s"] * bool(rule)
		conditions[name] = " AND ".join(asked) or "TRUE"
	outcomes = ", ".join(
		f"SUM(todo.status = 'Closed' AND todo.follow_up_outcome <=> '{outcome}') AS `{outcome}`"
		for outcome in OUTCOMES
	)
	query = query.format(
		customers=visible_customers(),
		outcomes=outcomes,
		own=IS_OWN,
		by_rep=BY_REP,
		closed_on=CLOSED_ON,
		**conditions,
	)
	return frappe.db.sql(query, {**values, "rep": rep, "rule": rule}, as_dict=True)


def columns() -> list[dict]:
	return [
		column("rep", _("Rep"), "Data", 200),
		column("customer_name", _("Customer"), "Data", 270),
		column("state", _("Status"), "Data", 150),
		column("date", _("Due Date"), "Date", 110),
		column("open", _("Open", context="Follow Up")),
		column("overdue", _("Overdue", context="Follow Up")),
		column("waiting", _("Waiting")),
		column("closed", _("Closed by the Rep"), width=130),
		column("by_others", _("Closed by Others"), width=130),
		*(column(outcome, _(outcome, context="ToDo"), width=120) for outcome in OUTCOMES),
		column("not_said", _("Not Said", context="ToDo"), width=120),
		column("settled", _("Closed by Itself"), width=130),
		column("tier", _("Tier"), "Data", 90),
		column("rule", _("Follow-Up Rule"), "Data", 200),
	]


def message(from_date: date, to_date: date) -> str:
	return explain(
		_("Follow-ups as they stand now, and those closed from {0}.").format(period_text(from_date, to_date)),
		[
			_(
				"Overdue: open, and due before today. Waiting: not handed out, as the rep has as many as fit in a day or as it is a holiday."
			),
			_(
				"Closed by others: by somebody who didn't have it, like a manager. Outcomes are counted whoever closed it. Not said: closed without an outcome."
			),
			_("Closed by itself: the customer ordered or wrote, or an opportunity was closed."),
		],
	)


def summary(rows: list[dict]) -> list[dict]:
	total = {key: sum(row[key] for row in rows) for key in COUNTS}
	return [
		{"label": _("Open", context="Follow Up"), "value": total["open"], "datatype": "Int"},
		{
			"label": _("Overdue", context="Follow Up"),
			"value": total["overdue"],
			"datatype": "Int",
			"indicator": "Red" if total["overdue"] else "Green",
		},
		{"label": _("Waiting"), "value": total["waiting"], "datatype": "Int"},
		{"label": _("Closed by the Rep"), "value": total["closed"], "datatype": "Int"},
	]
