"""The next time that a key date comes round."""

from datetime import date

import numpy as np
import pandas as pd
import pytest

from customer_tiering.engine.key_dates import next_anniversary


@pytest.mark.parametrize(
	("began", "coming"),
	[
		("1602-03-20", "2026-03-20"),
		("0001-01-01", "2027-01-01"),
		("9999-12-31", "10000-12-31"),
		("2024-02-29", "2026-02-28"),
	],
)
def test_of_any_millennium(began: str, coming: str) -> None:
	column = pd.Series([began], dtype="datetime64[s]")
	assert next_anniversary(column, date(2026, 2, 1))[0] == np.datetime64(coming, "D")
