"""Wake-up Performance: what became of the customers who entered a sequence in a period, the holdout left out.

* mailed: at least one mail has left, which is a touch whose Email Queue row was sent. A row that was cleared, as the
  framework does after 30 days, counts as sent; one that still waits or hangs in "Sending" doesn't yet; an Error is a failure;
* the order that answers: the customer's first order dated after the last one that was known on entering, until
  `order_days` after the enrollment ended. An enrollment ends with its last mail, so the order that the last mail leads
  to always comes after the end;
* ordered again: the order that answers is dated on or after the first mail's day. Dated earlier, or without a mail,
  it is an order before any mail;
* reorder rate: ordered again ÷ mailed;
* revenue: the money of the orders of "ordered again" with their debit notes, less their returns until today; an order that answers
  two sequences counts once in the total;
* days to order: from entering until that order, on average.

Orders are what `customer_tiering.tiering.orders` says, known today, so one that was cancelled or credited wholly is none.
"""

from collections.abc import Iterable
from typing import NamedTuple

import frappe
from frappe import _
from frappe.utils import flt, formatdate, getdate

from customer_tiering.customer_insights.filters import (
	column,
	currency_column,
	explain,
	figures,
	how_orders_count,
	number,
	percent,
	period,
	period_text,
	ratio,
	rules,
	text,
	tiers,
	visible_companies,
	visible_customers,
	whole,
)
from customer_tiering.engine.policy import Policy
from customer_tiering.outreach.sent import HAS_LEFT
from customer_tiering.tiering.orders import Orders, orders_for

ORDER_DAYS = 30
COUNTED = ("entered", "mailed", "active", "unsubscribed", "mails", "waiting", "failed", "deferred")

GROUPS = {
	"Sequence": "enrollment.sequence",
	"Month of Entry": "DATE_FORMAT(enrollment.entered_on, '%%Y-%%m-01')",
	"Tier": "COALESCE(`tabCustomer`.customer_tier, '')",
	"Enrollment": "enrollment.name",
}

ENROLLMENTS = """
	`tabOutreach Enrollment` enrollment LEFT JOIN `tabCustomer` ON `tabCustomer`.name = enrollment.customer
"""

LEFT = f"(touch.channel = 'Email' AND {HAS_LEFT})"

MAILS = f"""
	SELECT touch.enrollment,
		SUM({LEFT}) AS sent,
		SUM(touch.status = 'Queued' AND queue.status IN ('Not Sent', 'Sending')) AS waiting,
		SUM(touch.status = 'Failed' OR (touch.status = 'Queued' AND queue.status IN ('Error', 'Expired'))) AS failed,
		SUM(touch.status = 'Deferred') AS deferred,
		MIN(IF({LEFT}, touch.touched_on, NULL)) AS first_mail
	FROM `tabOutreach Touch` touch
	JOIN `tabOutreach Enrollment` entry ON entry.name = touch.enrollment
	LEFT JOIN `tabEmail Queue` queue ON queue.name = touch.email_queue
	WHERE entry.entered_on BETWEEN %(from_date)s AND %(to_date)s
	GROUP BY touch.enrollment
"""

ENTERED = f"""
	SELECT {{group}} AS label,
		MIN(enrollment.customer) AS customer,
		MIN(enrollment.entered_on) AS entered_on,
		COUNT(*) AS entered,
		SUM(mails.sent > 0) AS mailed,
		SUM(enrollment.status = 'Active') AS active,
		SUM(enrollment.exit_reason = 'Unsubscribed') AS unsubscribed,
		SUM(mails.sent) AS mails,
		SUM(mails.waiting) AS waiting,
		SUM(mails.failed) AS failed,
		SUM(mails.deferred) AS deferred
	FROM {ENROLLMENTS} LEFT JOIN ({MAILS}) mails ON mails.enrollment = enrollment.name
	WHERE {{where}}
	GROUP BY {{group}}
"""


class Scope(NamedTuple):
	"""What is counted, and by what it is grouped."""

	currency: str
	group_by: str
	where: str
	policy: Policy
	orders: Orders
	values: dict


def execute(filters: dict | None = None) -> tuple:
	"""Columns, rows (a total last), message, chart and summary.

	Filters: from_date and to_date of entering, sequence, company (whose orders count), group_by (a key of GROUPS),
	order_days. Raises ValidationError for a filter of a wrong kind, dates in the wrong order and a company that doesn't count.
	"""
	filters = frappe._dict(filters or {})
	scope = read_scope(filters)
	answers = read(answers_query(scope.orders), scope)
	rows = grouped(read(ENTERED, scope), answers, scope)
	total = row(add_up(rows), answers, scope.currency, label=_("Total"), is_total=1)
	is_list = scope.group_by == "Enrollment"
	return (
		columns(scope),
		[*rows, total] if rows else [],
		message(scope),
		None if is_list else chart(rows),
		summary(total, scope),
	)


def read_scope(filters: frappe._dict) -> Scope:
	policy = rules()
	from_date, to_date = period(filters)
	group_by = text(filters, "group_by", _("Group By")) or "Sequence"
	if group_by not in GROUPS:
		frappe.throw(_("Group By must be one of {0}.").format(", ".join(GROUPS)), title=_("Group By"))
	companies = visible_companies(policy, text(filters, "company", _("Company")))
	orders = orders_for(policy, until=getdate(), companies=companies)
	entered = "enrollment.entered_on BETWEEN %(from_date)s AND %(to_date)s AND enrollment.is_holdout = 0"
	conditions = [entered, visible_customers()]
	values = {
		**orders.values,
		"from_date": from_date,
		"to_date": to_date,
		"as_of": getdate(),
		"order_days": number(filters, "order_days", _("Days after the Last Mail"), ORDER_DAYS),
	}
	sequence = text(filters, "sequence", _("Sequence"))
	if sequence:
		conditions.append("enrollment.sequence = %(sequence)s")
		values["sequence"] = sequence
	return Scope(policy.reporting_currency, group_by, " AND ".join(conditions), policy, orders, values)


def answers_query(orders: Orders) -> str:
	return f"""
	SELECT answer.label, answer.invoice, answer.value, answer.days, answer.after_a_mail
	FROM (
		SELECT {{group}} AS label,
			document.name AS invoice,
			{orders.money_left} AS value,
			DATEDIFF({orders.day}, enrollment.entered_on) AS days,
			COALESCE({orders.day} >= mails.first_mail, 0) AS after_a_mail,
			ROW_NUMBER() OVER (
				PARTITION BY enrollment.name ORDER BY {orders.day}, document.creation, document.name
			) AS position
		FROM {ENROLLMENTS}
		LEFT JOIN ({MAILS}) mails ON mails.enrollment = enrollment.name
		JOIN {orders.table} document ON document.customer = enrollment.customer
			AND {orders.day} > COALESCE(enrollment.last_order_date, DATE_SUB(enrollment.entered_on, INTERVAL 1 DAY))
			AND {orders.day} <= DATE_ADD(COALESCE(enrollment.ended_on, %(as_of)s), INTERVAL %(order_days)s DAY)
			AND {orders.day} <= %(as_of)s
		{orders.money_joins()} {orders.credits}
		WHERE {{where}} AND {orders.counts} AND {orders.is_order} AND {orders.in_companies}
	) answer
	WHERE answer.position = 1"""


def read(query: str, scope: Scope) -> list[frappe._dict]:
	return frappe.db.sql(
		query.format(group=GROUPS[scope.group_by], where=scope.where), scope.values, as_dict=True
	)


def grouped(entered: list[frappe._dict], answers: list[frappe._dict], scope: Scope) -> list[dict]:
	"""One row a group: sequences and months in their own order, tiers the best first, enrollments the newest first."""
	by_label: dict[str, list[frappe._dict]] = {}
	for answer in answers:
		by_label.setdefault(answer.label, []).append(answer)
	if scope.group_by == "Enrollment":
		entered.sort(key=lambda each: (each.entered_on, each.label), reverse=True)
	else:
		rank = {tier.name: at for at, tier in enumerate(tiers())} if scope.group_by == "Tier" else {}
		entered.sort(key=lambda each: (rank.get(each.label, len(rank)), not each.label, each.label))
	rows = []
	for each in entered:
		own = by_label.get(each.label, [])
		labels = {"label": label_of(each.label, scope.group_by), "group": each.label}
		if scope.group_by == "Enrollment":
			labels |= {
				"customer": each.customer,
				"entered_on": each.entered_on,
				"invoice": own[0].invoice if own else None,
			}
		rows.append(row(each, own, scope.currency, **labels))
	return rows


def label_of(value: str, group_by: str) -> str:
	if group_by == "Month of Entry":
		return formatdate(value, "MMM yyyy")
	if group_by == "Tier":
		return _(value, context="Customer Tier") if value else _("No tier")
	return value


def add_up(rows: Iterable[dict]) -> dict:
	rows = list(rows)
	return {key: sum(each[key] for each in rows) for key in COUNTED}


def row(counts: dict, answers: list[frappe._dict], currency: str, **labels: object) -> dict:
	"""The counts of a group with what its orders add: each order's money once."""
	again = [answer for answer in answers if answer.after_a_mail]
	numbers = {key: whole(counts.get(key)) for key in COUNTED}
	return {
		**labels,
		**numbers,
		"ordered_again": len(again),
		"ordered_before": len(answers) - len(again),
		"reorder_rate": percent(len(again), numbers["mailed"]),
		"revenue": flt(sum({answer.invoice: answer.value for answer in again}.values())),
		"days_to_order": ratio(sum(answer.days for answer in again), len(again)),
		"currency": currency,
	}


def columns(scope: Scope) -> list[dict]:
	first = {
		"Sequence": _("Sequence"),
		"Month of Entry": _("Month of Entry"),
		"Tier": _("Tier"),
		"Enrollment": _("Enrollment"),
	}
	label = column("label", first[scope.group_by], "Data", 150)
	reactions = [
		column("mailed", _("Mailed"), width=85),
		column("ordered_again", _("Ordered Again"), width=125),
	]
	money = [
		column("revenue", _("Revenue"), "Currency", 130),
		currency_column(),
		column("days_to_order", _("Days to Order"), "Float", 120, precision=1),
	]
	rest = [
		column("ordered_before", _("Ordered before Mail"), width=155),
		column("active", _("Active"), width=75),
		column("unsubscribed", _("Unsubscribed"), width=115),
		column("mails", _("Mails Sent"), width=95),
		column("waiting", _("In Queue"), width=90),
		column("failed", _("Failed"), width=75),
		column("deferred", _("Deferred"), width=90),
	]
	if scope.group_by == "Enrollment":
		return [
			label,
			column("customer", _("Customer"), "Data", 190),
			column("entered_on", _("Entered on"), "Date", 110),
			*reactions,
			column("invoice", _("Order"), "Data", 180, align="left"),
			*money,
			*rest,
		]
	return [
		label,
		column("entered", _("Entered"), width=85),
		*reactions,
		column("reorder_rate", _("Reorder Rate"), "Percent", 115, precision=1),
		*money,
		*rest,
	]


def message(scope: Scope) -> str:
	details = [
		_("Customers who are held out for comparison are not counted here: see Outreach Results."),
		_(
			"Mailed: at least one mail has left the Email Queue. A queue row that was cleared since counts as sent."
		),
		_(
			"Ordered again: the customer's next order is dated on or after the day of the first mail, at most {0} days after the sequence ended for this customer."
		).format(scope.values["order_days"]),
		*how_orders_count(scope.policy),
		_(
			"Revenue: the money of these orders in {0}, with their debit notes and less their returns until today."
		).format(scope.currency),
		_("Reorder rate: ordered again ÷ mailed. Days to order: from entering, on average."),
	]
	entered = _("Customers who entered a sequence from {0}.").format(
		period_text(scope.values["from_date"], scope.values["to_date"])
	)
	caution = _(
		"This is not an experiment: some of them would have ordered without a mail. Without a group that gets none, “ordered again” doesn't mean “ordered because of the mails”."
	)
	return explain(f"{entered} {caution}", details)


def chart(rows: list[dict]) -> dict | None:
	"""Entered, mailed, ordered again as bars of each row."""
	if not rows:
		return None
	bars = {"entered": _("Entered"), "mailed": _("Mailed"), "ordered_again": _("Ordered Again")}
	return {
		"data": {
			"labels": [each["label"] for each in rows],
			"datasets": [
				{"name": name, "values": [each[key] for each in rows]} for key, name in bars.items()
			],
		},
		"type": "bar",
		"colors": ["#c7cfd6", "#2490ef", "#30a66d"],
		"barOptions": {"spaceRatio": 0.6},
		"fieldtype": "Int",
	}


def summary(total: dict, scope: Scope) -> list[dict]:
	rate = total["reorder_rate"]
	money = {"datatype": "Currency", "currency": scope.currency}
	return figures(
		[
			{"label": _("Entered"), "value": total["entered"], "datatype": "Int"},
			{"label": _("Mailed"), "value": total["mailed"], "datatype": "Int"},
			{"label": _("Ordered Again"), "value": total["ordered_again"], "datatype": "Int"},
			{"label": _("Reorder Rate"), "value": rate and round(rate, 1), "datatype": "Percent"},
			{"label": _("Revenue"), "value": total["revenue"], **money},
		]
	)
