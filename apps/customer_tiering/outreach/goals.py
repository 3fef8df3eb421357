"""Notes which enrollments, those held out among them, reached the goal of their sequence, and when.

What led to it may be cancelled, come to nothing or be entered late: for some time after the last day that counts, it is looked at again.
"""

from datetime import date

import frappe
from frappe.utils import add_days

from customer_tiering.outreach.replies import ANSWERS, IS_ANSWERED
from customer_tiering.tiering.orders import orders_from_settings

LOOK_BACK = 90  # days
LAST_DAY = "DATE_ADD(COALESCE(enrollment.ended_on, %(as_of)s), INTERVAL sequence.goal_days DAY)"
CHANGED = f"""
	SELECT enrollment.name, MIN({{day}}) AS reached
	FROM `tabOutreach Enrollment` enrollment
	JOIN `tabOutreach Sequence` sequence ON sequence.name = enrollment.sequence AND sequence.goal = %(goal)s
	LEFT JOIN {{source}} ON {{where}} AND {{day}} BETWEEN enrollment.entered_on AND LEAST(%(as_of)s, {LAST_DAY})
	WHERE enrollment.entered_on <= %(as_of)s AND {LAST_DAY} >= %(since)s
	GROUP BY enrollment.name, enrollment.goal_reached_on
	HAVING NOT (reached <=> enrollment.goal_reached_on)"""


def note_goals(day: date) -> None:
	for goal, query in {"Order": _orders(), "Reply": _replies(), "Higher Tier": _higher_tiers()}.items():
		values = {"as_of": day, "goal": goal, "since": add_days(day, -LOOK_BACK)}
		for name, reached in frappe.db.sql(query, values):
			frappe.db.set_value(
				"Outreach Enrollment", name, "goal_reached_on", reached, update_modified=False
			)
	frappe.db.commit()


def _orders() -> str:
	orders = orders_from_settings()
	return CHANGED.format(
		source=f"{orders.table} document",
		day=orders.day,
		where=f"""document.customer = enrollment.customer AND {orders.counts} AND {orders.is_order_by_itself}
			AND {orders.day} > COALESCE(enrollment.last_order_date, '0001-01-01')""",
	)


def _replies() -> str:
	return CHANGED.format(
		source=f"({ANSWERS}) answer",
		day="DATE(answer.came_at)",
		where=f"answer.customer = enrollment.customer AND {IS_ANSWERED}",
	)


def _higher_tiers() -> str:
	"""The rise by which the customer entered is none: the ledger knew it before."""
	return CHANGED.format(
		source="`tabTiering Event` event",
		day="event.as_of",
		where="""event.customer = enrollment.customer AND event.signal = 'Tier Up' AND event.signal_key IS NOT NULL
			AND event.creation > enrollment.creation
			AND NOT EXISTS (SELECT 1 FROM `tabTiering Event` void WHERE void.voids = event.signal_key)""",
	)
