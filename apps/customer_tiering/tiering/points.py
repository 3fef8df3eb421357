"""A customer's loyalty points, as ERPNext's Loyalty Program counts them (get_loyalty_details of erpnext)."""

from dataclasses import dataclass
from datetime import date, timedelta

import frappe

# What is redeemed is a negative entry that expires together with the points that it was taken from.
UNEXPIRED = "entry.expiry_date >= %(as_of)s"
COUNTING = f"entry.posting_date <= %(as_of)s AND {UNEXPIRED}"

# How far ahead, in days, one is told of points that expire.
AHEAD = 90


@dataclass(frozen=True)
class Points:
	"""Points of a program that count, the next day within 90 on which some expire, the last one on which they count, as on
	ERPNext's Loyalty Point Entry; and how many."""

	program: str | None
	points: int = 0
	expire_on: date | None = None
	expiring: int = 0


def points_of(customer: str, as_of: date) -> Points:
	"""Those of the program in which the customer is; none without one."""
	program = frappe.db.get_value("Customer", customer, "loyalty_program")
	if not program:
		return Points(None)
	rows = frappe.db.sql(
		f"""SELECT entry.expiry_date, SUM(entry.loyalty_points) FROM `tabLoyalty Point Entry` entry
		WHERE entry.customer = %(customer)s AND entry.loyalty_program = %(program)s AND {COUNTING}
		GROUP BY entry.expiry_date ORDER BY entry.expiry_date""",
		{"customer": customer, "program": program, "as_of": as_of},
	)
	soon = [(day, int(number)) for day, number in rows if number > 0 and day < as_of + timedelta(days=AHEAD)]
	expire_on, expiring = soon[0] if soon else (None, 0)
	return Points(program, int(sum(number for _day, number in rows)), expire_on, expiring)
