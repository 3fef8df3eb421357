"""What time it is where a customer lives."""

from datetime import date, datetime, time, timezone
from functools import cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import frappe
from frappe.utils import get_system_timezone, now_datetime

from customer_tiering.engine.send_window import SendWindow
from customer_tiering.outreach.crowd import Crowd

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
NOON = time(12)


def moment_of(as_of: date | datetime | None) -> datetime:
	"""Now, the moment given, or noon of the day given; without a time zone, as the site's clock shows it."""
	if as_of is None:
		return now_datetime()
	return as_of if isinstance(as_of, datetime) else datetime.combine(as_of, NOON)


def opens_at(
	sequence: "frappe.Document", customer: "frappe.Document", moment: datetime, crowd: Crowd | None = None
) -> datetime:
	"""When the sequence may write to the customer, at `moment` or later; both by the site's clock."""
	site = ZoneInfo(get_system_timezone())
	opening = window_of(sequence).opens(moment.replace(tzinfo=site), time_zone_of(customer.name, crowd))
	return opening.astimezone(site).replace(tzinfo=None)


def window_of(sequence: "frappe.Document") -> SendWindow:
	days = frozenset(number for number, day in enumerate(WEEKDAYS) if sequence.get(day))
	return SendWindow(days, sequence.send_from_hour, sequence.send_until_hour)


def time_zone_of(customer: str, crowd: Crowd | None = None) -> ZoneInfo:
	"""Of the country of the customer's address, in a country with several the middle one; else the site's."""
	country = country_of(customer, crowd)
	zone = (
		_middle_zone(frappe.db.get_value("Country", country, "time_zones", cache=True) or "")
		if country
		else None
	)
	return zone or ZoneInfo(get_system_timezone())


def country_of(customer: str, crowd: Crowd | None = None) -> str | None:
	"""Of the customer's address; None without one."""
	return (crowd or Crowd([customer])).countries.get(customer)


@cache
def _middle_zone(names: str) -> ZoneInfo | None:
	"""By the clocks of an ordinary January day."""
	day = datetime(2026, 1, 15, tzinfo=timezone.utc)
	zones = []
	for name in names.split("\n"):
		try:
			zones.append(ZoneInfo(name.strip()))
		except (ZoneInfoNotFoundError, ValueError):  # the system doesn't know it
			continue
	zones.sort(key=lambda zone: (day.astimezone(zone).utcoffset(), zone.key))
	return zones[len(zones) // 2] if zones else None
