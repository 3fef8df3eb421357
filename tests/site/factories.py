"""Builds real documents for the site tests: small functions, sensible defaults, everything else by keyword.

`ensure_*` gives what is there or makes it; `make_*` always makes a new document. Nothing here commits.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date

import frappe
from frappe.model.document import Document
from frappe.utils import add_days, getdate, random_string

from customer_tiering.outreach import restored
from customer_tiering.tiering.customer import COMPUTED_FIELDS as COMPUTED

ITEM = "Tiering Test Service"


@contextmanager
def uncommitted() -> Iterator[None]:
	"""Everything inside, runs included, happens in one transaction that is rolled back at the end; within `shared`, to its beginning."""
	if "rollback" in vars(frappe.db):
		try:
			yield
		finally:
			_undo()
		return

	def pretend() -> None:
		frappe.db.transaction_writes = 0

	frappe.db.rollback()
	ensure_item()  # the one thing that stays: it takes longer than a whole test
	frappe.db.commit()
	frappe.db.commit = pretend
	try:
		yield
	finally:
		del frappe.db.commit
		_undo()


def _undo() -> None:
	frappe.set_user("Administrator")
	frappe.db.rollback()
	restored.forget()  # what it says was queued is undone
	forget_cached_rules()


@contextmanager
def shared() -> Iterator[None]:
	"""Within `uncommitted`: what several tests start from stays for all that happens inside, as whatever is rolled back
	there is rolled back to here. For what takes longer to make than a test."""
	rollback = frappe.db.rollback
	frappe.db.savepoint("shared")
	frappe.db.rollback = lambda *, save_point="shared", **options: rollback(save_point=save_point, **options)
	try:
		yield
	finally:
		del frappe.db.rollback


def forget_cached_rules() -> None:
	"""What was rolled back or written by another process may still be cached."""
	for doctype in ("Tiering Settings", "Customer Tier", "Lifecycle Stage", "RFM Segment"):
		frappe.clear_document_cache(doctype)
		for name in frappe.get_all(doctype, pluck="name") if doctype != "Tiering Settings" else ():
			frappe.clear_document_cache(doctype, name)
	frappe.clear_document_cache("Tiering Settings", "Tiering Settings")
	frappe.db.value_cache.clear()


def as_if_new() -> None:
	"""Inside `uncommitted`: a site whose customers are all out of account and that never had a run."""
	ledgers = (
		"Tiering Event",
		"Tiering Queue",
		"Tiering Run",
		"Follow Up",
		"Outreach Enrollment",
		"Outreach Touch",
	)
	for doctype in ledgers:
		frappe.db.delete(doctype)
	frappe.db.sql("UPDATE tabCustomer SET disabled = 1 WHERE disabled = 0")


def days_ago(days: int, before: date | str | None = None) -> date:
	return getdate(add_days(before or getdate(), -days))


def ensure_company(name: str = "", currency: str = "USD") -> str:
	"""The company of the test site, or another one of the name and currency given."""
	if not name:
		return frappe.get_all("Company", order_by="creation", limit=1, pluck="name")[0]
	if not frappe.db.exists("Company", name):
		frappe.get_doc(
			doctype="Company",
			company_name=name,
			abbr="".join(word[0] for word in name.split()) + random_string(3),
			default_currency=currency,
			country="United States",
		).insert()
	return name


def ensure_item(name: str = ITEM) -> str:
	if not frappe.db.exists("Item", name):
		frappe.get_doc(
			doctype="Item",
			item_code=name,
			item_group=_leaf("Item Group"),
			is_stock_item=0,
			stock_uom="Nos",
		).insert()
	return name


def ensure_user(email: str, *roles: str) -> str:
	"""A user with these roles, whoever is logged in now."""
	if not frappe.db.exists("User", email):
		user = frappe.get_doc(doctype="User", email=email, first_name=email, send_welcome_email=0)
		user.extend("roles", [{"role": role} for role in roles])
		user.insert(ignore_permissions=True)
	return email


def make_customer(name: str = "", **values: object) -> Document:
	return frappe.get_doc(
		doctype="Customer",
		customer_name=name or f"Customer {random_string(8)}",
		customer_type="Company",
		customer_group=_leaf("Customer Group"),
		territory=_leaf("Territory"),
		**values,
	).insert()


def make_contact(customer: str, email: str = "", **values: object) -> Document:
	contact = frappe.get_doc(doctype="Contact", first_name=f"Contact {random_string(6)}", **values)
	contact.append("links", {"link_doctype": "Customer", "link_name": customer})
	if email:
		contact.append("email_ids", {"email_id": email, "is_primary": 1})
	return contact.insert()


def make_invoice(
	customer: str,
	amount: float,
	posting_date: date | str | None = None,
	*,
	company: str = "",
	submit: bool = True,
	**values: object,
) -> Document:
	"""A Sales Invoice of one line; `amount` is its net total in the customer's currency."""
	posting_date = posting_date or getdate()
	item = values.pop("item", {})
	invoice = frappe.get_doc(
		doctype="Sales Invoice",
		customer=customer,
		company=company or ensure_company(),
		set_posting_time=1,
		posting_date=posting_date,
		due_date=posting_date,
		disable_rounded_total=1,
		items=[{"item_code": ensure_item(), "qty": 1, "rate": amount, **item}],
		**values,
	).insert()
	return invoice.submit() if submit else invoice


def make_opening_invoice(customer: str, amount: float, posting_date: date | str) -> Document:
	account = frappe.db.get_value("Account", {"company": ensure_company(), "account_type": "Temporary"})
	return make_invoice(customer, amount, posting_date, is_opening="Yes", item={"income_account": account})


def make_return(invoice: Document, posting_date: date | str | None = None, **item: float) -> Document:
	"""A return (credit note) against all of the invoice, or of what `rate` and (negative) `qty` say."""
	from erpnext.controllers.sales_and_purchase_return import make_return_doc

	credit = make_return_doc("Sales Invoice", invoice.name)
	credit.update({"set_posting_time": 1, "posting_date": posting_date or getdate(), "due_date": None})
	credit.disable_rounded_total = 1
	credit.payment_schedule = []
	credit.items[0].update({"price_list_rate": 0, **item})
	return credit.insert().submit()


def make_credit_note(customer: str, amount: float, posting_date: date | str) -> Document:
	"""A return without an invoice that it is against."""
	return make_invoice(customer, amount, posting_date, is_return=1, item={"qty": -1})


def make_debit_note(invoice: Document, amount: float, posting_date: date | str) -> Document:
	"""A rate adjustment: more money for the same goods."""
	return make_invoice(
		invoice.customer,
		amount,
		posting_date,
		is_debit_note=1,
		return_against=invoice.name,
		item={"qty": 0},
	)


def amend(invoice: Document, amount: float) -> Document:
	"""Cancel a submitted invoice and submit its amendment over another amount."""
	invoice.reload()
	invoice.cancel()
	amended = frappe.copy_doc(invoice)
	amended.update({"amended_from": invoice.name, "docstatus": 0, "set_posting_time": 1})
	amended.items[0].rate = amount
	amended.payment_schedule = []
	return amended.insert().submit()


def ensure_pos_profile(company: str = "") -> str:
	"""A till of the company with cash alone."""
	name, company = "Tiering Test Till", company or ensure_company()
	if not frappe.db.exists("POS Profile", name):
		account = {"company": company, "is_group": 0}
		cash = frappe.db.get_value("Account", {**account, "account_type": "Cash"})
		payment = frappe.get_doc("Mode of Payment", "Cash")
		if company not in [row.company for row in payment.accounts]:
			payment.append("accounts", {"company": company, "default_account": cash})
			payment.save()
		income = frappe.db.get_value("Account", {**account, "root_type": "Income"})
		expense = frappe.db.get_value("Account", {**account, "root_type": "Expense"})
		cost_center = frappe.db.get_value("Cost Center", account)
		frappe.get_doc(
			doctype="POS Profile",
			name=name,
			company=company,
			currency=frappe.db.get_value("Company", company, "default_currency"),
			warehouse=frappe.db.get_value("Warehouse", account),
			selling_price_list=frappe.db.get_value("Price List", {"selling": 1}),
			income_account=income,
			expense_account=expense,
			cost_center=cost_center,
			write_off_account=expense,
			write_off_cost_center=cost_center,
			payments=[{"mode_of_payment": "Cash", "default": 1}],
		).insert()
	return name


def open_till(day: date | str) -> Document:
	profile = frappe.get_doc("POS Profile", ensure_pos_profile())
	return (
		frappe.get_doc(
			doctype="POS Opening Entry",
			pos_profile=profile.name,
			company=profile.company,
			user=frappe.session.user,
			period_start_date=f"{day} 08:00:00",
			posting_date=day,
			balance_details=[{"mode_of_payment": "Cash", "opening_amount": 0}],
		)
		.insert()
		.submit()
	)


def make_pos_invoice(customer: str, amount: float, day: date | str) -> Document:
	"""Paid in cash at the till that is open."""
	invoice = frappe.get_doc(
		doctype="POS Invoice",
		customer=customer,
		company=ensure_company(),
		pos_profile=ensure_pos_profile(),
		is_pos=1,
		set_posting_time=1,
		posting_date=day,
		items=[{"item_code": ensure_item(), "qty": 1, "rate": amount}],
		disable_rounded_total=1,
		payments=[{"mode_of_payment": "Cash", "amount": amount}],
	)
	invoice.set_missing_values()
	invoice.payments[0].amount = amount
	return invoice.insert().submit()


def make_sales_order(
	customer: str, amount: float, day: date | str | None = None, **values: object
) -> Document:
	"""A submitted Sales Order of one line; its item's cost is `valuation_rate` in `item`, set afterwards."""
	day = day or getdate()
	item = values.pop("item", {})
	valuation_rate = item.pop("valuation_rate", 0)
	order = frappe.get_doc(
		doctype="Sales Order",
		customer=customer,
		company=values.pop("company", None) or ensure_company(),
		transaction_date=day,
		delivery_date=day,
		disable_rounded_total=1,
		items=[{"item_code": ensure_item(), "qty": 1, "rate": amount, "delivery_date": day, **item}],
		**values,
	).insert()
	order.submit()
	if valuation_rate:
		frappe.db.set_value("Sales Order Item", order.items[0].name, "valuation_rate", valuation_rate)
	return order


def make_rate(there: str, back: str, day: date | str, rate: float, **values: object) -> Document:
	"""A Currency Exchange record."""
	return frappe.get_doc(
		doctype="Currency Exchange",
		from_currency=there,
		to_currency=back,
		date=day,
		exchange_rate=rate,
		**values,
	).insert()


@contextmanager
def rules(**values: object) -> Iterator[None]:
	"""Reports and exits go by these rules of Tiering Settings meanwhile: orders_from, measure, companies."""
	settings = frappe.get_cached_doc("Tiering Settings")
	rows = [frappe._dict(company=name) for name in values.pop("companies", ())]
	before = {key: settings.get(key) for key in (*values, "companies")}
	settings.__dict__.update(values, companies=rows)
	try:
		yield
	finally:
		settings.__dict__.update(before)


def without_audiences() -> None:
	"""No rule or sequence asks for a tier or stage any more: what they ask for can't be deleted."""
	for doctype in ("Follow Up Rule", "Outreach Sequence"):
		frappe.db.sql(f"UPDATE `tab{doctype}` SET audience_filters = NULL")


def make_opportunity(customer: str, **values: object) -> Document:
	return frappe.get_doc(
		doctype="Opportunity",
		opportunity_from="Customer",
		party_name=customer,
		company=ensure_company(),
		**values,
	).insert()


def make_communication(doctype: str, name: str, day: date | str, **values: object) -> Document:
	values = {"communication_type": "Communication", "sent_or_received": "Sent", **values}
	return frappe.get_doc(
		doctype="Communication",
		subject="Hello",
		content="How are you?",
		communication_medium="Email",
		reference_doctype=doctype,
		reference_name=name,
		communication_date=f"{day} 10:00:00",
		**values,
	).insert()


def make_event(customer: str, day: date | str, **values: object) -> Document:
	values = {"subject": "Visit", **values}
	event = frappe.get_doc(doctype="Event", event_type="Private", starts_on=f"{day} 10:00:00", **values)
	event.append("event_participants", {"reference_doctype": "Customer", "reference_docname": customer})
	return event.insert()


def make_call(customer: str, day: date | str) -> Document:
	call = frappe.get_doc(
		{
			"doctype": "Call Log",
			"id": random_string(10),
			"from": "1",
			"to": "2",
			"status": "Completed",
			"start_time": f"{day} 10:00:00",
		}
	)
	call.append("links", {"link_doctype": "Customer", "link_name": customer})
	return call.insert()


def make_todo(customer: str, closed_on: date | str | None = None) -> Document:
	todo = frappe.get_doc(
		doctype="ToDo", description="Call", reference_type="Customer", reference_name=customer
	).insert()
	if closed_on:
		todo.status = "Closed"
		todo.save()
		closed = {"modified": f"{closed_on} 10:00:00", "follow_up_closed_on": closed_on}
		frappe.db.set_value("ToDo", todo.name, closed, update_modified=False)
	return todo


def recompute(as_of: date | str | None = None, dry_run: bool = False, **what: object):
	"""A full run, unless told otherwise, as of a day (default: today); gives its Summary."""
	from customer_tiering.tiering.recompute import recompute

	return recompute(as_of=getdate(as_of) if as_of else None, dry_run=dry_run, **what)


def computed(customer: str | Document) -> frappe._dict:
	"""The computed fields as they stand in the database."""
	name = customer if isinstance(customer, str) else customer.name
	return frappe.db.get_value("Customer", name, COMPUTED, as_dict=True)


def events(customer: str | Document, **filters: object) -> list[frappe._dict]:
	"""The customer's ledger rows, oldest first."""
	name = customer if isinstance(customer, str) else customer.name
	fields = "decision old_value new_value cause signal signal_key voids as_of run".split()
	return frappe.get_all(
		"Tiering Event", filters={"customer": name, **filters}, fields=fields, order_by="name"
	)


def signals(customer: str | Document, **filters: object) -> list[str]:
	"""The names of the signals that the customer's ledger holds, oldest first."""
	return [event.signal for event in events(customer, **filters) if event.signal_key]


def checksums(*doctypes: str) -> dict[str, str]:
	"""A fingerprint of every row of the tables, to show that nothing was written."""
	return {
		doctype: json.dumps(frappe.db.sql(f"CHECKSUM TABLE `tab{doctype}`")[0][1]) for doctype in doctypes
	}


def _leaf(tree: str) -> str:
	return frappe.get_all(tree, filters={"is_group": 0}, order_by="name", limit=1, pluck="name")[0]


def make_feedback(
	customer: str, score: int | str, day: date | str | None = None, **values: object
) -> Document:
	return frappe.get_doc(
		doctype="Customer Feedback",
		customer=customer,
		score=str(score),
		feedback_date=day or getdate(),
		**values,
	).insert(ignore_permissions="touch" in values)  # as an answer behind a link is noted


def make_issue(customer: str, resolve_by: date | str | None = None, **values: object) -> Document:
	"""An open issue, and the day by whose noon it is to be resolved."""
	from customer_tiering.tiering.voice_facts import due_field

	due = {due_field(): f"{resolve_by} 12:00:00"} if resolve_by else {}
	return frappe.get_doc(doctype="Issue", subject="Broken", customer=customer, **due, **values).insert()


def ensure_loyalty_program(name: str = "Tiering Test Points", **values: object) -> str:
	if not frappe.db.exists("Loyalty Program", name):
		company = ensure_company()
		frappe.get_doc(
			doctype="Loyalty Program",
			loyalty_program_name=name,
			loyalty_program_type="Single Tier Program",
			from_date="2020-01-01",
			company=company,
			collection_rules=[{"tier_name": "Basic", "min_spent": 0, "collection_factor": 10}],
			conversion_factor=1,
			expiry_duration=30,
			expense_account=frappe.db.get_value(
				"Account", {"company": company, "root_type": "Expense", "is_group": 0}
			),
			cost_center=frappe.db.get_value("Cost Center", {"company": company, "is_group": 0}),
			**values,
		).insert()
	return name


def make_points(
	customer: str, number: int, posted: date | str, expires: date | str, **values: object
) -> Document:
	"""Points of the customer's own program, or of `loyalty_program`; negative ones are redeemed."""
	given = {"loyalty_program": frappe.db.get_value("Customer", customer, "loyalty_program"), **values}
	return frappe.get_doc(
		doctype="Loyalty Point Entry",
		customer=customer,
		company=ensure_company(),
		loyalty_points=number,
		posting_date=posted,
		expiry_date=expires,
		**given,
	).insert(ignore_mandatory=True)  # ERPNext 16 asks for their invoice
