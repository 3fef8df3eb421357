"""The facts that the engine is given about people and their documents."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import date, timedelta
from decimal import Decimal

import pandas as pd

from customer_tiering.engine.key_dates import KEY_DATES
from customer_tiering.engine.policy import Policy
from customer_tiering.engine.rhythm import rhythm
from customer_tiering.engine.window import window_start
from tests import oracle
from tests.oracle import Document, Person

STANDING = (
	"current_tier",
	"current_tier_by_hand",
	"current_tier_since",
	"current_below_keep_since",
	"current_stage",
	"left_by_rules",
	"tier_override",
	"tier_override_until",
	"open_follow_ups",
	*KEY_DATES,
)
DATES = (
	"first_order_date",
	"last_order_date",
	"last_follow_up",
	"last_enquiry",
	"next_exit",
	"next_recent_exit",
	"next_document",
	"next_voice",
	"current_tier_since",
	"current_below_keep_since",
	"tier_override_until",
	*KEY_DATES,
)
NAMES = ("current_tier", "current_stage", "left_by_rules", "tier_override")


def facts_of(
	people: Iterable[Person], documents: Iterable[Document], as_of: date, rules: Policy
) -> pd.DataFrame:
	"""One row a person, in the shape that classify takes."""
	people, of_customer = list(people), defaultdict(list)
	for document in documents:
		if document.docstatus == 1 and document.is_opening == "No":
			of_customer[document.customer].append(document)
	start = window_start(as_of, rules.window_months)
	rows = [_row(person, of_customer[person.name], start, rules, as_of) for person in people]
	names = pd.Index([person.name for person in people], dtype=object)
	facts = pd.DataFrame(rows or [_row(Person(""), [], start, rules, as_of)], dtype=object)[
		: len(rows)
	].set_axis(names)
	for column in facts:
		if column in DATES:
			facts[column] = pd.to_datetime(facts[column])
		elif column not in NAMES:
			facts[column] = facts[column].infer_objects() if rows else facts[column].astype("float64")
	facts["last_score"] = facts["last_score"].astype("float64")
	by_name = {person.name: person for person in people}
	facts["root"] = pd.Series([oracle.root_of(p, by_name) for p in people], index=names, dtype=object)
	referred = defaultdict(float)
	for person in people:
		referred[person.referred_by] += facts.at[person.name, "annual_value"]
	facts["referred_value"] = pd.Series([referred[name] for name in names], index=names, dtype="float64")
	return facts.join(_rhythms(people, of_customer, rules, as_of))


def _rhythms(people: list[Person], of_customer: dict, rules: Policy, as_of: date) -> pd.DataFrame:
	orders = [(p.name, day) for p in people for day in _order_days(_known(of_customer[p.name], as_of))]
	order_days = pd.DataFrame(orders, columns=["customer", "day"]).astype({"day": "datetime64[s]"})
	return rhythm(order_days, rules, as_of)


def _known(documents: list[Document], as_of: date) -> list[Document]:
	return [document for document in documents if document.posting_date <= as_of]


def _order_days(documents: list[Document]) -> list[date]:
	"""A day for each order that isn't undone; only documents that count are given."""
	left = {d.name: d.base_net_total for d in documents if not d.is_return and not d.is_debit_note}
	returned = {d.return_against for d in documents if d.is_return}
	for document in documents:
		if document.is_return and document.return_against in left:
			left[document.return_against] += document.base_net_total - Decimal("0.01")
	return [
		d.posting_date
		for d in documents
		if d.name in left and not (d.name in returned and left[d.name] <= Decimal("-0.01"))
	]


def _row(person: Person, documents: list[Document], start: date, rules: Policy, as_of: date) -> dict:
	known = _known(documents, as_of)
	orders = _order_days(known)
	ahead = [d.posting_date for d in documents] + list(person.enquiries)
	return {
		"orders_ever": len(orders),
		"first_order_date": min(orders, default=None),
		"last_order_date": max(orders, default=None),
		"annual_orders": sum(day >= start for day in orders),
		"annual_value": float(sum(d.base_net_total for d in known if d.posting_date >= start)),
		"recent_value": float(
			sum(d.base_net_total for d in known if _leaves(d, rules.upsell_months) > as_of)
		),
		**_spend(known, rules, as_of),
		"last_follow_up": max((day for day in person.follow_ups if day <= as_of), default=None),
		"last_enquiry": max((day for day in person.enquiries if day <= as_of), default=None),
		"next_exit": _next_exit(known, rules.window_months, as_of),
		"next_recent_exit": _next_exit(known, rules.upsell_months, as_of) if rules.upsell_value else None,
		"next_document": min((day for day in ahead if day > as_of), default=None),
		**_voice(person, rules, as_of),
		**{column: getattr(person, column) for column in STANDING},
	}


def _voice(person: Person, rules: Policy, as_of: date) -> dict:
	day = timedelta(days=1)
	turns = [turn for p in person.points for turn in (p.posted, p.last_day + day)]
	turns += [i.opened for i in person.issues] + [i.resolve_by + day for i in person.issues if i.resolve_by]
	turns += [turn for a in person.answers for turn in (a.day, a.day + day * rules.feedback_days)]
	opened = [issue for issue in person.issues if issue.opened <= as_of]
	return {
		"loyalty_points": oracle.points_of(person, as_of),
		"open_issues": len(opened),
		"overdue_issues": sum(bool(i.resolve_by) and i.resolve_by < as_of for i in opened),
		"last_score": oracle.last_score(person, rules, as_of),
		"next_voice": min((turn for turn in turns if turn > as_of), default=None),
	}


def _spend(known: list[Document], rules: Policy, as_of: date) -> dict[str, float]:
	months = defaultdict(Decimal)
	for document in known:
		day = document.posting_date
		months[12 * (as_of.year - day.year) + as_of.month - day.month] += document.base_net_total
	return {f"spend_{ago}": float(months[ago]) for ago in range(rules.decline_months + 2)}


def _leaves(document: Document, months: int) -> date:
	return oracle.add_months(document.posting_date, months)


def _next_exit(known: list[Document], months: int, as_of: date) -> date | None:
	return min((leaves for d in known if (leaves := _leaves(d, months)) > as_of), default=None)
