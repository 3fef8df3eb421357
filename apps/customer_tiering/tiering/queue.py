"""The work list of incremental runs: what could change a decision adds a row here, in its own transaction.

A submitted order costs one INSERT, the points that come with it nothing more; once it is committed, one look into Redis
and, unless a run is on its way, a job. (Outreach adds one SELECT: see exits.) Nothing here may stand in the way of saving
a document: what goes wrong is logged, and the weekly full run finds the customer anyway.
"""

from collections.abc import Callable, Collection, Iterable
from contextlib import suppress
from functools import wraps

import frappe

ORDER = "Order"
# A sale was submitted: more money, and never less of it.
SALE = "Sale"
# Customers were merged, put into another group, disabled or enabled, made internal or not; somebody changed whom they referred.
EDIT = "Edit"
OTHER = "Other"

FLAG = "customer_tiering.drain"
DRAIN_EXPIRES = 60  # seconds after which a run that never began is given up

# Seconds that whoever saves a document may have to wait for a table of ours.
PATIENCE = 2
PATIENTLY = f"SET STATEMENT lock_wait_timeout = {PATIENCE}, innodb_lock_wait_timeout = {PATIENCE} FOR"

PARTIES = ("Customer", "Contact", "Opportunity", "Quotation")


def never_in_the_way(hook: Callable) -> Callable:
	"""What goes wrong in the hook is logged and stops nobody; but a deadlock has undone the whole transaction."""

	@wraps(hook)
	def guarded(document: "frappe.Document", method: str | None = None) -> None:
		try:
			hook(document, method)
		except frappe.QueryDeadlockError:
			raise
		except Exception:
			log_exception(f"Not noted: {document.doctype} {document.name}")

	return guarded


def log_exception(what: str) -> None:
	"""A log that can't be written is no reason to stop, either."""
	with suppress(Exception):
		frappe.logger("customer_tiering").exception(what)


@never_in_the_way
def on_order(document: "frappe.Document", method: str | None = None) -> None:
	"""A Sales Invoice was submitted or cancelled, a return or a debit note too; what is amended may have been worth more."""
	new = method == "on_submit" and not document.get("amended_from")
	sold = new and not document.get("is_return") and document.base_net_total >= 0
	add([document.customer], SALE if sold else ORDER)


@never_in_the_way
def on_sales_order(document: "frappe.Document", method: str | None = None) -> None:
	"""A Sales Order was submitted, cancelled, closed or reopened; closing it is no more than a changed status."""
	if document.docstatus and frappe.db.get_single_value("Tiering Settings", "orders_from") == "Sales Order":
		on_order(document)


@never_in_the_way
def on_follow_up(document: "frappe.Document", method: str | None = None) -> None:
	"""A Communication, Event, Call Log or ToDo was added, changed or deleted."""
	if not document.flags.queued_together:  # whoever writes many adds their customers himself
		add(_customers_of(_references(document)), OTHER)


@never_in_the_way
def on_enquiry(document: "frappe.Document", method: str | None = None) -> None:
	"""An Opportunity or Quotation was added, changed or deleted."""
	before = document.get_doc_before_save()
	add(_party(document) | _party(before), OTHER)


@never_in_the_way
def on_voice(document: "frappe.Document", method: str | None = None) -> None:
	"""An Issue, a Loyalty Point Entry, a Customer Feedback or a sale at the till was added, changed or deleted."""
	if _comes_with_its_invoice(document):
		return
	before = document.get_doc_before_save()
	add({doc.customer for doc in (document, before) if doc}, OTHER)


def _comes_with_its_invoice(document: "frappe.Document") -> bool:
	"""Points of a Sales Invoice that is being submitted at this moment, which notes the same customer itself."""
	saving = frappe.flags.currently_saving or ()
	invoice = (document.get("invoice_type"), document.get("invoice"))
	return document.doctype == "Loyalty Point Entry" and invoice[0] == "Sales Invoice" and invoice in saving


@never_in_the_way
def on_contact(contact: "frappe.Document", method: str | None = None) -> None:
	before = contact.get_doc_before_save()
	links = [*contact.links, *(before.links if before else ())]
	add({link.link_name for link in links if link.link_doctype == "Customer"}, OTHER)


@never_in_the_way
def on_customer(customer: "frappe.Document", method: str | None = None) -> None:
	"""The customer was edited or is about to go: also whom it rolls up to or was referred by, now and before."""
	before = customer.get_doc_before_save()
	add({customer.name, *_linked(customer, before, "referred_by")}, OTHER)
	switched = before and _counts(before) != _counts(customer)
	if before and _differs(customer, before, "referred_by"):
		add(_linked(customer, before, "referred_by"), EDIT)
	if switched or _differs(customer, before, "rolls_up_to"):
		members = frappe.get_all("Customer", {"rolls_up_to": customer.name}, pluck="name") if switched else ()
		add({customer.name, *_linked(customer, before, "rolls_up_to"), *members}, EDIT)


def _counts(customer: "frappe.Document") -> bool:
	return not (customer.disabled or customer.is_internal_customer)


def _differs(document: "frappe.Document", before: "frappe.Document | None", field: str) -> bool:
	return (document.get(field) or None) != ((before and before.get(field)) or None)


def _linked(document: "frappe.Document", before: "frappe.Document | None", field: str) -> set[str]:
	return {doc.get(field) for doc in (document, before) if doc and doc.get(field)}


def add(customers: Collection[str], cause: str) -> None:
	"""Note that the decisions about these customers may change, and start a run once that is committed."""
	customers = sorted(set(filter(None, customers)))
	if not customers or frappe.flags.in_install or frappe.flags.in_uninstall:
		return
	_insert(customers, cause)
	if not frappe.flags.customer_tiering_drain:
		frappe.flags.customer_tiering_drain = True
		frappe.db.after_commit.add(_start_drain)
		frappe.db.after_rollback.add(_forget_drain)


def has_rows() -> bool:
	return bool(frappe.db.sql("SELECT name FROM `tabTiering Queue` LIMIT 1"))


def read() -> list[frappe._dict]:
	"""All rows: name, customer, cause, creation."""
	return frappe.get_all("Tiering Queue", fields=["name", "customer", "cause", "creation"], order_by="name")


def remove(rows: Iterable[frappe._dict]) -> None:
	"""Delete exactly these rows: others may have come since they were read.

	One by one, by key: a list of names would make the database look at, and wait for, rows that others are adding.
	"""
	for row in rows:
		frappe.db.sql("DELETE FROM `tabTiering Queue` WHERE name = %s", row.name)


def start_drain() -> None:
	"""Enqueue an incremental run, unless one is on its way that has not begun to read."""
	if frappe.cache.set(_flag(), 1, nx=True, ex=DRAIN_EXPIRES):
		frappe.enqueue("customer_tiering.tiering.jobs.drain", queue="long")


def drain_begins() -> None:
	"""What is committed from now on needs a run of its own."""
	frappe.cache.delete(_flag())


def _flag() -> bytes:
	return frappe.cache.make_key(FLAG)


def _insert(customers: list[str], cause: str) -> None:
	now, user = frappe.utils.now(), frappe.session.user
	rows = [(frappe.generate_hash(length=20), now, now, user, user, name, cause) for name in customers]
	frappe.db.sql(
		f"""{PATIENTLY} INSERT INTO `tabTiering Queue` (name, creation, modified, owner, modified_by, customer, cause)
		VALUES {", ".join(["%s"] * len(rows))}""",
		rows,
	)


def _start_drain() -> None:
	_forget_drain()
	try:
		start_drain()
	except Exception:  # Redis is down: the scheduler's next run finds the rows
		log_exception("Incremental run not started")


def _forget_drain() -> None:
	frappe.flags.customer_tiering_drain = False


def _references(document: "frappe.Document") -> list[tuple[str, str]]:
	"""The documents that a follow-up is about, now and before it was changed."""
	found = []
	for doc in filter(None, (document, document.get_doc_before_save())):
		found += [
			(doc.get("reference_doctype") or doc.get("reference_type"), doc.get("reference_name")),
			*((row.link_doctype, row.link_name) for row in doc.get("timeline_links") or ()),
			*((row.link_doctype, row.link_name) for row in doc.get("links") or ()),
			*((row.reference_doctype, row.reference_docname) for row in doc.get("event_participants") or ()),
		]
	return [(doctype, name) for doctype, name in found if doctype in PARTIES and name]


def _customers_of(references: Iterable[tuple[str, str]]) -> set[str]:
	customers = set()
	for doctype, name in set(references):
		if doctype == "Customer":
			customers.add(name)
		elif doctype == "Contact":
			links = {"parenttype": "Contact", "parent": name, "link_doctype": "Customer"}
			customers.update(frappe.get_all("Dynamic Link", filters=links, pluck="link_name"))
		else:
			customers |= _party(frappe.db.get_value(doctype, name, "*", as_dict=True))
	return customers


def _party(document: "frappe.Document | None") -> set[str]:
	"""The customer of an Opportunity or a Quotation, if it is one's."""
	document = document or {}
	kind = document.get("opportunity_from") or document.get("quotation_to")
	return {document.get("party_name")} if kind == "Customer" and document.get("party_name") else set()
