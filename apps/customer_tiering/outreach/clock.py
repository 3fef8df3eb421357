"""What time it is where a customer lives."""

from collections import Counter
from datetime import date, datetime, time, timedelta, timezone
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
	site = _site_zone()
	now = moment.replace(tzinfo=site)
	opening = window_of(sequence).opens(now, time_zone_of(customer.name, crowd))
	return moment if opening == now else _on_the_wall(opening.astimezone(site))


def day_there(customer: str, moment: datetime, crowd: Crowd | None = None) -> date:
	"""Which day it is where the customer lives, at a moment by the site's clock."""
	return moment.replace(tzinfo=_site_zone()).astimezone(time_zone_of(customer, crowd)).date()


def day_begins(customer: str, day: date, crowd: Crowd | None = None) -> datetime:
	"""When that day begins where the customer lives, by the site's clock."""
	begins = datetime.combine(day, time(), time_zone_of(customer, crowd))
	return _on_the_wall(begins.astimezone(_site_zone()))


def _on_the_wall(there: datetime) -> datetime:
	"""Without its time zone. What is of the hour that the clock shows twice, and of the second time, is an hour later: nobody can say
	which of the two is meant.
	"""
	twice = there.replace(fold=0).utcoffset() - there.utcoffset() if there.fold else timedelta()
	return there.replace(tzinfo=None, fold=0) + twice


def _site_zone() -> ZoneInfo:
	return ZoneInfo(get_system_timezone())


def window_of(sequence: "frappe.Document") -> SendWindow:
	days = frozenset(number for number, day in enumerate(WEEKDAYS) if sequence.get(day))
	return SendWindow(days, sequence.send_from_hour, sequence.send_until_hour)


def time_zone_of(customer: str, crowd: Crowd | None = None) -> ZoneInfo:
	"""Of the country of the customer's address, in a country with several one in the middle; else the site's."""
	country = country_of(customer, crowd)
	zone = (
		_usual_zone(frappe.db.get_value("Country", country, "time_zones", cache=True) or "")
		if country
		else None
	)
	return zone or _site_zone()


def country_of(customer: str, crowd: Crowd | None = None) -> str | None:
	"""Of the customer's address; None without one."""
	return (crowd or Crowd([customer])).countries.get(customer)


@cache
def _usual_zone(names: str) -> ZoneInfo | None:
	"""The middle one of those that show the same time as another of the country, which islands far away don't; where none does, the
	country's first one. By the clocks of an ordinary January day.
	"""
	day = datetime(2026, 1, 15, tzinfo=timezone.utc)
	zones = []
	for name in names.split("\n"):
		try:
			zones.append(ZoneInfo(name.strip()))
		except (ZoneInfoNotFoundError, ValueError):  # the system doesn't know it
			continue
	offsets = {zone: day.astimezone(zone).utcoffset() for zone in zones}
	count = Counter(offsets.values())
	usual = sorted((zone for zone in zones if count[offsets[zone]] > 1), key=lambda z: (offsets[z], z.key))
	return usual[len(usual) // 2] if usual else next(iter(zones), None)
