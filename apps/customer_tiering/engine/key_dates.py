"""Birthdays and anniversaries: the next time that a key date comes round."""

from datetime import date

import numpy as np
import pandas as pd

from customer_tiering.engine.days import add_years, days

PREFIX = "key_date_"
KEY_DATES = tuple(PREFIX + what for what in ("birthday", "founded", "partner_since"))


def label(key_date: str) -> str:
	"""The key date in words: "partner since" of key_date_partner_since."""
	return key_date.removeprefix(PREFIX).replace("_", " ")


def next_anniversary(key_date: pd.Series, as_of: date) -> np.ndarray:
	"""The first anniversary on `as_of` or later, as datetime64[D]; that of 29 February is the 28th in other years.

	The key date itself is none: who is founded today celebrates next year, and who will be founded a year after that.
	"""
	began = days(key_date)
	years = as_of.year - began.astype("datetime64[Y]").astype("int64") - 1970
	years = np.where(np.isnat(began), 1, np.maximum(years, 1))
	coming = add_years(began, years)
	return np.where(coming < np.datetime64(as_of, "D"), add_years(began, years + 1), coming)
