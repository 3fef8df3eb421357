"""Exchange rates as they are stored in Currency Exchange; none is ever fetched."""

from collections.abc import Collection, Mapping
from datetime import date
from typing import TYPE_CHECKING

import frappe

from customer_tiering.tiering.temporary import create, fill

if TYPE_CHECKING:
	import pandas as pd

TABLE = "_tiering_rates"


def open_rates(companies: Mapping[str, str], currency: str, since: date | None, until: date) -> None:
	"""The temporary table `_tiering_rates` (company, day, rate, per): money of a company × rate ÷ per is in `currency`.

	It has a row for each of the companies and each day from `since` (None: the first day that has a rate) to `until`, both
	included, but none for the days before a currency's first rate.
	"""
	create(
		TABLE,
		"""(day DATE NOT NULL, rate DECIMAL(21,9), per DECIMAL(21,9), PRIMARY KEY (company, day))
		SELECT name AS company, DATE('2000-01-01') AS day FROM `tabCompany` LIMIT 0""",
	)
	rates = daily_rates(set(companies.values()), currency, since, until)
	by_currency = dict(list(rates.groupby("currency", sort=False)))
	for company, own in companies.items():
		if own in by_currency:
			rows = by_currency[own]
			days = rows["day"].dt.date
			fill(
				TABLE,
				("company", "day", "rate", "per"),
				[(company, *row) for row in zip(days, rows["rate"], rows["per"], strict=True)],
			)


def daily_rates(
	currencies: Collection[str], currency: str, since: date | None, until: date
) -> "pd.DataFrame":
	"""For each of the currencies and each day from its first rate on: columns currency, day (datetime64), rate, per (Decimal).

	The rate of a day is the latest stored one on or before it, for selling, from that currency to `currency`; where there
	is none yet, the latest the other way round, as its inverse: then rate is 1 and per what is stored.
	"""
	import pandas as pd

	stored = _stored(currencies, currency)
	columns = ["currency", "day", "rate", "per"]
	if stored.empty:
		return pd.DataFrame(
			{name: pd.Series(dtype="datetime64[s]" if name == "day" else object) for name in columns}
		)
	days = pd.date_range(since or stored["day"].min(), until).as_unit("s")
	wanted = pd.MultiIndex.from_product([days, sorted(currencies)], names=["day", "currency"]).to_frame(
		index=False
	)
	direct, inverse = (
		pd.merge_asof(wanted, stored[stored["inverse"] == other_way], on="day", by="currency")
		for other_way in (False, True)
	)
	chosen = direct.where(direct["rate"].notna(), inverse)
	return chosen[chosen["rate"].notna()][columns]


def _stored(currencies: Collection[str], currency: str) -> "pd.DataFrame":
	"""Rates of both directions by day; of several of one day that for selling alone comes last, so that it is the one taken."""
	import pandas as pd

	rows = frappe.db.sql(
		"""SELECT from_currency, date, exchange_rate, 1, FALSE, for_buying FROM `tabCurrency Exchange`
		WHERE to_currency = %(currency)s AND from_currency IN %(currencies)s AND for_selling = 1 AND exchange_rate > 0
		UNION ALL
		SELECT to_currency, date, 1, exchange_rate, TRUE, for_buying FROM `tabCurrency Exchange`
		WHERE from_currency = %(currency)s AND to_currency IN %(currencies)s AND for_selling = 1 AND exchange_rate > 0""",
		{"currency": currency, "currencies": tuple(currencies) or ("",)},
	)
	columns = ["currency", "day", "rate", "per", "inverse", "for_buying"]
	frame = pd.DataFrame.from_records(rows, columns=columns)
	frame["day"] = pd.to_datetime(frame["day"]).astype("datetime64[s]")
	frame["inverse"] = frame["inverse"].astype(bool)
	frame = frame.sort_values(["day", "for_buying"], ascending=[True, False], kind="stable")
	return frame.drop_duplicates(["currency", "day", "inverse"], keep="last").drop(columns="for_buying")
