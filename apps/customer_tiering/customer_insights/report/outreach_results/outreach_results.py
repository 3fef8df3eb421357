"""Outreach Results: what became of the messages of a period, and what the sequences brought against their holdouts.

* sent: a message that left, by mail, SMS or webhook; a call task is none. A mail whose row in the Email Queue was cleared left;
* delivered: sent and not bounced;
* opened, clicked: at least once by a reader, of the delivered ones that were tracked. Whoever clicked has opened. What only
  Apple Mail loaded is neither opened nor unread: it stands apart;
* replied: the customer answered its survey, or wrote within the days of the window, and this was the last message before it
  (`outreach.replies`);
* reordered: messages with an order that is theirs. An order belongs to the last message, of whatever sequence, that the customer
  got on its day or up to so many days before; to no other one, and to none if it was the order by which the customer entered;
* revenue: the money of these orders with their debit notes, less that of their returns until today.

Goal (by sequence): of the customers who entered in the period, the holdout left out, those who reached what the sequence is for;
who entered twice is one.

Against the holdout (by sequence): customers who entered and those of the holdout, each by the first time they entered in the
period since there is a holdout, and only those for whom the last step and the window after it are over. Both groups are counted
alike: who ordered from entering until then, mails or not. The difference is that of the shares, with Newcombe's interval
(`engine.proportions`). Orders are what `tiering.orders` says, known today.
"""

from collections.abc import Iterable
from typing import NamedTuple

import frappe
from frappe import _
from frappe.utils import cint, flt, getdate

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
	visible_companies,
	visible_customers,
	whole,
)
from customer_tiering.engine.policy import Policy
from customer_tiering.engine.proportions import difference
from customer_tiering.outreach.experiments import UnderTest, under_test
from customer_tiering.outreach.replies import ANSWERS
from customer_tiering.outreach.sent import HAS_LEFT, LATEST_FIRST, LEFT_AT
from customer_tiering.tiering.orders import Orders, orders_for

CONTEXT = "Outreach Results"  # in which words are translated that mean something else elsewhere
SEQUENCE, STEP, VARIANT, TEMPLATE, CAMPAIGN = "Sequence", "Step", "Variant", "Email Template", "Campaign"
GROUPS = {
	SEQUENCE: "touch.sequence",
	STEP: "CONCAT_WS('|', touch.sequence, touch.step)",
	VARIANT: "CONCAT_WS('|', touch.sequence, touch.step, COALESCE(touch.variant, ''), COALESCE(touch.email_template, ''))",
	TEMPLATE: "COALESCE(touch.email_template, '')",
	# the campaign that the sequence belongs to now
	CAMPAIGN: """COALESCE((
		SELECT planned.campaign FROM `tabOutreach Sequence` planned WHERE planned.name = touch.sequence
	), '')""",
}
COUNTED = (
	*(
		"sent",
		"bounced",
		"delivered",
		"with_picture",
		"opened",
		"loaded",
		"with_links",
		"clicked",
		"unsubscribed",
	),
	*("replied", "reordered", "orders"),
)

# All else of a row is an outcome.
SAYS_NO_OUTCOME = (
	*("label", "sequence", "step", "variant", "email_template", "currency"),
	*("sent", "bounced", "delivered", "with_picture", "with_links"),
)

LEFT = f"touch.channel != 'Call Task' AND {HAS_LEFT}"
DELIVERED = "COALESCE(touch.bounce, '') = ''"
# All messages that arrived, to which an order or answer of the period can belong, those of other sequences among them.
MESSAGES = f"""
	SELECT touch.name, touch.customer, touch.sequence, touch.step, touch.variant, touch.email_template, touch.address,
		touch.touched_on, touch.sent_at, touch.creation, {LEFT_AT} AS left_at, enrollment.last_order_date
	FROM `tabOutreach Touch` touch
	LEFT JOIN `tabEmail Queue` queue ON queue.name = touch.email_queue
	LEFT JOIN `tabOutreach Enrollment` enrollment ON enrollment.name = touch.enrollment
	WHERE {LEFT} AND {DELIVERED} AND touch.touched_on BETWEEN %(from_date)s AND DATE_ADD(%(to_date)s, INTERVAL %(days)s DAY)"""
OF_PERIOD = "touch.touched_on BETWEEN %(from_date)s AND %(to_date)s"

SENT = f"""
	SELECT {{group}} AS label, MIN(touch.sequence) AS sequence, MIN(touch.step) AS step, MAX(touch.day_offset) AS day_offset,
		MIN(touch.channel) AS channel, MIN(touch.variant) AS variant, MIN(touch.email_template) AS email_template,
		COUNT(*) AS sent,
		SUM(NOT {DELIVERED}) AS bounced,
		SUM({DELIVERED}) AS delivered,
		SUM({DELIVERED} AND COALESCE(touch.tracking, '') = 'Opens and Clicks') AS with_picture,
		SUM({DELIVERED} AND COALESCE(touch.tracking, '') = 'Opens and Clicks' AND (touch.opens > 0 OR touch.clicks > 0)) AS opened,
		SUM({DELIVERED} AND touch.prefetched = 1 AND touch.opens = 0 AND touch.clicks = 0) AS loaded,
		SUM({DELIVERED} AND touch.links > 0) AS with_links,
		SUM({DELIVERED} AND touch.links > 0 AND touch.clicks > 0) AS clicked,
		SUM(touch.unsubscribed = 1) AS unsubscribed
	FROM `tabOutreach Touch` touch
	LEFT JOIN `tabEmail Queue` queue ON queue.name = touch.email_queue
	LEFT JOIN `tabCustomer` ON `tabCustomer`.name = touch.customer
	WHERE {LEFT} AND {OF_PERIOD} AND {{where}}
	GROUP BY label"""

REPLIES = f"""
	SELECT touch.label, COUNT(DISTINCT touch.name) AS replied
	FROM (
		SELECT {{group}} AS label, touch.*,
			ROW_NUMBER() OVER (PARTITION BY touch.answer ORDER BY {LATEST_FIRST}) AS position
		FROM (
			SELECT sent.*, answer.name AS answer FROM ({MESSAGES}) sent
			JOIN ({ANSWERS}) answer ON answer.customer = sent.customer AND COALESCE(answer.touch, sent.name) = sent.name
				AND answer.came_at > sent.left_at
				AND answer.came_at < DATE_ADD(sent.touched_on, INTERVAL %(days)s + 1 DAY)
		) touch
	) touch LEFT JOIN `tabCustomer` ON `tabCustomer`.name = touch.customer
	WHERE touch.position = 1 AND {OF_PERIOD} AND {{where}}
	GROUP BY touch.label"""

GOALS = """
	SELECT enrollment.sequence, COUNT(DISTINCT enrollment.customer) AS entered,
		COUNT(DISTINCT IF(enrollment.goal_reached_on <= %(as_of)s, enrollment.customer, NULL)) AS reached
	FROM `tabOutreach Enrollment` enrollment
	JOIN `tabOutreach Sequence` sequence ON sequence.name = enrollment.sequence AND COALESCE(sequence.goal, '') != ''
	LEFT JOIN `tabCustomer` ON `tabCustomer`.name = enrollment.customer
	WHERE enrollment.entered_on BETWEEN %(from_date)s AND %(to_date)s AND enrollment.is_holdout = 0
		AND COALESCE(enrollment.exit_reason, '') != 'Void' AND {where}
	GROUP BY enrollment.sequence"""


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

	Filters: from_date and to_date of sending (against the holdout: of entering), sequence, company (whose orders count), group_by
	(a key of GROUPS), order_days (None: as Tiering Settings say). Raises ValidationError for a filter of a wrong kind.
	"""
	scope = read_scope(frappe._dict(filters or {}))
	rows = merged(
		read(SENT, scope),
		read(orders_query(scope.orders), scope),
		read(REPLIES, scope),
		scope,
	)
	if scope.group_by == SEQUENCE:
		compared = frappe.db.sql(entered_query(scope), scope.values, as_dict=True)
		goals = frappe.db.sql(GOALS.format(where=of("enrollment", scope)), scope.values, as_dict=True)
		add_silent(rows, {each.sequence for each in (*compared, *goals)}, scope)
		add_comparison(rows, compared)
		add_goals(rows, goals)
	total = row(add_up(rows), scope, label=_("Total"), is_total=1)
	hide_what_is_tested(rows, scope)
	return (
		columns(scope, any(each.get("tested") for each in rows)),
		[*rows, total] if rows else [],
		message(scope),
		chart(rows),
		summary(total, scope),
	)


def read_scope(filters: frappe._dict) -> Scope:
	policy = rules()
	from_date, to_date = period(filters)
	group_by = text(filters, "group_by", _("Group By")) or SEQUENCE
	if group_by not in GROUPS:
		frappe.throw(_("Group By must be one of {0}.").format(", ".join(GROUPS)), title=_("Group By"))
	companies = visible_companies(policy, text(filters, "company", _("Company")))
	orders = orders_for(policy, until=getdate(), companies=companies)
	setting = cint(frappe.get_cached_doc("Tiering Settings").get("attribution_days")) or 30
	sequence = text(filters, "sequence", _("Sequence"))
	values = {
		**orders.values,
		"from_date": from_date,
		"since": from_date,
		"to_date": to_date,
		"as_of": getdate(),
		"days": number(filters, "order_days", _("Days until a Reorder"), setting),
		"sequence": sequence,
	}
	where = f"{visible_customers()} AND (%(sequence)s IS NULL OR {{alias}}.sequence = %(sequence)s)"
	return Scope(policy.reporting_currency, group_by, where, policy, orders, values)


def orders_query(orders: Orders) -> str:
	return f"""
	SELECT touch.label, touch.name, touch.invoice, touch.value
	FROM (
		SELECT {{group}} AS label, touch.*, document.name AS invoice, {orders.money_left} AS value,
			ROW_NUMBER() OVER (PARTITION BY document.name ORDER BY {LATEST_FIRST}) AS position
		FROM ({MESSAGES}) touch
		JOIN {orders.table} document ON document.customer = touch.customer
			AND {orders.day} BETWEEN touch.touched_on AND DATE_ADD(touch.touched_on, INTERVAL %(days)s DAY)
			AND {orders.day} > COALESCE(touch.last_order_date, '0001-01-01') AND {orders.day} <= %(as_of)s
		{orders.money_joins()} {orders.credits}
		WHERE {orders.counts} AND {orders.is_order} AND {orders.in_companies}
	) touch LEFT JOIN `tabCustomer` ON `tabCustomer`.name = touch.customer
	WHERE touch.position = 1 AND {OF_PERIOD} AND {{where}}"""


def entered_query(scope: Scope) -> str:
	"""By sequence and group (holdout or not) the customers, those who ordered, and their money."""
	orders = scope.orders
	return f"""
	SELECT entry.sequence, entry.is_holdout, COUNT(*) AS customers, SUM(entry.orders > 0) AS ordered, SUM(entry.money) AS money
	FROM (
		SELECT first.sequence, first.is_holdout, COUNT(document.name) AS orders, SUM({orders.money_left}) AS money
		FROM (
			SELECT enrollment.name, enrollment.customer, enrollment.sequence, enrollment.is_holdout, enrollment.entered_on,
				enrollment.last_order_date,
				DATE_ADD(enrollment.entered_on, INTERVAL COALESCE(step.last_day, 0) + %(days)s DAY) AS until,
				ROW_NUMBER() OVER (
					PARTITION BY enrollment.sequence, enrollment.customer ORDER BY enrollment.entered_on, enrollment.name
				) AS position
			FROM `tabOutreach Enrollment` enrollment
			JOIN (
				SELECT sequence, MIN(entered_on) AS since FROM `tabOutreach Enrollment`
				WHERE is_holdout = 1 GROUP BY sequence
			) holdout ON holdout.sequence = enrollment.sequence AND enrollment.entered_on >= holdout.since
			LEFT JOIN `tabCustomer` ON `tabCustomer`.name = enrollment.customer
			LEFT JOIN (
				SELECT parent, MAX(day_offset) AS last_day FROM `tabOutreach Step`
				WHERE parenttype = 'Outreach Sequence' GROUP BY parent
			) step ON step.parent = enrollment.sequence
			WHERE enrollment.entered_on BETWEEN %(from_date)s AND %(to_date)s AND COALESCE(enrollment.exit_reason, '') != 'Void'
				AND {of("enrollment", scope)}
		) first
		LEFT JOIN ({orders.table} document {orders.money_joins()} {orders.credits})
			ON document.customer = first.customer AND {orders.day} BETWEEN first.entered_on AND first.until
			AND {orders.day} > COALESCE(first.last_order_date, '0001-01-01')
			AND {orders.counts} AND {orders.is_order} AND {orders.in_companies}
		WHERE first.position = 1 AND first.until < %(as_of)s
		GROUP BY first.name
	) entry
	GROUP BY entry.sequence, entry.is_holdout"""


def read(query: str, scope: Scope) -> list[frappe._dict]:
	filled = query.format(group=GROUPS[scope.group_by], where=of("touch", scope))
	return frappe.db.sql(filled, scope.values, as_dict=True)


def of(alias: str, scope: Scope) -> str:
	return scope.where.replace("{alias}", alias)


def merged(
	sent: list[frappe._dict], orders: list[frappe._dict], replies: list[frappe._dict], scope: Scope
) -> list[dict]:
	"""One row a group, in the order of the sequence."""
	replied = {each.label: each.replied for each in replies}
	own: dict[str, list[frappe._dict]] = {}
	for order in orders:
		own.setdefault(order.label, []).append(order)
	sent.sort(
		key=lambda each: (each.sequence, each.day_offset or 0, each.variant or "", each.email_template or "")
	)
	rows = []
	for each in sent:
		found = own.get(each.label, [])
		counts = {
			**each,
			"replied": replied.get(each.label),
			"reordered": len({order.name for order in found}),
			"orders": len(found),
			"revenue": sum(order.value for order in found),
		}
		what = {key: each[key] for key in ("sequence", "step", "variant", "email_template")}
		rows.append(row(counts, scope, label=label_of(each, scope.group_by), **what))
	return rows


def label_of(each: frappe._dict, group_by: str) -> str:
	if group_by == SEQUENCE:
		return each.sequence
	if group_by == TEMPLATE:
		return each.email_template or _("Without a template")
	if group_by == CAMPAIGN:
		return each.label or _("Without a campaign")
	step = _("{0}: day {1}, {2}").format(each.sequence, each.day_offset or 0, _(each.channel))
	if group_by == STEP:
		return step
	return " · ".join(part for part in (step, each.variant, each.email_template) if part)


def add_up(rows: Iterable[dict]) -> dict:
	rows = list(rows)
	return {key: sum(each[key] for each in rows) for key in (*COUNTED, "revenue")}


def row(counts: dict, scope: Scope, **labels: object) -> dict:
	numbers = {key: whole(counts.get(key)) for key in COUNTED}
	return {
		**labels,
		**numbers,
		"open_rate": percent(numbers["opened"], numbers["with_picture"]),
		"click_rate": percent(numbers["clicked"], numbers["with_links"]),
		"reorder_rate": percent(numbers["reordered"], numbers["delivered"]),
		"revenue": flt(counts.get("revenue")),
		"currency": scope.currency,
	}


def hide_what_is_tested(rows: list[dict], scope: Scope) -> None:
	"""No outcome of a variant before its experiment's horizon: rates that are seen early tempt to stop early."""
	keys = {VARIANT: ("sequence", "step", "variant"), TEMPLATE: ("email_template",)}.get(scope.group_by)
	tested = under_test(getdate(), scope.values["to_date"]) if keys else []
	for each in rows:
		own = [test for test in tested if _is_about(each, test, keys)]
		if own:
			each.update(dict.fromkeys(each.keys() - set(SAYS_NO_OUTCOME)))
			so_far, needed = (sum(getattr(test, field) for test in own) for field in ("customers", "needed"))
			said = _("not enough data yet, {0} of {1} customers").format(so_far, needed)
			each["tested"] = said


def _is_about(row: dict, test: UnderTest, keys: tuple[str, ...]) -> bool:
	of_test = {**test._asdict(), "email_template": test.template}
	return all(row[key] == of_test[key] for key in keys)


def add_silent(rows: list[dict], sequences: set[str], scope: Scope) -> None:
	"""Sequences that customers entered, but that sent nothing in the period."""
	for name in sequences - {each["sequence"] for each in rows}:
		rows.append(row({}, scope, label=name, sequence=name))
	rows.sort(key=lambda each: each["label"])


def add_comparison(rows: list[dict], entered: list[frappe._dict]) -> None:
	"""To the rows of sequences that have both groups: their shares, and the difference with its interval, in percent."""
	groups = {(each.sequence, cint(each.is_holdout)): each for each in entered}
	for each in rows:
		mailed, held_out = (groups.get((each["sequence"], is_holdout)) for is_holdout in (0, 1))
		if not mailed or not held_out:
			continue
		found = difference(
			whole(mailed.ordered), mailed.customers, whole(held_out.ordered), held_out.customers
		)
		each["compared"], each["held_out"] = mailed.customers, held_out.customers
		each["entered_rate"] = percent(whole(mailed.ordered), mailed.customers)
		each["holdout_rate"] = percent(whole(held_out.ordered), held_out.customers)
		each["difference"], each["low"], each["high"] = (100 * value for value in found)
		each["entered_revenue"] = ratio(flt(mailed.money), mailed.customers)
		each["holdout_revenue"] = ratio(flt(held_out.money), held_out.customers)


def add_goals(rows: list[dict], entered: list[frappe._dict]) -> None:
	"""To the rows of sequences that have one: how many reached it, and the share of those who entered, in percent."""
	by_sequence = {each.sequence: each for each in entered}
	for each in rows:
		found = by_sequence.get(each["sequence"])
		if found:
			each["goal_reached"] = whole(found.reached)
			each["goal_rate"] = percent(whole(found.reached), found.entered)


def columns(scope: Scope, has_tested: bool = False) -> list[dict]:
	labels = {
		SEQUENCE: _("Sequence"),
		STEP: _("Step", context=CONTEXT),
		VARIANT: _("Variant"),
		TEMPLATE: _("Email Template"),
		CAMPAIGN: _("Campaign"),
	}
	rate = {"fieldtype": "Percent", "precision": 1}
	answers = [
		column("label", labels[scope.group_by], "Data", 170 if scope.group_by == SEQUENCE else 320),
		column("delivered", _("Delivered", context=CONTEXT), width=85),
		column("opened", _("Opened", context=CONTEXT), width=80),
		column("open_rate", _("Open Rate"), width=95, **rate),
		column("clicked", _("Clicked"), width=80),
		column("click_rate", _("Click Rate"), width=95, **rate),
		column("reordered", _("Reordered"), width=90),
		column("reorder_rate", _("Reorder Rate", context=CONTEXT), width=105, **rate),
		column("orders", _("Orders"), width=75),
		column("revenue", _("Revenue"), "Currency", 120),
		currency_column(),
	]
	by_sequence = [
		column("goal_reached", _("Reached the Goal"), width=110),
		column("goal_rate", _("Of Those Who Entered"), width=120, **rate),
		column("difference", _("Difference (Points)"), "Float", 110, precision=1),
		column("low", _("At Least"), "Float", 90, precision=1),
		column("high", _("At Most"), "Float", 90, precision=1),
		column("compared", _("Customers Compared"), width=160),
		column("entered_rate", _("Of Them Ordered"), width=110, **rate),
		column("held_out", _("Holdout"), width=90),
		column("holdout_rate", _("Of the Holdout Ordered"), width=120, **rate),
		column("entered_revenue", _("Revenue per Customer"), "Currency", 130),
		column("holdout_revenue", _("Revenue per Holdout Customer"), "Currency", 130),
	]
	rest = [
		column("sent", _("Sent"), width=70),
		column("bounced", _("Bounced"), width=80),
		column("loaded", _("Only Loaded by Apple Mail"), width=120),
		column("replied", _("Replied", context=CONTEXT), width=80),
		column("unsubscribed", _("Unsubscribed"), width=100),
	]
	if has_tested:
		answers.insert(1, column("tested", _("Experiment"), "Data", 250))
	return [*answers, *(by_sequence if scope.group_by == SEQUENCE else []), *rest]


def message(scope: Scope) -> str:
	days = scope.values["days"]
	details = [
		_(
			"Delivered: sent and not bounced. Open and click rates are of the delivered mails that were tracked; whoever clicked has opened."
		),
		_(
			"Mail scanners are not counted. Apple Mail loads the pictures of all mails, read or not: what only it loaded stands apart."
		),
		_(
			"An order belongs to the last message that the customer got in the {0} days before it or on its day, whichever sequence that was of. A reply likewise."
		).format(days),
		*how_orders_count(scope.policy),
		_(
			"Revenue: the money of these orders in {0}, with their debit notes and less their returns until today."
		).format(scope.currency),
	]
	if scope.group_by in (VARIANT, TEMPLATE):
		details.append(
			_(
				"What an experiment compares shows no outcome before the experiment is measured: figures that are seen early tempt to stop early."
			)
		)
	if scope.group_by == SEQUENCE:
		details += [
			_(
				"Reached the goal: of the customers who entered in this period, whether or not they got a message yet."
			),
			_(
				"Against the holdout: customers who entered in this period, since there is a holdout, and who of them ordered until {0} days after the last step, whether or not because of a mail. Only those for whom that time is over."
			).format(days),
			_(
				"The true difference lies between “at least” and “at most” with 95 % confidence (Newcombe's hybrid score interval). If zero lies between them, the sequence may have brought nothing."
			),
		]
	sent = _("Messages sent from {0}.").format(
		period_text(scope.values["from_date"], scope.values["to_date"])
	)
	caution = _("Some of these orders would have come without a message: only the holdout tells how many.")
	return explain(f"{sent} {caution}", details)


def chart(rows: list[dict]) -> dict | None:
	"""Delivered, opened, clicked, reordered as bars of each row."""
	if not rows:
		return None
	bars = {
		"delivered": _("Delivered", context=CONTEXT),
		"opened": _("Opened", context=CONTEXT),
		"clicked": _("Clicked"),
		"reordered": _("Reordered"),
	}
	return {
		"data": {
			"labels": [each["label"] for each in rows],
			"datasets": [
				{"name": name, "values": [each[key] or 0 for each in rows]} for key, name in bars.items()
			],
		},
		"type": "bar",
		"colors": ["#c7cfd6", "#2490ef", "#8a5cf5", "#30a66d"],
		"barOptions": {"spaceRatio": 0.6},
		"fieldtype": "Int",
	}


def summary(total: dict, scope: Scope) -> list[dict]:
	def rate(key: str) -> float | None:
		return total[key] if total[key] is None else round(total[key], 1)

	money = {"datatype": "Currency", "currency": scope.currency}
	return figures(
		[
			{"label": _("Delivered", context=CONTEXT), "value": total["delivered"], "datatype": "Int"},
			{"label": _("Open Rate"), "value": rate("open_rate"), "datatype": "Percent"},
			{"label": _("Click Rate"), "value": rate("click_rate"), "datatype": "Percent"},
			{"label": _("Orders"), "value": total["orders"], "datatype": "Int"},
			{"label": _("Revenue"), "value": total["revenue"], **money},
		]
	)
