"""Who a rule or a sequence is for: Customer filters in the framework's own format, and a company that they ordered from.

Filters are a JSON list of `[doctype, fieldname, operator, value]` as the framework's filter control makes them; doctype is
Customer or one of its child tables. Several conditions on a child table speak of the same row; a condition that denies
(`!=`, `not in`, `not like`, is not set) speaks of all rows: "none of them". Customers who are disabled or internal are
in no audience.
"""

import json
from collections.abc import Collection
from datetime import date
from typing import NamedTuple

import frappe
from frappe import _
from frappe.model import default_fields, optional_fields
from frappe.utils import escape_html, getdate
from frappe.utils.data import get_filter

from customer_tiering.tiering.orders import DAYS
from customer_tiering.tiering.timespans import days_of

FEW = 1000
DENYING = {"!=": "=", "not in": "in", "not like": "like"}
Filters = str | list | None


class Condition(NamedTuple):
	"""One filter."""

	doctype: str
	fieldname: str
	operator: str
	value: object


def validate(filters: Filters) -> None:
	"""Raise ValidationError, in the session's language, for filters that can't be read.

	It names the field that is gone or is none of Customer's, the operator that isn't one, the value that doesn't fit, or the
	record that doesn't exist.
	"""
	for condition in conditions_of(filters):
		_refuse_missing_records(condition)
		try:
			_found(condition, getdate(), limit=1)
		except Exception as error:
			_refuse(condition, str(error))


def customers_in(
	filters: Filters,
	company: str | None = None,
	among: Collection[str] | None = None,
	as_of: date | None = None,
) -> set[str]:
	"""The names of the customers in an audience, whoever asks; only those `among` the names given, if any are.

	`company`: only those with a submitted order of that company. Timespans like "last month" are seen from `as_of` (default:
	today). Reads set-wise. Raises ValidationError as `validate` does.
	"""
	if among is not None and not among:
		return set()
	day = as_of or getdate()
	own, children = [], {}
	denied = []
	for condition in conditions_of(filters):
		if condition.doctype == "Customer":
			own.append(condition)
		elif _denies(condition):
			denied.append(condition)
		else:
			children.setdefault(condition.doctype, []).append(condition)
	found = _customers(own, day, among)
	for doctype, conditions in children.items():
		found &= _parents(doctype, conditions, day)
	for condition in denied:
		found -= _parents(condition.doctype, [_affirmed(condition)], day)
	if company:
		found &= _customers_of(company)
	return found


def after_rename(doc: "frappe.Document", method: str, old: str, new: str, merge: bool = False) -> None:
	"""Audiences follow a record's new name: without this they would be empty without a word."""
	for doctype in frappe.get_all("DocField", filters={"fieldname": "audience_filters"}, pluck="parent"):
		for name, filters in frappe.get_all(
			doctype,
			filters={"audience_filters": ("is", "set")},
			fields=["name", "audience_filters"],
			as_list=True,
		):
			renamed = _renamed(filters, doc.doctype, old, new)
			if renamed != filters:
				frappe.db.set_value(doctype, name, "audience_filters", renamed, update_modified=False)


def _renamed(filters: str, doctype: str, old: str, new: str) -> str:
	try:
		conditions = conditions_of(filters)
	except frappe.ValidationError:  # broken already: it says so when it is used
		frappe.clear_last_message()
		return filters
	rows = [list(condition) for condition in conditions]
	for row in rows:
		field = frappe.get_meta(row[0]).get_field(row[1])
		if field and field.fieldtype == "Link" and field.options == doctype:
			row[3] = _with_new_name(row[3], old, new)
	changed = rows != [list(condition) for condition in conditions]
	return json.dumps(rows, ensure_ascii=False) if changed else filters


def _with_new_name(value: object, old: str, new: str) -> object:
	if isinstance(value, list):
		return [new if each == old else each for each in value]
	if isinstance(value, str):
		return ",".join(new if each.strip() == old else each for each in value.split(","))
	return value


def conditions_of(filters: Filters) -> list[Condition]:
	"""The conditions of an audience. Raises ValidationError for what is none; whether records exist is not asked."""
	try:
		rows = json.loads(filters or "[]") if isinstance(filters, str) else list(filters or ())
		return [_condition(row) for row in rows]
	except (ValueError, TypeError):
		frappe.throw(_("The audience can't be read: it is no list of filters."), title=_("Audience"))


def _condition(row: object) -> Condition:
	if not isinstance(row, list | tuple) or not 3 <= len(row) <= 5:
		raise ValueError
	doctype, fieldname, operator, value = ("Customer", *row) if len(row) == 3 else row[:4]
	if not all(isinstance(text, str) for text in (doctype, fieldname, operator)):
		raise ValueError
	condition = Condition(doctype, fieldname, operator.lower(), value)
	_refuse_unknown_field(condition)
	try:
		get_filter(doctype, [doctype, fieldname, operator, value])
	except frappe.ValidationError:
		frappe.clear_last_message()
		_refuse(condition, _("{0} is no condition").format(escape_html(operator)))
	return condition


def _refuse_unknown_field(condition: Condition) -> None:
	meta = frappe.get_meta("Customer")
	tables = {"Customer", *(field.options for field in meta.get_table_fields())}
	if condition.doctype not in tables:
		frappe.throw(
			_("Audience: {0} is no part of a customer.").format(
				frappe.bold(escape_html(_(condition.doctype)))
			),
			title=_("Audience"),
		)
	field = frappe.get_meta(condition.doctype).get_field(condition.fieldname)
	stored = field and field.fieldtype not in frappe.model.no_value_fields + frappe.model.table_fields
	if not stored and condition.fieldname not in default_fields + optional_fields:
		frappe.throw(
			_("Audience: {0} has no field {1} any more. Remove that filter.").format(
				_(condition.doctype), frappe.bold(escape_html(condition.fieldname))
			),
			title=_("Audience"),
		)


def records_in(filters: Filters, doctype: str) -> set[str]:
	"""The names of the records of that DocType that an audience asks for. Raises ValidationError as `conditions_of` does."""
	linked = map(_linked, conditions_of(filters))
	return {name for kind, names in linked if kind == doctype for name in names}


def _refuse_missing_records(condition: Condition) -> None:
	"""A tier that was deleted would leave the audience empty without a word."""
	doctype, names = _linked(condition)
	for name in names:
		if not frappe.db.exists(doctype, name):
			_refuse(condition, _("there is no {0} {1}").format(_(doctype), escape_html(name)))


def _linked(condition: Condition) -> tuple[str | None, list[str]]:
	"""The records that the condition asks for: their DocType and names; none where it asks for anything else."""
	field = frappe.get_meta(condition.doctype).get_field(condition.fieldname)
	if not field or field.fieldtype != "Link" or condition.operator not in ("=", "in"):
		return None, []
	values = condition.value
	if isinstance(values, str) and condition.operator == "in":
		values = values.split(",")
	values = values if isinstance(values, list | tuple) else [values]
	return field.options, [str(value).strip() for value in values if value]


def _refuse(condition: Condition, why: str) -> None:
	label = frappe.get_meta(condition.doctype).get_label(condition.fieldname)
	frappe.throw(_("Audience, {0}: {1}").format(frappe.bold(escape_html(_(label))), why), title=_("Audience"))


def _found(condition: Condition, day: date, limit: int) -> list[str]:
	return frappe.get_all(
		condition.doctype, filters=[as_filter(condition, day)], pluck="name", limit=limit, order_by=None
	)


def _customers(conditions: list[Condition], day: date, among: Collection[str] | None) -> set[str]:
	filters = [["Customer", "disabled", "=", 0], ["Customer", "is_internal_customer", "=", 0]]
	filters += [as_filter(condition, day) for condition in conditions]
	if among is not None and len(among) <= FEW:
		filters.append(["Customer", "name", "in", list(among)])
	found = set(frappe.get_all("Customer", filters=filters, pluck="name", order_by=None))
	return found if among is None else found & set(among)


def _parents(doctype: str, conditions: list[Condition], day: date) -> set[str]:
	filters = [as_filter(condition, day) for condition in conditions]
	filters.append([doctype, "parenttype", "=", "Customer"])
	return set(frappe.get_all(doctype, filters=filters, pluck="parent", order_by=None))


def _denies(condition: Condition) -> bool:
	return condition.operator in DENYING or (
		condition.operator == "is" and str(condition.value).lower() == "not set"
	)


def _affirmed(condition: Condition) -> Condition:
	if condition.operator == "is":
		return condition._replace(value="set")
	return condition._replace(operator=DENYING[condition.operator])


def as_filter(condition: Condition, day: date) -> list:
	"""As the framework takes it; a timespan is two days, seen from `day`. Raises ValidationError for an unknown timespan."""
	operator, value = condition.operator, condition.value
	if operator == "timespan":
		first, last = days_of(value, day)
		operator, value = "between", [str(first), str(last)]
	return [condition.doctype, condition.fieldname, operator, value]


def _customers_of(company: str) -> set[str]:
	"""With a submitted document of the kind that counts as an order."""
	doctype = frappe.get_cached_doc("Tiering Settings").get("orders_from") or next(iter(DAYS))
	document = frappe.qb.DocType(doctype)
	query = (
		frappe.qb.from_(document)
		.select(document.customer)
		.distinct()
		.where((document.company == company) & (document.docstatus == 1))
	)
	return set(query.run(pluck=True))
