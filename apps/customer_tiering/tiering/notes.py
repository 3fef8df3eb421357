"""What a run has to say about how it counted: rates that are missing, companies and costs that are left out."""

from dataclasses import dataclass
from datetime import date

import frappe
from frappe import _
from frappe.utils import format_date

from customer_tiering.engine.policy import Policy
from customer_tiering.tiering.companies import companies_left_out
from customer_tiering.tiering.order_facts import money_since
from customer_tiering.tiering.orders import orders_for
from customer_tiering.tiering.rates import TABLE as RATES


@dataclass(frozen=True)
class MissingRate:
	"""Documents of a currency whose money doesn't count: dated from `first` to `last`, before the first rate that is stored."""

	currency: str
	first: date
	last: date
	documents: int


def missing_rates(policy: Policy, as_of: date) -> list[MissingRate]:
	"""The documents that facts would have the money of if there was a rate, by the currency of their companies."""
	since = money_since(policy, as_of)
	orders = orders_for(policy, as_of, since=since)
	if not orders.abroad:
		return []
	rows = frappe.db.sql(
		f"""SELECT company.default_currency, MIN({orders.day}), MAX({orders.day}), COUNT(*)
		FROM {orders.table} document
		JOIN `tabCompany` company ON company.name = document.company
		LEFT JOIN `{RATES}` rate ON rate.company = document.company AND rate.day = {orders.day}
		WHERE {orders.counts} AND document.company IN %(abroad)s AND {orders.day} BETWEEN %(since)s AND %(as_of)s
			AND rate.company IS NULL
		GROUP BY company.default_currency ORDER BY company.default_currency""",
		{"abroad": orders.abroad, "since": since, "as_of": as_of},
	)
	return [MissingRate(*row) for row in rows]


def notes_on_orders(policy: Policy, as_of: date) -> list[str]:
	"""Sentences for people, in the session's language; none where there is nothing out of the ordinary."""
	notes = [
		_(
			"{0}: {1} documents from {2} to {3} have no exchange rate to {4}. They count as orders, their money doesn't. Add a Currency Exchange dated {2} or earlier."
		).format(
			missing.currency,
			missing.documents,
			format_date(missing.first),
			format_date(missing.last),
			policy.reporting_currency,
		)
		for missing in missing_rates(policy, as_of)
	]
	left_out = companies_left_out(policy)
	if left_out:
		notes.append(_("Companies that Tiering Settings leave out: {0}").format(", ".join(left_out)))
	if policy.measure == "Gross Margin":
		notes.append(_("Money is gross margin. Lines without a cost count in full."))
	return notes
