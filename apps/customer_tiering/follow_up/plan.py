"""Finds what is due by each rule: signals of the ledger, cadences, key dates, the best of the month; set-wise."""

from collections.abc import Callable, Iterable
from datetime import date, timedelta

import frappe
from frappe.utils import add_days, add_months, getdate

from customer_tiering.engine.cadence import periods_begun
from customer_tiering.follow_up.holidays import last_day_before_work
from customer_tiering.follow_up.waiting import WAITING, Due, add, make_way
from customer_tiering.tiering.audience import customers_in
from customer_tiering.tiering.lock import ends_the_job
from customer_tiering.tiering.readers import consume_batches

Commit = Callable[[], None]
DAY = timedelta(days=1)


def plan(day: date, commit: Commit) -> list[str]:
	"""Note what has become due until `day`, each once. Returns the names of rules that can't be carried out; the others go on.

	What a rule finds commits together with the place that it has come to: killed anywhere, the next run goes on from there.
	"""
	broken = []
	for name, trigger in _rules():
		try:
			if trigger == "Signal":
				consume_batches("Follow Up Rule", name, "signals", _note_signals, commit)
			else:
				_note_dates(name, day, commit)
		except (frappe.QueryDeadlockError, frappe.QueryTimeoutError):
			raise
		except frappe.ValidationError:  # an audience on a field that is gone, say
			broken.append(name)
		except Exception as error:
			if ends_the_job(error):
				raise
			frappe.log_error(
				title="Follow-up rule broken", reference_doctype="Follow Up Rule", reference_name=name
			)
			broken.append(name)
	return broken


def _rules() -> list[tuple[str, str]]:
	rules = frappe.get_all(
		"Follow Up Rule", filters={"enabled": 1}, fields=["name", "trigger"], order_by="name"
	)
	return [(rule.name, rule.trigger or "Signal") for rule in rules]


def _note_signals(rule: "frappe.Document", events: list[frappe._dict]) -> int:
	audience = customers_in(
		rule.audience_filters, rule.audience_company, among={event.customer for event in events}
	)
	found = [
		Due(
			rule=rule.name,
			customer=event.customer,
			period=event.signal_key,
			due_from=event.as_of,
			since=getdate(add_days(event.last_order_date, 1)) if event.last_order_date else event.as_of,
			detail=event.detail,
			event=event.name,
		)
		for event in events
		if event.customer in audience
	]
	add(found)
	return len(found)


def _note_dates(name: str, day: date, commit: Commit) -> None:
	commit()  # what another worker commits while we wait for its lock must be seen
	rule = frappe.get_doc("Follow Up Rule", name, for_update=True)
	after = getdate(rule.planned_until) if rule.planned_until else day - DAY
	if rule.enabled and (after < day or (after == day and rule.trigger == "Key Date")):
		add(FINDERS[rule.trigger](rule, after, day))
	if rule.enabled and after != day:  # later only where a clock was ahead: those days are still to come
		rule.db_set("planned_until", day, update_modified=False)
	commit()


def _cadence(rule: "frappe.Document", after: date, day: date) -> Iterable[Due]:
	"""Of customers for whom this rule's last one is still waiting or open, that one covers the new period, too."""
	names = customers_in(rule.audience_filters, rule.audience_company, as_of=day) - _still_at_it(rule.name)
	begun = periods_begun(names, rule.name, rule.every, rule.every_unit, after, day)
	cadence = f"{rule.every} {rule.every_unit}"
	for customer, number in sorted(begun.items()):
		yield Due(rule.name, customer, f"{customer}|{cadence}|{number}", day, day)


def _still_at_it(rule: str) -> set[str]:
	waiting = frappe.get_all("Follow Up", filters={"rule": rule, "status": WAITING}, pluck="customer")
	is_open = {"follow_up_rule": rule, "reference_type": "Customer", "status": "Open"}
	return {*waiting, *frappe.get_all("ToDo", filters=is_open, pluck="reference_name")}


def _key_date(rule: "frappe.Document", after: date, day: date) -> Iterable[Due]:
	"""All that come round from the first day that wasn't planned: also those that became known, or of interest, late.

	What falls on the days off to come is found before them: after them it would be too late. Where the day was planned already,
	those that were typed in on it.
	"""
	import numpy as np
	import pandas as pd

	from customer_tiering.engine.key_dates import PREFIX, next_anniversary

	field = PREFIX + frappe.scrub(rule.key_date)
	filters = {field: ("is", "set")}
	if after == day:
		filters["modified"] = (">=", day)
	dates = dict(frappe.get_all("Customer", filters=filters, fields=["name", field], as_list=True))
	until = last_day_before_work(day, rule.name) + timedelta(days=rule.days_ahead or 0)
	coming = next_anniversary(pd.Series(dates, dtype="datetime64[s]"), min(after + DAY, day))
	is_near = coming <= np.datetime64(until, "D")
	near = dict(zip(np.array(list(dates), dtype=object)[is_near], coming[is_near].tolist(), strict=True))
	names = customers_in(rule.audience_filters, rule.audience_company, among=set(near), as_of=day)
	found = [
		Due(rule.name, name, f"{name}|{rule.key_date}|{near[name].year}", day, day, detail=str(near[name]))
		for name in sorted(names)
	]
	make_way(found)
	return found


def _best_of_the_month(rule: "frappe.Document", after: date, day: date) -> Iterable[Due]:
	from customer_tiering.tiering.best_customers import by_money

	month = day.replace(day=1)
	if month <= after:
		return
	first = getdate(add_months(month, -1))
	ranked = by_money(first, month - DAY)
	audience = customers_in(rule.audience_filters, rule.audience_company, among=set(ranked), as_of=day)
	best = [name for name in ranked if name in audience][: rule.top_customers]
	for rank, customer in enumerate(best, 1):
		yield Due(rule.name, customer, f"{customer}|Top|{first:%Y-%m}", day, day, detail=str(rank))


FINDERS = {"Cadence": _cadence, "Key Date": _key_date, "Top of the Month": _best_of_the_month}
