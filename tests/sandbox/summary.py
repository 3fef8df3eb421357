"""Delivers the mails of the demo company and says what there is; run by the bench's Python: summary.py SITE MAILS."""

import sys

import frappe
from frappe.email.queue import flush

from customer_tiering.demo.load import MANAGER, PASSWORD, REPS


def main(site: str, folder: str) -> None:
	frappe.init(site=site)
	frappe.connect()
	deliver()
	for title, text in [*lines(), ("", f"as files in {folder}"), *logins()]:
		print(f"{title:<10} {text}")
	frappe.destroy()


def deliver() -> None:
	"""The framework sends in batches, some of them smaller than what waits."""
	before = None
	while (waiting := mails("Not Sent")) not in (0, before):
		before = waiting
		flush()
		frappe.db.commit()


def lines() -> list[tuple[str, str]]:
	customers, invoices = frappe.db.count("Customer"), frappe.db.count("Sales Invoice", {"docstatus": 1})
	touches = frappe.db.count("Outreach Touch", {"channel": "Email", "status": ("in", ("Queued", "Sent"))})
	todos = [
		frappe.db.count("ToDo", {"follow_up_rule": ("is", "set"), "status": status})
		for status in ("Open", "Closed")
	]
	return [
		("Company", f"{customers:,} customers, {invoices:,} invoices and credit notes"),
		("Tiers", counts("customer_tier", "Customer Tier", "entry_value desc")),
		("Stages", counts("lifecycle_stage", "Lifecycle Stage", "position")),
		("ToDos", f"{todos[0]:,} open and {todos[1]:,} done, by the account managers"),
		(
			"Mails",
			f"{touches:,} to sleeping customers; with what tells reps of their ToDos, {mails('Sent'):,} delivered",
		),
	]


def logins() -> list[tuple[str, str]]:
	reps = ", ".join(email for email, _first, _last in REPS)
	return [
		("Reps", f"{reps}, password {PASSWORD}"),
		("Manager", f"{MANAGER[0]}, the same password"),
	]


def counts(field: str, doctype: str, order: str) -> str:
	of = dict(frappe.db.sql(f"SELECT {field}, COUNT(*) FROM tabCustomer GROUP BY {field}"))
	names = [*frappe.get_all(doctype, order_by=order, pluck="name"), *(name for name in of if not name)]
	return " · ".join(f"{name or 'none'} {of[name]:,}" for name in names if name in of)


def mails(status: str) -> int:
	return frappe.db.count("Email Queue", {"status": status})


main(*sys.argv[1:])
