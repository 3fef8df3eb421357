"""Which simulated customers meet the conditions of an audience on computed fields.

The database is asked, by the framework's own filters, as it is of stored customers: what "like" or "is not set" mean is not said
here once more. It is shown each value of the field once.
"""

import json
from collections.abc import Iterable
from datetime import date
from typing import TYPE_CHECKING

import frappe

from customer_tiering.tiering import temporary
from customer_tiering.tiering.audience import Condition, as_filter

if TYPE_CHECKING:
	import numpy as np
	import pandas as pd

TABLE = "_tiering_simulated"


class Simulated:
	"""Customers with the computed fields that they would have: `fields`, a column a field, indexed by customer."""

	def __init__(self, fields: "pd.DataFrame", as_of: date) -> None:
		self.fields, self.as_of = fields, as_of
		self.asked: dict[str, np.ndarray] = {}

	def fitting(self, conditions: Iterable[Condition]) -> set[str]:
		"""Who meets all the conditions; timespans are seen from the simulated day. Raises ValidationError for unreadable ones."""
		found = self.fields.index
		for condition in conditions:
			found = found.intersection(self.fields.index[self._meets(condition)], sort=False)
		return set(found)

	def _meets(self, condition: Condition) -> "np.ndarray":
		"""Many audiences ask for the same."""
		key = json.dumps(condition, default=str)
		if key not in self.asked:
			self.asked[key] = self._ask(condition)
		return self.asked[key]

	def _ask(self, condition: Condition) -> "np.ndarray":
		import numpy as np

		field = condition.fieldname
		codes, values = self.fields[field].factorize(use_na_sentinel=False)
		temporary.create(TABLE, f"(PRIMARY KEY (name)) SELECT name, `{field}` FROM `tabCustomer` LIMIT 0")
		temporary.fill(TABLE, ("name", field), [(str(at), _plain(each)) for at, each in enumerate(values)])
		query = frappe.get_all(
			"Customer", filters=[as_filter(condition, self.as_of)], fields=["name"], order_by=None, run=False
		)
		rows = frappe.db.sql(str(query).replace("`tabCustomer`", f"`{TABLE}`"))
		return np.isin(codes, [int(name) for (name,) in rows])


def _plain(value: object) -> object:
	"""For the database: no numpy, and nothing where nothing is known."""
	import pandas as pd

	if pd.isna(value):
		return None
	if isinstance(value, pd.Timestamp):
		return value.date()
	return value.item() if hasattr(value, "item") else value
