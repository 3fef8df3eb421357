"""Whole days as numpy's datetime64[D], which has room for every year and knows no hours."""

import numpy as np
import pandas as pd


def days(column: pd.Series) -> np.ndarray:
	"""A datetime64 column as days; NaT stays NaT."""
	return column.to_numpy().astype("datetime64[D]")


def add_years(day: np.ndarray, years: int | np.ndarray) -> np.ndarray:
	"""The same day of another year; for 29 February the 28th where that year has no such day."""
	month = day.astype("datetime64[M]")
	there = month + np.asarray(12 * years).astype("timedelta64[M]")
	last_of_month = (there + np.timedelta64(1, "M")).astype("datetime64[D]") - np.timedelta64(1, "D")
	return np.minimum(there.astype("datetime64[D]") + (day - month.astype("datetime64[D]")), last_of_month)


def days_times(rhythm: pd.Series, factor: float) -> pd.Series:
	"""A rhythm in days taken `factor` times, in whole days, a begun one being whole; NaN stays NaN.

	Rounded first: 1.1 × 50 days are 55, although floats make it a little more.
	"""
	return np.ceil((rhythm * factor).round(6))


def later(day: np.ndarray, by: pd.Series | np.ndarray | float) -> np.ndarray:
	"""The day so many whole days later; NaT where either is missing."""
	count = np.broadcast_to(np.asarray(by, dtype="float64"), day.shape)
	known = np.isfinite(count)
	moved = day + np.where(known, count, 0).astype("int64").astype("timedelta64[D]")
	return np.where(known, moved, np.datetime64("NaT", "D"))
