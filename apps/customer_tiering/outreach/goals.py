"""Notes which enrollments, those held out among them, reached the goal of their sequence, and when."""

from datetime import date

import frappe
from frappe.utils import add_days

from customer_tiering.outreach.replies import ANSWERS, IS_ANSWERED
from customer_tiering.tiering.orders import orders_from_settings

OPEN = """enrollment.goal_reached_on IS NULL AND enrollment.entered_on <= %(as_of)s
	AND DATE_ADD(COALESCE(enrollment.ended_on, %(as_of)s), INTERVAL sequence.goal_days DAY) >= %(as_of)s"""
IN_TIME = """{day} <= LEAST(%(as_of)s, DATE_ADD(COALESCE(enrollment.ended_on, %(as_of)s), INTERVAL sequence.goal_days DAY))"""


def note_goals(day: date) -> None:
	since = add_days(day, -90)
	for goal, query in {"Order": _orders(), "Reply": _replies(), "Higher Tier": _higher_tiers()}.items():
		rows = frappe.db.sql(query, {"as_of": day, "goal": goal, "since": since})
		for name, reached in rows:
			frappe.db.set_value(
				"Outreach Enrollment", name, "goal_reached_on", reached, update_modified=False
			)
	frappe.db.commit()


def _query(source: str, day: str, where: str) -> str:
	return f"""SELECT enrollment.name, MIN({day})
		FROM `tabOutreach Enrollment` enrollment
		JOIN `tabOutreach Sequence` sequence ON sequence.name = enrollment.sequence AND sequence.goal = %(goal)s
		{source}
		WHERE {OPEN} AND {where} AND {day} >= enrollment.entered_on AND {IN_TIME.format(day=day)}
		GROUP BY enrollment.name"""


def _orders() -> str:
	orders = orders_from_settings()
	return _query(
		f"JOIN {orders.table} document ON document.customer = enrollment.customer",
		orders.day,
		f"{orders.counts} AND {orders.is_order_by_itself}"
		f" AND {orders.day} > COALESCE(enrollment.last_order_date, '0001-01-01')",
	)


def _replies() -> str:
	return _query(
		f"JOIN ({ANSWERS}) answer ON answer.customer = enrollment.customer",
		"DATE(answer.came_at)",
		IS_ANSWERED,
	)


def _higher_tiers() -> str:
	return _query(
		"JOIN `tabTiering Event` event ON event.customer = enrollment.customer",
		"event.as_of",
		"event.signal = 'Tier Up' AND event.signal_key IS NOT NULL",
	)
