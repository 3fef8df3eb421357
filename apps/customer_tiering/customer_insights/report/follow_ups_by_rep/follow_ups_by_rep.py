"""Follow-ups by Rep: what each rep has to do now, and what became of the rest in a period; for managers.

Follow-ups are ToDos of rules about customers whom the user may read, whoever they are assigned to.

* open, overdue (due before today), waiting (for a rep who has as many as fit in a day): as of now;
* closed by the rep: closed in the period otherwise than by themselves; settled: they closed by themselves in the period.
"""

from datetime import date

import frappe
from frappe import _
from frappe.utils import add_days, getdate

from customer_tiering.customer_insights.filters import (
	column,
	explain,
	month,
	period_text,
	visible_customers,
	whole,
)
from customer_tiering.follow_up.settle import SETTLED

COUNTS = ("open", "overdue", "waiting", "closed", "settled")

# The day on which a ToDo was closed is that of its last change.
TODOS = """
	SELECT COALESCE(todo.allocated_to, '') AS user,
		SUM(todo.status = 'Open') AS open,
		SUM(todo.status = 'Open' AND todo.date < %(today)s) AS overdue,
		SUM(todo.status = 'Closed' AND COALESCE(todo.follow_up_outcome, '') != %(settled)s) AS closed,
		SUM(todo.status = 'Closed' AND todo.follow_up_outcome = %(settled)s) AS settled
	FROM `tabToDo` todo LEFT JOIN `tabCustomer` ON `tabCustomer`.name = todo.reference_name
	WHERE todo.reference_type = 'Customer' AND COALESCE(todo.follow_up_rule, '') != ''
		AND (todo.status = 'Open' OR (
			todo.status = 'Closed' AND todo.modified >= %(from_date)s AND todo.modified < %(after)s))
		AND {customers}
	GROUP BY COALESCE(todo.allocated_to, '')
"""

WAITING = """
	SELECT COALESCE(follow_up.user, '') AS user, COUNT(*) AS waiting
	FROM `tabFollow Up` follow_up LEFT JOIN `tabCustomer` ON `tabCustomer`.name = follow_up.customer
	WHERE follow_up.status = 'Waiting' AND {customers}
	GROUP BY COALESCE(follow_up.user, '')
"""


def execute(filters: dict | None = None) -> tuple:
	"""Columns, rows, message, chart (none) and summary.

	Filters: from_date, to_date of closing; without them this month. Raises ValidationError for a filter of a wrong kind and
	dates in the wrong order, PermissionError for who may read no customer.
	"""
	from_date, to_date = month(frappe._dict(filters or {}))
	rows = read(from_date, to_date)
	return columns(), rows, message(from_date, to_date), None, summary(rows)


def read(from_date: date, to_date: date) -> list[dict]:
	"""A row a rep, who has the most overdue and open ones first; those that nobody owns under no name."""
	values = {
		"today": getdate(),
		"from_date": from_date,
		"after": add_days(to_date, 1),
		"settled": SETTLED,
	}
	customers = visible_customers()
	found: dict[str, dict] = {}
	for query in (TODOS, WAITING):
		for each in frappe.db.sql(query.format(customers=customers), values, as_dict=True):
			found.setdefault(each.user, {}).update(each)
	names = dict(
		frappe.get_all(
			"User", filters={"name": ("in", list(found))}, fields=["name", "full_name"], as_list=True
		)
	)
	rows = [
		{
			"user": user,
			"rep": names.get(user) or user or _("Nobody", context="Follow Up"),
			**{key: whole(counts.get(key)) for key in COUNTS},
		}
		for user, counts in found.items()
	]
	return sorted(rows, key=lambda row: (-row["overdue"], -row["open"], row["rep"]))


def columns() -> list[dict]:
	return [
		column("rep", _("Rep"), "Data", 220),
		column("open", _("Open", context="Follow Up")),
		column("overdue", _("Overdue", context="Follow Up")),
		column("waiting", _("Waiting")),
		column("closed", _("Closed by the Rep"), width=150),
		column("settled", _("Closed by Itself"), width=150),
	]


def message(from_date: date, to_date: date) -> str:
	return explain(
		_("Follow-ups as they stand now, and those closed from {0}.").format(period_text(from_date, to_date)),
		[
			_(
				"Overdue: open, and due before today. Waiting: not handed out, as the rep has as many as fit in a day."
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
		{"label": _("Closed by the Rep"), "value": total["closed"], "datatype": "Int"},
	]
