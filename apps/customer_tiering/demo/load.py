"""Writes the demo company into a site and plays its last weeks."""

from collections.abc import Callable, Iterable
from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING
from zlib import crc32

import frappe
from frappe import _
from frappe.utils import getdate, now

from customer_tiering.demo import names, orders

if TYPE_CHECKING:
	from numpy.random import Generator

SEED = 20261121
DAYS_PLAYED = 30
REPS = (
	("mei.lin@example.com", "Mei", "Lin"),
	("jonas.weber@example.com", "Jonas", "Weber"),
	("priya.nair@example.com", "Priya", "Nair"),
	("sofia.rossi@example.com", "Sofia", "Rossi"),
	("wang.lei@example.com", "王", "磊"),
)
MANAGER = ("sales.manager@example.com", "Sam", "Carter")
PASSWORD = "demo-Tiering-26"
TERRITORIES = ("Germany", "Italy", "India", "United States")
CHINESE_TERRITORY = "China"
ITEMS = ("Starter Kit", "Service Plan", "Premium Set", "Spare Parts", "入门套装", "年度保养")
TOPICS = {
	"Equipment": ("Starter Kit", "Premium Set", "入门套装"),
	"Maintenance": ("Service Plan", "Spare Parts", "年度保养"),
}
Progress = Callable[[int, int, str], None]


def load(customers: int = 3000, progress: Progress = lambda done, total, what: None) -> dict[str, int]:
	"""Make the demo company, recompute as of some weeks ago and play every day since then.

	Returns counts. Raises ValidationError on a site that is not marked for it, or that has customers already.
	"""
	_refuse_real_sites()
	from numpy.random import default_rng

	rng = default_rng(SEED)
	today = getdate()
	_make_people_and_items()
	companies = names.companies(customers, rng)
	progress(0, 0, _("Writing customers"))
	_write_customers(companies, rng)
	progress(0, 0, _("Writing orders"))
	documents = orders.generate(customers, today, rng)
	_write_orders(documents, companies)
	frappe.db.commit()
	played = play(today - timedelta(days=DAYS_PLAYED), today, progress)
	_make_interests()
	return {"customers": customers, "orders": len(documents), **played}


def play(start: date, end: date, progress: Progress = lambda done, total, what: None) -> dict[str, int]:
	"""Run the nightly work of every day from `start` (the baseline) to `end`: tiers, ToDos and mails."""
	from customer_tiering.follow_up.create import create_follow_ups
	from customer_tiering.outreach.jobs import run_workflow
	from customer_tiering.tiering import queue
	from customer_tiering.tiering.recompute import recompute

	_switch_on_sequences()
	_let_rules_begin(start)
	days = (end - start).days + 1
	todos = mails = 0
	for number in range(days):
		day = start + timedelta(days=number)
		_close_follow_ups(day)
		queue.add(_buyers(day), queue.ORDER)
		recompute(as_of=day)
		todos += create_follow_ups(as_of=day)
		mails += run_workflow(as_of=day).get("queued", 0)
		progress(number + 1, days, str(day))
	return {"todos": todos, "mails": mails}


def _let_rules_begin(start: date) -> None:
	"""Rules that were seeded today look no further back than today."""
	for rule in frappe.get_all("Follow Up Rule", pluck="name"):
		frappe.db.set_value("Follow Up Rule", rule, "planned_until", start, update_modified=False)


def _buyers(day: date) -> list[str]:
	return frappe.get_all("Sales Invoice", {"posting_date": day, "docstatus": 1}, pluck="customer")


def _close_follow_ups(day: date) -> None:
	"""The reps do two of three follow-ups, some days after they got them."""
	due = {"status": "Open", "follow_up_key": ("is", "set"), "date": ("<=", day)}
	for todo in frappe.get_all("ToDo", due, ["name", "follow_up_key"]):
		number = crc32(todo.follow_up_key.encode())
		if number % 3:
			todo = frappe.get_doc("ToDo", todo.name)
			todo.status = "Closed"
			todo.follow_up_outcome = ("Reached", "Reached", "Order Expected", "Not Reached")[number % 4]
			todo.save()
			closed = {
				"modified": min(f"{day} 15:00:00", now()),
				"follow_up_closed_on": day,
				"follow_up_closed_by": todo.allocated_to,
			}
			frappe.db.set_value("ToDo", todo.name, closed, update_modified=False)


def _refuse_real_sites() -> None:
	if not frappe.conf.customer_tiering_demo:
		frappe.throw(
			_("This site is not marked for the demo. On a site that you can throw away: {0}").format(
				"bench --site SITE set-config customer_tiering_demo 1"
			)
		)
	if frappe.db.count("Customer"):
		frappe.throw(_("This site has customers already. The demo needs an empty one."))


def _switch_on_sequences() -> None:
	for name in frappe.get_all("Outreach Offer", filters={"enabled": 0}, pluck="name"):
		frappe.get_doc("Outreach Offer", name).update({"enabled": 1}).save()
	wake_up = {"enabled": 0, "entry_signal": "Became Dormant"}
	for name in frappe.get_all("Outreach Sequence", filters=wake_up, pluck="name"):
		sequence = frappe.get_doc("Outreach Sequence", name)
		sequence.enabled = 1
		sequence.save()
	frappe.db.commit()


def _make_people_and_items() -> None:
	for email, first, last in (*REPS, MANAGER):
		if not frappe.db.exists("User", email):
			roles = (
				["Sales User"]
				if (email, first, last) in REPS
				else ["Sales User", "Sales Manager", "Tiering Manager"]
			)
			user = frappe.get_doc(
				doctype="User",
				email=email,
				first_name=first,
				last_name=last,
				send_welcome_email=0,
				user_type="System User",
			)
			user.new_password = PASSWORD
			user.insert(ignore_permissions=True)
			user.add_roles(*roles)
			if (email, first, last) in REPS:
				_see_own_customers_only(email)
	frappe.db.set_single_value("Tiering Settings", "default_follow_up_user", MANAGER[0])
	for territory in (*TERRITORIES, CHINESE_TERRITORY):
		if not frappe.db.exists("Territory", territory):
			root = frappe.db.get_value("Territory", {"is_group": 1}, "name", order_by="lft")
			frappe.get_doc(doctype="Territory", territory_name=territory, parent_territory=root).insert(
				ignore_permissions=True
			)
	for item in ITEMS:
		if not frappe.db.exists("Item", item):
			group = frappe.db.get_value("Item Group", {"is_group": 0}, "name")
			frappe.get_doc(
				doctype="Item",
				item_code=item,
				item_name=item,
				item_group=group,
				is_stock_item=0,
				stock_uom="Nos",
			).insert(ignore_permissions=True)


def _see_own_customers_only(user: str) -> None:
	"""Reps see the customers whose account manager they are, and those without one."""
	frappe.get_doc(
		doctype="User Permission",
		user=user,
		allow="User",
		for_value=user,
		apply_to_all_doctypes=0,
		applicable_for="Customer",
	).insert(ignore_permissions=True)


def _make_interests() -> None:
	from customer_tiering.tiering.interests import compute_interests

	for name, items in TOPICS.items():
		sources = [{"source_type": "Item", "source": item} for item in items]
		frappe.get_doc(doctype="Interest Topic", topic_name=name, sources=sources).insert()
	compute_interests()


def _write_customers(companies: list[str], rng: "Generator") -> None:
	groups = frappe.get_all("Customer Group", {"is_group": 0}, pluck="name", order_by="name")
	customers, contacts, addresses, links = [], [], [], []
	for number, company in enumerate(companies):
		rep = REPS[int(rng.integers(len(REPS)))][0] if rng.random() < 0.97 else None
		first, last = names.person(company, rng)
		email = f"contact{number:04d}@example.com" if rng.random() < 0.95 else ""
		contact = f"{first} {last}-{company}"[:140]
		full_name = f"{first} {last}" if company.isascii() else f"{last}{first}"
		group = groups[number % len(groups)]
		territory = TERRITORIES[number % len(TERRITORIES)] if company.isascii() else CHINESE_TERRITORY
		customers.append((company, company, "Company", group, territory, rep, contact, email))
		contacts.append((contact, first, last, full_name, email, 1))
		links.append((f"demo-link-{number}", contact, "Contact", "links", 1, "Customer", company, company))
		if email:
			addresses.append((f"demo-mail-{number}", contact, "Contact", "email_ids", 1, email, 1))
	_insert(
		"Customer",
		(
			"name",
			"customer_name",
			"customer_type",
			"customer_group",
			"territory",
			"account_manager",
			"customer_primary_contact",
			"email_id",
		),
		customers,
	)
	_insert(
		"Contact",
		("name", "first_name", "last_name", "full_name", "email_id", "is_primary_contact"),
		contacts,
	)
	_insert(
		"Dynamic Link",
		("name", "parent", "parenttype", "parentfield", "idx", "link_doctype", "link_name", "link_title"),
		links,
	)
	_insert(
		"Contact Email",
		("name", "parent", "parenttype", "parentfield", "idx", "email_id", "is_primary"),
		addresses,
	)


def _write_orders(documents: Iterable[orders.Order], companies: list[str]) -> None:
	company, currency = frappe.db.get_value("Company", {}, ["name", "default_currency"])
	invoices, items = [], []

	def add(name: str, order: orders.Order, day: date, amount: float, against: str | None) -> None:
		customer = companies[order.customer]
		status = "Return" if against else "Paid"
		moment = datetime.combine(day, time(10))
		invoices.append(
			(
				name,
				customer,
				customer,
				company,
				day,
				day,
				currency,
				1.0,
				amount,
				amount,
				amount,
				amount,
				int(bool(against)),
				against,
				1,
				status,
				"No",
				moment,
				moment,
			)
		)
		item = ITEMS[(order.customer + order.day.month) % len(ITEMS)]
		items.append(
			(
				f"{name}-1",
				name,
				"Sales Invoice",
				"items",
				1,
				item,
				item,
				1 if amount > 0 else -1,
				abs(amount),
				amount,
				amount,
				1,
			)
		)

	for number, order in enumerate(documents, start=1):
		name = f"DEMO-{number:06d}"
		add(name, order, order.day, order.amount, None)
		if order.returned_on:
			add(f"{name}-R", order, order.returned_on, -order.returned, name)
	_insert(
		"Sales Invoice",
		(
			"name",
			"customer",
			"customer_name",
			"company",
			"posting_date",
			"due_date",
			"currency",
			"conversion_rate",
			"net_total",
			"base_net_total",
			"grand_total",
			"base_grand_total",
			"is_return",
			"return_against",
			"docstatus",
			"status",
			"is_opening",
			"creation",
			"modified",
		),
		invoices,
	)
	_insert(
		"Sales Invoice Item",
		(
			"name",
			"parent",
			"parenttype",
			"parentfield",
			"idx",
			"item_code",
			"item_name",
			"qty",
			"rate",
			"amount",
			"base_net_amount",
			"docstatus",
		),
		items,
	)


def _insert(doctype: str, fields: tuple[str, ...], rows: list[tuple]) -> None:
	"""Straight into the table, with owner and, unless given, the moments of writing."""
	now = frappe.utils.now()
	extra = {"owner": "Administrator", "modified_by": "Administrator", "creation": now, "modified": now}
	extra = {field: value for field, value in extra.items() if field not in fields}
	rows = [(*row, *extra.values()) for row in rows]
	if rows:
		frappe.db.bulk_insert(doctype, [*fields, *extra], rows, chunk_size=5000)
