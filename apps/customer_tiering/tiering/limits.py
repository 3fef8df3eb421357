"""How much a column holds: one customer beyond all measure must not stop the run for everybody."""

from typing import TYPE_CHECKING

from frappe import _

if TYPE_CHECKING:
	import pandas as pd

# A Currency has twelve digits before the point, an Int has four bytes.
MOST_MONEY = 999_999_999_999.99
MOST_POINTS = 2**31 - 1
MOST = {"annual_value": MOST_MONEY, "loyalty_points": MOST_POINTS}
NAMED = 10


def within_limits(facts: "pd.DataFrame") -> tuple["pd.DataFrame", list[str]]:
	"""The facts with figures that fit, and the customers whose didn't."""
	import pandas as pd

	beyond = pd.Series(False, index=facts.index)
	for field, most in MOST.items():
		beyond |= facts[field].abs() > most
	if not beyond.any():
		return facts, []
	return facts.assign(**{field: facts[field].clip(-most, most) for field, most in MOST.items()}), list(
		facts.index[beyond]
	)


def note_on_limits(customers: list[str]) -> list[str]:
	"""A sentence for people that names some of them; none where all figures fit."""
	if not customers:
		return []
	more = " …" if customers[NAMED:] else ""
	return [
		_(
			"Figures too large to be kept, cut off at the largest that can be: {0}. Is an amount mistyped? See Data Quality."
		).format(", ".join(customers[:NAMED]) + more)
	]


def at_limit() -> str:
	"""The condition on `tabCustomer` for figures that were cut off."""
	return f"(ABS(`tabCustomer`.annual_value) >= {MOST_MONEY} OR ABS(`tabCustomer`.loyalty_points) >= {MOST_POINTS})"
