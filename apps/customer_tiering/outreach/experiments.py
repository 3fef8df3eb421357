"""Experiments: begun, measured once at their horizon, and their winner given to everybody.

Who counts: customers whom the step's message left for since the start, each with the first one. For clicks only those whose mail
was tracked. Bounced ones count too, in both variants alike. Measured are the first so many of each variant, as many as were
fixed beforehand, when the days of the last of them are over: whoever comes later changes nothing, and looking again neither.
"""

from datetime import date
from typing import NamedTuple

import frappe
from frappe import _
from frappe.utils import add_days, cint, flt, getdate, now_datetime

from customer_tiering.engine.experiment import Arm, compare, judge
from customer_tiering.outreach.sent import HAS_LEFT, SENT_AT
from customer_tiering.outreach.tested_step import CLICK, RUNNING, tested_rows
from customer_tiering.outreach.web_address import host_of
from customer_tiering.tiering.orders import Orders, orders_from_settings

DRAFT, FINISHED, STOPPED = "Draft", "Finished", "Stopped"
PACE_DAYS = 30
ARMS = ("a", "b")

MESSAGES = f"""
	SELECT touch.name, touch.customer, touch.variant, touch.touched_on, touch.first_clicked_on, enrollment.last_order_date,
		ROW_NUMBER() OVER (PARTITION BY touch.customer ORDER BY touch.touched_on, touch.creation, touch.name) AS time,
		touch.creation
	FROM `tabOutreach Touch` touch
	LEFT JOIN `tabEmail Queue` queue ON queue.name = touch.email_queue
	LEFT JOIN `tabOutreach Enrollment` enrollment ON enrollment.name = touch.enrollment
	WHERE touch.sequence = %(sequence)s AND touch.step = %(step)s AND {SENT_AT} >= %(started_on)s
		AND {HAS_LEFT}
		AND (%(metric)s != 'Click' OR COALESCE(touch.tracking, '') != '')"""
COUNTS = """
	SELECT first.variant, COUNT(*) AS customers, SUM({success}) AS successes
	FROM (
		SELECT message.*, ROW_NUMBER() OVER (
			PARTITION BY message.variant ORDER BY message.touched_on, message.creation, message.name
		) AS place
		FROM ({messages}) message WHERE message.time = 1
	) first
	WHERE first.place <= IF(first.variant = %(variant_a)s, %(needed_a)s, %(needed_b)s)
		AND first.touched_on < DATE_SUB(%(as_of)s, INTERVAL %(window_days)s DAY)
	GROUP BY first.variant"""
CLICKED = "first.first_clicked_on < DATE_ADD(first.touched_on, INTERVAL %(window_days)s + 1 DAY)"


def start(experiment: "frappe.Document") -> None:
	"""From now on messages count, and the step can't be changed. Raises ValidationError if that makes no sense."""
	_expect(experiment, DRAFT)
	if frappe.db.exists(
		"Outreach Experiment", {"step": experiment.step, "sequence": experiment.sequence, "status": RUNNING}
	):
		frappe.throw(_("Another experiment is running with this step."))
	tracking = frappe.db.get_single_value("Tiering Settings", "mail_tracking")
	if experiment.metric == CLICK and tracking in (None, "", "Off"):
		frappe.throw(
			_("Clicks are not seen on this site: switch tracking on in Tiering Settings, or choose Order.")
		)
	experiment.save()  # the sequence may have changed since
	if experiment.metric == CLICK:
		_refuse_without_links(experiment)
	experiment.db_set({"status": RUNNING, "started_on": now_datetime()})


def _refuse_without_links(experiment: "frappe.Document") -> None:
	"""A variant in which there is nothing to click can only lose."""
	from customer_tiering.outreach.checks import has_link

	rows = tested_rows(frappe.get_doc("Outreach Sequence", experiment.sequence), experiment.step)
	without = [row.variant for row in rows if not has_link(row)]
	if without:
		frappe.throw(
			_("There is no link to click in: {0}. Put one into the mail, or choose Order.").format(
				frappe.utils.escape_html(", ".join(without))
			)
		)


def stop(experiment: "frappe.Document") -> None:
	"""Without a result."""
	_expect(experiment, RUNNING)
	experiment.db_set({"status": STOPPED, "ended_on": getdate()})


def crown(experiment: "frappe.Document", winner: str) -> None:
	"""Everybody who comes to the step from now on gets this variant. Before the horizon that ends the experiment without a result."""
	if winner not in (experiment.variant_a, experiment.variant_b):
		frappe.throw(_("There is no variant {0}.").format(frappe.bold(frappe.utils.escape_html(winner))))
	if experiment.status == DRAFT:
		frappe.throw(_("The experiment has not begun."))
	if experiment.status == RUNNING:
		stop(experiment)
	experiment.db_set("winner", winner)
	sequence = frappe.get_doc("Outreach Sequence", experiment.sequence, for_update=True)
	rows = [row for row in sequence.steps if row.step_key == experiment.step and row.variant]
	if winner not in [row.variant for row in rows]:
		frappe.throw(_("The sequence has no variant {0} any more.").format(winner))
	for row in rows:
		row.weight = (cint(row.weight) or 1) if row.variant == winner else 0
	sequence.save(ignore_permissions=True)


def finish_experiments(as_of: date | None = None) -> int:
	"""Measure the experiments that have reached their horizon; returns how many."""
	finished = 0
	for name in frappe.get_all("Outreach Experiment", {"status": RUNNING}, pluck="name", order_by="name"):
		try:
			finished += _finish(
				frappe.get_doc("Outreach Experiment", name, for_update=True), as_of or getdate()
			)
		except Exception:
			frappe.db.rollback()
			frappe.log_error(
				title="Outreach experiment",
				reference_doctype="Outreach Experiment",
				reference_name=name,
			)
		frappe.db.commit()
	return finished


def _finish(experiment: "frappe.Document", day: date) -> bool:
	arms = count(experiment, day)
	if experiment.status != RUNNING or any(
		arm.customers < experiment.get(f"needed_{key}") for key, arm in zip(ARMS, arms, strict=True)
	):
		return False
	values = {"status": FINISHED, "ended_on": day}
	for key, arm in zip(ARMS, arms, strict=True):
		values.update({f"customers_{key}": arm.customers, f"successes_{key}": arm.successes})
	found = compare(*arms, flt(experiment.alpha) / 100)
	experiment.db_set({**values, "p_value": found.p_value})
	frappe.db.commit()  # what was measured stands, whatever the sequence says to a winner
	if experiment.crown_by_itself and found.winner is not None:
		crown(experiment, (experiment.variant_a, experiment.variant_b)[found.winner])
	return True


def count(experiment: "frappe.Document", day: date) -> tuple[Arm, Arm]:
	"""The customers of each variant that count until that day, at most as many as are needed, and their successes."""
	orders = orders_from_settings()
	success = CLICKED if experiment.metric == CLICK else _ordered(orders)
	rows = frappe.db.sql(
		COUNTS.format(messages=MESSAGES, success=f"COALESCE({success}, 0)"),
		{**experiment.as_dict(), "as_of": day},
		as_dict=True,
	)
	found = {row.variant: Arm(row.customers, cint(row.successes)) for row in rows}
	nobody = Arm(0, 0)
	return found.get(experiment.variant_a, nobody), found.get(experiment.variant_b, nobody)


def _ordered(orders: Orders) -> str:
	return f"""EXISTS (
		SELECT 1 FROM {orders.table} document WHERE document.customer = first.customer
			AND {orders.day} BETWEEN first.touched_on AND DATE_ADD(first.touched_on, INTERVAL %(window_days)s DAY)
			AND {orders.day} > COALESCE(first.last_order_date, '0001-01-01')
			AND {orders.counts} AND {orders.is_order_by_itself})"""


def result_of(experiment: "frappe.Document", day: date) -> dict:
	"""What the form shows. Before the horizon that is only how far it is: rates seen early tempt to stop early."""
	arms = [
		{
			"variant": experiment.get(f"variant_{key}"),
			"needed": cint(experiment.get(f"needed_{key}")),
			"what": _what(experiment, experiment.get(f"variant_{key}")),
		}
		for key in ARMS
	]
	shown = {"status": experiment.status, "arms": arms, "alpha": flt(experiment.alpha)}
	if experiment.status == FINISHED:
		measured = [
			Arm(experiment.get(f"customers_{key}"), experiment.get(f"successes_{key}")) for key in ARMS
		]
		for arm, figures in zip(arms, measured, strict=True):
			arm.update(customers=figures.customers, successes=figures.successes, rate=100 * figures.rate)
		found = judge(*measured, flt(experiment.p_value), flt(experiment.alpha) / 100)
		proven = None if found.winner is None else arms[found.winner]["variant"]
		shown.update(
			difference=100 * found.difference,
			low=100 * found.low,
			high=100 * found.high,
			p_value=found.p_value,
			proven=proven,
			rewritten=_rewritten(experiment),
		)
	elif experiment.status == RUNNING:
		for arm, figures in zip(arms, count(experiment, day), strict=True):
			arm["customers"] = figures.customers
	if experiment.status in (DRAFT, RUNNING):
		shown["pace"] = _pace(experiment, day)
		shown["pace_days"] = PACE_DAYS
	return shown


class UnderTest(NamedTuple):
	"""A variant that is being tested: how many of its customers count so far, and how many are needed."""

	sequence: str
	step: str
	variant: str
	template: str
	customers: int
	needed: int


def under_test(day: date, until: date) -> list[UnderTest]:
	"""The variants of experiments that run, and ran on the day `until`: nobody is to see their outcome yet."""
	running = {"status": RUNNING, "started_on": ("<", add_days(until, 1))}
	found = []
	for name in frappe.get_all("Outreach Experiment", running, pluck="name"):
		experiment = frappe.get_doc("Outreach Experiment", name)
		for key, arm in zip(ARMS, count(experiment, day), strict=True):
			variant = experiment.get(f"variant_{key}")
			needed = cint(experiment.get(f"needed_{key}"))
			step = (experiment.sequence, experiment.step, variant)
			found.append(UnderTest(*step, _what(experiment, variant), arm.customers, needed))
	return found


def _what(experiment: "frappe.Document", variant: str) -> str:
	rows = frappe.get_cached_doc("Outreach Sequence", experiment.sequence).steps
	row = next(
		(row for row in rows if row.step_key == experiment.step and row.variant == variant), frappe._dict()
	)
	return row.email_template or row.message or host_of(row.webhook_url)


def _pace(experiment: "frappe.Document", day: date) -> int:
	"""How many customers the step reached of late."""
	since = add_days(day, -PACE_DAYS)
	reached = {"sequence": experiment.sequence, "step": experiment.step, "status": ("in", ("Queued", "Sent"))}
	return len(
		set(frappe.get_all("Outreach Touch", {**reached, "touched_on": (">", since)}, pluck="customer"))
	)


def _rewritten(experiment: "frappe.Document") -> list[str]:
	"""The templates that somebody edited while they were compared."""
	rows = frappe.get_doc("Outreach Sequence", experiment.sequence).steps
	templates = {row.email_template for row in rows if row.step_key == experiment.step and row.email_template}
	until = add_days(experiment.ended_on, 1)
	edited = {"name": ("in", list(templates)), "modified": ("between", (experiment.started_on, until))}
	return frappe.get_all("Email Template", edited, pluck="name") if templates else []


def _expect(experiment: "frappe.Document", status: str) -> None:
	if experiment.status != status:
		frappe.throw(_("The experiment is {0}.").format(_(experiment.status, context="Outreach Experiment")))
