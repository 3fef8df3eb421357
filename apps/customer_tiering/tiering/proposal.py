"""The rules as they would be: documents in memory that nobody has saved, to be judged, compared or saved together."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import frappe
from frappe import _
from frappe.model.document import Document
from frappe.model.naming import validate_name
from frappe.utils import cint, escape_html, flt

from customer_tiering.engine.policy import Policy
from customer_tiering.tiering.policy import (
	FLAGS,
	NUMBERS,
	RECORDS,
	STAGE_CONDITIONS,
	WHOLE_NUMBERS,
	policy_of,
	refuse_gaps,
)
from customer_tiering.tiering.rule_records import KINDS

SETTINGS = "Tiering Settings"
BREAKPOINTS = ("recency_breakpoints", "frequency_breakpoints", "monetary_breakpoints")
# What of each kind of document a proposal can change.
FIELDS = {
	SETTINGS: (
		"orders_from",
		"measure",
		"companies",
		"reporting_currency",
		"scoring",
		*BREAKPOINTS,
		*WHOLE_NUMBERS,
		*NUMBERS,
		*FLAGS,
	),
	"Customer Tier": ("entry_value", "keep_value", "is_top", "grace_days", "minimum_dwell_days"),
	"Lifecycle Stage": ("position", "meaning", *STAGE_CONDITIONS),
	"RFM Segment": ("recency", "frequency", "monetary"),
	"Follow Up Rule": ("due_in_days",),
	"Outreach Sequence": ("steps",),
}
# Of a table field, the column that counts.
COLUMNS = {"companies": "company", "steps": "day_offset"}


@dataclass(frozen=True)
class Difference:
	"""One field of a document: what is stored and what is proposed. `field` is None for a record that is new or renamed."""

	doctype: str
	name: str
	field: str | None
	now: object
	then: object
	is_new: bool = False  # of a record that is added; another one may give up that name to it

	@property
	def label(self) -> str:
		field = self.field or KINDS[self.doctype].name_field
		return _(frappe.get_meta(self.doctype).get_label(field))


class Proposal:
	"""Starts as what is stored; `put`, `rename` and `add` change it, and nothing is written."""

	def __init__(self) -> None:
		self.settings = frappe.get_doc(SETTINGS)
		self.records = {doctype: _stored(doctype) for doctype in RECORDS}
		self.followers: list[Document] = []  # rules and sequences of which the days are changed
		self.new_names: dict[tuple[str, str], str] = {}
		self.before = {_key(doc): values_of(doc) for doc in self._documents()}

	def find(self, doctype: str, name: str) -> Document | None:
		"""The document by the name that is stored; rules and sequences are read when they are asked for."""
		if doctype == SETTINGS:
			return self.settings
		for doc in self.records.get(doctype, self.followers):
			if (doc.doctype, doc.name) == (doctype, name):
				return doc
		if doctype in RECORDS or not frappe.db.exists(doctype, name):
			return None
		doc = frappe.get_doc(doctype, name)
		self.followers.append(doc)
		self.before[_key(doc)] = values_of(doc)
		return doc

	def add(self, doctype: str, name: str, values: dict) -> Document:
		doc = frappe.get_doc({"doctype": doctype, KINDS[doctype].name_field: name, **values})
		doc.name = name
		doc.set("__islocal", 1)
		self.records[doctype].append(doc)
		return doc

	def remove(self, doctype: str, name: str) -> None:
		self.records[doctype] = [doc for doc in self.records[doctype] if doc.name != name]

	def rename(self, doc: Document, name: str) -> None:
		if doc.is_new():
			doc.name = name
			doc.set(KINDS[doc.doctype].name_field, name)
		elif name != doc.name:
			self.new_names[_key(doc)] = name

	def name_of(self, doc: Document) -> str:
		"""The name that it would have. A new one may get the name that another one gives up."""
		return doc.name if doc.is_new() else self.new_names.get(_key(doc), doc.name)

	def policy(self) -> Policy:
		"""With the names that are stored: a tier that would be renamed is still the one that customers are in."""
		return policy_of(self.settings, *(self.records[doctype] for doctype in RECORDS))

	def differences(self) -> list[Difference]:
		return [
			*(found for doc in self._documents() for found in self._differences_of(doc)),
			*(
				Difference(doctype, name, None, name, None)
				for doctype, name in self.before
				if doctype in RECORDS and not self.find(doctype, name)
			),
		]

	def _differences_of(self, doc: Document) -> Iterator[Difference]:
		before, name, new = self._before(doc), self.name_of(doc), bool(doc.is_new())
		if new:
			yield Difference(doc.doctype, doc.name, None, None, doc.name, new)
		elif name != doc.name:
			yield Difference(doc.doctype, doc.name, None, doc.name, name)
		for field, value in values_of(doc).items():
			if before.get(field) != value and (before or value):
				yield Difference(doc.doctype, doc.name, field, before.get(field), value, new)

	def _before(self, doc: Document) -> dict[str, object]:
		return {} if doc.is_new() else self.before[_key(doc)]

	def changed(self) -> list[Document]:
		"""Documents with another value than is stored, new ones included."""
		return [doc for doc in self._documents() if self._before(doc) != values_of(doc)]

	def validate(self) -> None:
		"""Raise ValidationError, as the documents' own forms would, for what can't be saved or can't decide everybody."""
		for docs in self.records.values():
			self._refuse_names(docs)
			self._refuse_doubles(docs)
			for doc in docs:
				doc.flags.together = docs
				with _naming(doc):
					_check(doc)
		if not self.settings.is_new():
			self.settings.load_doc_before_save()
		_check(self.settings)
		for doc in self.followers:
			_check_days(doc)
		refuse_gaps(self.policy())
		frappe.local.message_log = list({str(each): each for each in frappe.local.message_log}.values())

	def _refuse_names(self, docs: list[Document]) -> None:
		"""What the framework refuses as a name, in its own words."""
		for doc in docs:
			if self.name_of(doc) != doc.name or doc.is_new():
				try:
					validate_name(doc.doctype, self.name_of(doc))
				except frappe.NameError as error:
					frappe.clear_last_message()
					frappe.throw(str(error))

	def _refuse_doubles(self, docs: list[Document]) -> None:
		names = [self.name_of(doc) for doc in docs]
		for doc, name in zip(docs, names, strict=True):
			if names.count(name) > 1:
				frappe.throw(_("Two of {0} would be named {1}.").format(_(doc.doctype), frappe.bold(name)))

	def _documents(self) -> Iterator[Document]:
		yield self.settings
		for docs in self.records.values():
			yield from docs
		yield from self.followers


def called(doctype: str, name: str) -> str:
	"""A document in words: names of tiers, stages and segments have translations, those of rules and sequences are people's own."""
	if doctype == SETTINGS:
		return _(doctype)
	return f"{_(doctype)} {_(name, context=doctype) if doctype in KINDS else name}"


def values_of(doc: Document) -> dict[str, object]:
	"""The fields of FIELDS in plain values, a table as the list of its column."""
	return {field: plain(doc, field) for field in FIELDS[doc.doctype]}


def plain(doc: Document, field: str) -> object:
	if field in COLUMNS:
		return [row.get(COLUMNS[field]) for row in doc.get(field)]
	fieldtype, value = doc.meta.get_field(field).fieldtype, doc.get(field)
	if fieldtype in ("Int", "Check"):
		return cint(value)
	return flt(value) if fieldtype in ("Currency", "Float") else str(value or "")


def put(doc: Document, field: str, value: object) -> None:
	"""Set a field as `plain` gives it. The rows of a sequence stay: its steps get other days."""
	if field == "steps":
		for row, day in zip(doc.steps, value, strict=True):
			row.day_offset = day
	elif field in COLUMNS:
		if plain(doc, field) != value:
			doc.set(field, [{COLUMNS[field]: each} for each in value])
	else:
		doc.set(field, value)


def _stored(doctype: str) -> list[Document]:
	return [frappe.get_doc(doctype, name) for name in frappe.get_all(doctype, pluck="name", order_by="name")]


def _key(doc: Document) -> tuple[str, str]:
	return doc.doctype, doc.name


@contextmanager
def _naming(doc: Document) -> Iterator[None]:
	"""A form that refuses needn't say which record it is; here there are many."""
	said = len(frappe.local.message_log)
	try:
		yield
	except frappe.ValidationError as error:
		del frappe.local.message_log[said:]
		frappe.throw(f"{frappe.bold(escape_html(called(doc.doctype, doc.name)))}: {error}", type(error))


def _check_days(doc: Document) -> None:
	"""Of a rule or sequence the days alone are saved: what else is wrong with it, like an audience, is its own form's to say."""
	if doc.doctype != "Outreach Sequence":
		return
	doc.flags.update(days_only=True, ignore_links=True, ignore_mandatory=True)
	doc.load_doc_before_save()
	with _naming(doc):
		doc.run_method("validate")


def _check(doc: Document) -> None:
	"""What the framework and the DocType check when a document is saved, without saving it."""
	doc._action = "save"
	doc._validate_mandatory()
	doc._validate_selects()
	doc._validate_non_negative()
	doc._validate_length()
	doc._validate_links()
	doc.run_method("validate")
