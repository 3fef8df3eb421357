"""Items that go with what a customer bought last, from what is bought together on this site."""

from collections.abc import Iterator
from datetime import date
from typing import TYPE_CHECKING

import frappe
from frappe.utils import add_months, getdate

from customer_tiering.tiering.orders import orders_from_settings

if TYPE_CHECKING:
	import pandas as pd

MONTHS = 24
SHOWN = 3
DOCTYPE = "Item Association"


def compute_associations_weekly() -> None:
	compute_associations(getdate())
	frappe.db.commit()


def compute_associations(as_of: date) -> int:
	"""Replace what is known by what the orders of the last two years say; returns the number of rows. The caller commits."""
	from customer_tiering.engine.association import associations

	found = associations(_baskets(as_of))
	now = frappe.utils.now()
	frappe.db.delete(DOCTYPE)
	fields = ("name", "item", "goes_with", "orders", "lift", "creation", "modified", "owner", "modified_by")
	rows = (
		(frappe.generate_hash(length=12), *row, now, now, "Administrator", "Administrator")
		for row in found[["item", "goes_with", "orders", "lift"]].astype(object).itertuples(index=False)
	)
	frappe.db.bulk_insert(DOCTYPE, fields, list(rows), chunk_size=5000)
	return len(found)


def goes_with(invoice: str | None) -> list[str]:
	"""The names of at most three items that go best with the items of an invoice and aren't on it; disabled ones are left out."""
	if not invoice:
		return []
	return frappe.db.sql(
		"""SELECT item.item_name FROM `tabSales Invoice Item` bought
		JOIN `tabItem Association` association ON association.item = bought.item_code
		JOIN tabItem item ON item.name = association.goes_with AND item.disabled = 0
		WHERE bought.parent = %(invoice)s AND association.goes_with NOT IN (
			SELECT COALESCE(item_code, '') FROM `tabSales Invoice Item` WHERE parent = %(invoice)s
		)
		GROUP BY item.name, item.item_name
		ORDER BY MAX(association.lift) DESC, MAX(association.orders) DESC, item.name LIMIT %(shown)s""",
		{"invoice": invoice, "shown": SHOWN},
		pluck=True,
	)


def _baskets(as_of: date) -> Iterator["pd.DataFrame"]:
	"""Month by month, so that no more than a month's lines are held as text."""
	import pandas as pd

	orders = orders_from_settings()
	for back in range(MONTHS, 0, -1):
		lines = frappe.db.sql(
			f"""SELECT item.parent, item.item_code FROM {orders.table} document
			JOIN `tab{orders.doctype} Item` item ON item.parent = document.name
			WHERE {orders.counts} AND {orders.is_sale} AND item.item_code > '' AND item.qty > 0
				AND {orders.day} > %(after)s AND {orders.day} <= %(until)s""",
			{"after": add_months(as_of, -back), "until": add_months(as_of, 1 - back)},
		)
		yield pd.DataFrame(lines, columns=["order", "item"])
