"""Money to the thousandth: no currency has a smaller unit, and floats that were added up are off by less."""

import numpy as np
import pandas as pd


def rounded(money: pd.Series) -> pd.Series:
	"""The floats nearest to whole thousandths, so that sums of equal cents are equal and reach a limit that they equal."""
	return money.round(3)


def thousandths(money: pd.Series) -> pd.Series:
	"""Whole numbers (int64), which add up and compare exactly in any order."""
	return (money * 1000).round().astype(np.int64)
