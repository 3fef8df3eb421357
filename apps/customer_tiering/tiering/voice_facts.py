"""What customers let us know, set-wise: loyalty points, open issues and answers to surveys."""

from datetime import date, timedelta

import frappe
import pandas as pd

from customer_tiering.engine.policy import Policy
from customer_tiering.tiering.points import COUNTING, UNEXPIRED
from customer_tiering.tiering.temporary import in_scope

NEXT = "next_voice"
RESOLVED = "('Resolved', 'Closed')"

POINTS = """
	SELECT entry.customer, SUM(CASE WHEN {counting} THEN entry.loyalty_points END),
		MIN(CASE WHEN entry.posting_date > %(as_of)s THEN entry.posting_date
			ELSE DATE_ADD(entry.expiry_date, INTERVAL 1 DAY) END)
	FROM `tabLoyalty Point Entry` entry JOIN `tabCustomer` customer
		ON customer.name = entry.customer AND customer.loyalty_program = entry.loyalty_program
	WHERE {unexpired} AND {scope}
	GROUP BY entry.customer
"""

ISSUES = """
	SELECT customer, SUM(opened <= %(as_of)s), SUM(opened <= %(as_of)s AND COALESCE(due < %(as_of)s, 0)),
		MIN(CASE WHEN opened > %(as_of)s THEN opened WHEN due >= %(as_of)s THEN DATE_ADD(due, INTERVAL 1 DAY) END)
	FROM (
		SELECT customer, COALESCE(opening_date, DATE(creation)) AS opened, DATE({due}) AS due
		FROM `tabIssue` WHERE customer > '' AND status NOT IN {resolved} AND {scope}
	) issue
	GROUP BY customer
"""

ANSWERS = """
	SELECT customer, feedback_date, CAST(score AS UNSIGNED) FROM `tabCustomer Feedback`
	WHERE score != '' AND feedback_date > %(too_old)s AND {scope}
	ORDER BY feedback_date, creation, name
"""


def read_voice_facts(policy: Policy, as_of: date, scoped: bool) -> pd.DataFrame:
	"""One row a customer with any of them. Columns: loyalty_points, open_issues, overdue_issues, last_score, next_voice.

	* loyalty_points: those of the customer's Loyalty Program that count on `as_of`, as ERPNext counts them;
	* open_issues: opened until `as_of` and not resolved now; overdue_issues: those that should have been resolved before
	  `as_of`. Neither is read where the policy doesn't ask for issues;
	* last_score: the last answer of the last `feedback_days` days, 0 to 10;
	* next_voice: the first day after `as_of` on which time alone changes any of these (datetime64).
	"""
	found = [_points(as_of, scoped)]
	if policy.asks_for_issues:
		found.append(_issues(as_of, scoped))
	if policy.feedback_days:
		found.append(_answers(policy, as_of, scoped))
	facts = pd.concat(found, axis=1).rename_axis("customer")
	turns = facts.pop(NEXT)
	facts[NEXT] = turns.min(axis=1) if isinstance(turns, pd.DataFrame) else turns
	columns = ["loyalty_points", "open_issues", "overdue_issues", "last_score", NEXT]
	return facts.reindex(columns=columns).astype({"last_score": "float64", NEXT: "datetime64[s]"})


def due_field() -> str | None:
	"""When an issue is to be resolved: ERPNext has renamed the field within version 15."""
	meta = frappe.get_meta("Issue")
	return next((name for name in ("sla_resolution_by", "resolution_by") if meta.has_field(name)), None)


def _points(as_of: date, scoped: bool) -> pd.DataFrame:
	query = POINTS.format(counting=COUNTING, unexpired=UNEXPIRED, scope=in_scope("entry.customer", scoped))
	return _frame(query, {"as_of": as_of}, ["loyalty_points", NEXT])


def _issues(as_of: date, scoped: bool) -> pd.DataFrame:
	query = ISSUES.format(due=due_field() or "NULL", resolved=RESOLVED, scope=in_scope("customer", scoped))
	return _frame(query, {"as_of": as_of}, ["open_issues", "overdue_issues", NEXT])


def _answers(policy: Policy, as_of: date, scoped: bool) -> pd.DataFrame:
	"""Answers with a later date aren't given yet."""
	length = timedelta(days=policy.feedback_days)
	rows = frappe.db.sql(ANSWERS.format(scope=in_scope("customer", scoped)), {"too_old": as_of - length})
	answers = pd.DataFrame.from_records(rows, columns=["customer", "day", "score"])
	answers["day"] = answers["day"].astype("datetime64[s]")
	given, coming = (answers[when] for when in (answers["day"] <= str(as_of), answers["day"] > str(as_of)))
	last = given.groupby("customer").last()
	ends = last["day"] + pd.Timedelta(length)
	starts = coming.groupby("customer")["day"].min()
	turns = pd.concat([ends, starts], axis=1).min(axis=1)
	return pd.concat([last["score"].rename("last_score"), turns.rename(NEXT)], axis=1)


def _frame(query: str, given: dict, columns: list[str]) -> pd.DataFrame:
	frame = pd.DataFrame.from_records(
		frappe.db.sql(query, given), columns=["customer", *columns], index="customer"
	)
	counts = [name for name in columns if name != NEXT]
	frame[counts] = frame[counts].astype("float64")
	frame[NEXT] = frame[NEXT].astype("datetime64[s]")
	return frame
