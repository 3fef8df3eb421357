"""The window in which an order counts."""

from datetime import date, timedelta

from dateutil.relativedelta import relativedelta


def window_start(as_of: date, months: int) -> date:
	"""The earliest posting date that still counts on `as_of`.

	An order counts from its posting date until the day before `posting_date + months`, where a day that a month
	doesn't have becomes that month's last: an order of 29 February 2024 counts until 27 February 2025.
	"""

	def counts(posting_date: date) -> bool:
		return posting_date + relativedelta(months=months) > as_of

	start = as_of - relativedelta(months=months)
	while not counts(start):
		start += timedelta(days=1)
	return start
