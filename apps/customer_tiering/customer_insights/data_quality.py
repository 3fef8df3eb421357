"""What keeps tiering and outreach from working, customer by customer, for the session's user: set-wise, whatever their number.

A problem is found by a condition on `tabCustomer`, or by a function where SQL alone can't say it.
"""

import re
import unicodedata
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from urllib.parse import quote, urlencode

import frappe
from frappe import _
from frappe.utils import format_date, get_url_to_form, get_url_to_list, getdate

from customer_tiering.customer_insights.filters import visible_customers, whole
from customer_tiering.engine.key_dates import KEY_DATES
from customer_tiering.engine.policy import Policy
from customer_tiering.tiering.chunks import rows_of
from customer_tiering.tiering.limits import at_limit
from customer_tiering.tiering.orders import orders_for, orders_from_settings
from customer_tiering.tiering.owner import Owners
from customer_tiering.tiering.policy import read_rules
from customer_tiering.tiering.rates import TABLE as RATES

# Most customers with an owner; the others are looked at as tiering.owner does it.
REACHED = """(
	EXISTS (SELECT 1 FROM `tabUser` user WHERE user.name = `tabCustomer`.account_manager AND user.enabled = 1)
	OR EXISTS (
		SELECT 1 FROM `tabSales Team` team
		JOIN `tabSales Person` person ON person.name = team.sales_person
		JOIN `tabEmployee` employee ON employee.name = person.employee
		JOIN `tabUser` user ON user.name = employee.user_id AND user.enabled = 1
		WHERE team.parenttype = 'Customer' AND team.parent = `tabCustomer`.name
	)
)"""
LEFT = """(
	`tabCustomer`.account_manager > ''
	AND NOT EXISTS (SELECT 1 FROM `tabUser` user WHERE user.name = `tabCustomer`.account_manager AND user.enabled = 1)
)"""
# As outreach.recipients: to whom no mail can be sent. Two addresses in one field are none: nobody knows whose they are.
ONE_ADDRESS = """REGEXP '^("[^"]*" *<)?[^@]+@[^@,;]+$'"""
NO_ADDRESS = f"""(
	COALESCE(`tabCustomer`.email_id, '') NOT {ONE_ADDRESS} AND NOT EXISTS (
		SELECT 1 FROM `tabDynamic Link` link
		JOIN `tabContact` contact ON contact.name = link.parent AND contact.email_id {ONE_ADDRESS}
		WHERE link.link_doctype = 'Customer' AND link.link_name = `tabCustomer`.name AND link.parenttype = 'Contact'
	)
)"""
# Addresses that gave our mails back for good; one that was corrected since is another one.
BOUNCED = """
	SELECT `tabCustomer`.name, bounced.address FROM `tabOutreach Suppression` bounced
	JOIN `tabContact` contact ON contact.email_id = bounced.address
	JOIN `tabDynamic Link` link ON link.parent = contact.name AND link.parenttype = 'Contact' AND link.link_doctype = 'Customer'
	JOIN `tabCustomer` ON `tabCustomer`.name = link.link_name
	WHERE bounced.source = 'Bounce' AND {counted}
	UNION SELECT `tabCustomer`.name, bounced.address FROM `tabOutreach Suppression` bounced
	JOIN `tabCustomer` ON `tabCustomer`.email_id = bounced.address
	WHERE bounced.source = 'Bounce' AND {counted}
"""
NO_DATES = " AND ".join(f"`tabCustomer`.{field} IS NULL" for field in KEY_DATES)

# Shorter numbers are extensions and the like.
SHORTEST_PHONE = 7
# Without the country's code and the zero in front, as in China; longer ones have a code without its plus.
LONGEST_PHONE = 11
NORTH_AMERICA = 1  # its code
# Of those who share something with a customer so many are named.
NAMED = 3


@dataclass(frozen=True)
class Finding:
	"""What is wrong with a customer, and the address of the page where one mends it, if that isn't the customer's form."""

	detail: str = ""
	url: str = ""


Findings = dict[str, Finding]


@dataclass(frozen=True)
class Problem:
	"""`where` or `find` says which customers have it; `fields` are the filters of the list that holds exactly these.

	`field` is where one mends it: on the customer's form, or, with `on_contact`, on that of the first contact, if there is one.
	"""

	label: str
	why: str
	where: str | None = None
	find: Callable[["Customers"], Findings] | None = None
	fields: dict | None = None
	shown: str | None = None
	field: str = ""
	on_contact: str = ""

	@property
	def list_url(self) -> str | None:
		"""The list of these customers, where filters of a list can say which they are."""
		if self.fields is None:
			return None
		return list_url("Customer", {"disabled": 0, "is_internal_customer": 0, **self.fields})


class Customers:
	"""Customers who count and whom the session's user may read. Raises PermissionError for one who may read none."""

	def __init__(self) -> None:
		self.counted = f"""`tabCustomer`.disabled = 0 AND `tabCustomer`.is_internal_customer = 0
			AND {visible_customers()}"""

	@cached_property
	def number(self) -> int:
		return whole(frappe.db.sql(f"SELECT COUNT(*) FROM `tabCustomer` WHERE {self.counted}")[0][0])

	@cached_property
	def policy(self) -> Policy | None:
		"""The rules by which orders count, with the window's length; None before a reporting currency was chosen."""
		return read_rules() if frappe.get_cached_doc("Tiering Settings").get("reporting_currency") else None

	@cached_property
	def contacts(self) -> dict[str, bool]:
		"""Of each customer that has contacts: whether one has a role."""
		rows = frappe.db.sql(
			f"""SELECT link.link_name, MAX(contact.buying_role > '')
			FROM `tabContact` contact
			JOIN `tabDynamic Link` link ON link.parenttype = 'Contact' AND link.parent = contact.name
				AND link.link_doctype = 'Customer'
			JOIN `tabCustomer` ON `tabCustomer`.name = link.link_name
			WHERE {self.counted} GROUP BY link.link_name"""
		)
		return {name: bool(role) for name, role in rows}

	def counts(self, problems: dict[str, Problem]) -> dict[str, int]:
		"""How many customers have each of the problems."""
		where = {key: problem.where for key, problem in problems.items() if problem.where}
		sums = ", ".join(f"SUM({condition})" for condition in where.values())
		row = frappe.db.sql(f"SELECT {sums} FROM `tabCustomer` WHERE {self.counted}")[0] if where else ()
		counted = dict(zip(where, map(whole, row), strict=True))
		return {
			key: counted[key] if key in counted else len(problem.find(self))
			for key, problem in problems.items()
		}

	def findings(self, problem: Problem) -> Findings:
		if problem.find:
			return problem.find(self)
		shown = problem.shown or "NULL"
		rows = frappe.db.sql(
			f"SELECT `tabCustomer`.name, {shown} FROM `tabCustomer` WHERE {self.counted} AND {problem.where}"
		)
		return {name: Finding(str(value or "")) for name, value in rows}


def problems() -> dict[str, Problem]:
	"""By key, the most pressing first, in the session's language."""
	return {
		"No Address": Problem(
			_("No Address to Write To"),
			_(
				"Neither the customer nor a contact has an e-mail address, or several stand in one field: no mail can be sent."
			),
			where=NO_ADDRESS,
			field="contact_html",
			on_contact="email_ids",
		),
		"Bounced": Problem(
			_("Address Bounced"),
			_("Mails to this address came back: none is sent there any more. Correct it."),
			find=with_bounced_address,
			field="contact_html",
			on_contact="email_ids",
		),
		"No Owner": Problem(
			_("No Owner"),
			_(
				"No enabled account manager, sales person, territory manager or default user: follow-ups reach nobody."
			),
			find=without_owner,
			field="account_manager",
		),
		"Owner Left": Problem(
			_("Owner Disabled"),
			_("The account manager's user is disabled: follow-ups go to somebody else or to nobody."),
			where=LEFT,
			shown="`tabCustomer`.account_manager",
			field="account_manager",
		),
		"Duplicate Contacts": Problem(
			_("Same E-Mail on Several Customers"),
			_("One person gets mail as several customers; an answer or unsubscribe fits one."),
			find=duplicate_addresses,
		),
		"Duplicate Customers": Problem(
			_("Possible Duplicate Customers"),
			_("Same name, tax ID or phone: orders are split, so tiers come out too low. Merge them."),
			find=duplicate_customers,
		),
		"Missing Rates": Problem(
			_("Missing Exchange Rates"),
			_("Documents count as orders, but their money doesn't count towards the tier."),
			find=missing_rates,
		),
		"Future Documents": Problem(
			_("Documents Dated in the Future"),
			_("They count from their day on; a mistyped year hides an order for long."),
			find=future_documents,
		),
		"Too Large": Problem(
			_("Figures Too Large"),
			_("More money or points than can be kept, so they were cut off: is an amount mistyped?"),
			where=at_limit(),
		),
		"Negative Total": Problem(
			_("Negative Total in the Window"),
			_("More returned than bought: are returns booked twice or on the wrong customer?"),
			where="`tabCustomer`.annual_value < 0",
			fields={"annual_value": ["<", 0]},
			field="annual_value",
		),
		"No Industry": Problem(
			_("No Industry"),
			_("Rules and audiences by industry leave these customers out."),
			where="COALESCE(`tabCustomer`.industry, '') = ''",
			fields={"industry": ["is", "not set"]},
			field="industry",
		),
		"No Buying Role": Problem(
			_("No Buying Role"),
			_("It isn't known which contact decides: mails go to whoever comes first."),
			find=without_role,
			on_contact="buying_role",
		),
		"No Key Dates": Problem(
			_("No Key Dates"),
			_("Neither birthday, foundation nor start of the partnership: no greeting, no reminder."),
			where=f"({NO_DATES})",
			fields={field: ["is", "not set"] for field in KEY_DATES},
			field=KEY_DATES[0],
		),
	}


def with_bounced_address(customers: Customers) -> Findings:
	"""Customers to whom, or to a contact of whom, mails came back."""
	return {
		name: Finding(address) for name, address in frappe.db.sql(BOUNCED.format(counted=customers.counted))
	}


def without_owner(customers: Customers) -> Findings:
	"""Customers whose follow-ups reach nobody, whoever is on leave today."""
	names = frappe.db.sql(
		f"SELECT `tabCustomer`.name FROM `tabCustomer` WHERE {customers.counted} AND NOT {REACHED}",
		pluck=True,
	)
	owners = Owners(names)
	owners.absent = set()
	return {name: Finding() for name in names if not any(owners.in_line(name))}


def without_role(customers: Customers) -> Findings:
	"""Customers none of whose contacts has a role; those without a contact have another problem."""
	return {name: Finding() for name, role in customers.contacts.items() if not role}


def first_contacts(names: list[str]) -> dict[str, str]:
	"""Of each of the customers that has one: the contact who is written to first, as outreach.recipients has it."""
	rows = rows_of(
		"""SELECT link.link_name AS customer, contact.name AS contact
		FROM `tabDynamic Link` link
		JOIN `tabContact` contact ON contact.name = link.parent
		JOIN `tabCustomer` customer ON customer.name = link.link_name
		WHERE link.parenttype = 'Contact' AND link.link_doctype = 'Customer' AND link.link_name IN %(names)s
		ORDER BY contact.name = customer.customer_primary_contact, contact.is_primary_contact, contact.creation DESC""",
		names,
	)
	return {row.customer: row.contact for row in rows}


def duplicate_addresses(customers: Customers) -> Findings:
	"""E-mail addresses that belong to several of the customers, on their contacts."""
	linked = f"""JOIN `tabDynamic Link` link ON link.parenttype = 'Contact' AND link.parent = {{}}
			AND link.link_doctype = 'Customer'
		JOIN `tabCustomer` ON `tabCustomer`.name = link.link_name
		WHERE {{}} > '' AND {customers.counted}"""
	rows = frappe.db.sql(
		f"""SELECT link.link_name, mail.email_id, mail.parent FROM `tabContact Email` mail
		{linked.format("mail.parent", "mail.email_id")}
		UNION ALL
		SELECT link.link_name, contact.email_id, contact.name FROM `tabContact` contact
		{linked.format("contact.name", "contact.email_id")}"""
	)
	pairs = [(customer, address.strip().lower()) for customer, address, _contact in rows]
	contacts = {(row[0], row[1].strip().lower()): row[2] for row in rows}
	form = form_urls("Contact")
	return {
		customer: Finding(
			_("{0}: on {1} customers").format(address, number), form(contacts[customer, address])
		)
		for customer, address, _others, number in _sharing(pairs)
	}


def duplicate_customers(customers: Customers) -> Findings:
	"""Customers who share their name, tax ID or a phone number, however it is written."""
	rows = frappe.db.sql(
		f"""SELECT `tabCustomer`.name, customer_name, tax_id, mobile_no FROM `tabCustomer`
		WHERE {customers.counted} ORDER BY `tabCustomer`.name"""
	)
	phones = frappe.db.sql(
		f"""SELECT DISTINCT link.link_name, phone.phone FROM `tabContact Phone` phone
		JOIN `tabDynamic Link` link ON link.parenttype = 'Contact' AND link.parent = phone.parent
			AND link.link_doctype = 'Customer'
		JOIN `tabCustomer` ON `tabCustomer`.name = link.link_name
		WHERE {customers.counted}"""
	)
	home = _home_code()
	found: Findings = {}
	for said, pairs in (
		(
			_("Same phone as {0}"),
			[(name, _digits(phone, home)) for name, phone in (*((row[0], row[3]) for row in rows), *phones)],
		),
		(_("Same name as {0}"), [(row[0], letters(row[1])) for row in rows]),
		(_("Same tax ID as {0}"), [(row[0], letters(row[2])) for row in rows]),
	):
		for name, _mark, others, number in _sharing(pairs):
			more = " …" if number > NAMED + 1 else ""
			found[name] = Finding(said.format(", ".join(others) + more))
	return found


def future_documents(customers: Customers) -> Findings:
	"""Submitted documents that don't count yet, because their day is still to come."""
	orders = orders_from_settings()
	rows = frappe.db.sql(
		f"""SELECT document.customer, COUNT(*), MAX({orders.day}), MAX(document.name)
		FROM {orders.table} document JOIN `tabCustomer` ON `tabCustomer`.name = document.customer
		WHERE {orders.counts} AND {orders.day} > %(today)s AND {customers.counted}
		GROUP BY document.customer""",
		{"today": getdate()},
	)
	return {
		customer: Finding(
			_("{0} documents, the last on {1}").format(number, format_date(last)),
			get_url_to_form(orders.doctype, document)
			if number == 1
			else list_url(
				orders.doctype,
				{"customer": customer, orders.day_field: [">", str(getdate())], "docstatus": 1},
			),
		)
		for customer, number, last, document in rows
	}


def missing_rates(customers: Customers) -> Findings:
	"""Documents whose money doesn't count, for want of a Currency Exchange on or before their day."""
	if not customers.policy:
		return {}
	from customer_tiering.tiering.order_facts import money_since

	today = getdate()
	since = money_since(customers.policy, today)
	orders = orders_for(customers.policy, today, since=since)
	if not orders.abroad:
		return {}
	rows = frappe.db.sql(
		f"""SELECT document.customer, company.default_currency, COUNT(*), MIN({orders.day})
		FROM {orders.table} document
		JOIN `tabCustomer` ON `tabCustomer`.name = document.customer
		JOIN `tabCompany` company ON company.name = document.company
		LEFT JOIN `{RATES}` rate ON rate.company = document.company AND rate.day = {orders.day}
		WHERE {orders.counts} AND document.company IN %(abroad)s AND {orders.day} BETWEEN %(since)s AND %(today)s
			AND rate.company IS NULL AND {customers.counted}
		GROUP BY document.customer, company.default_currency""",
		{"abroad": orders.abroad, "since": since, "today": today},
	)
	to = customers.policy.reporting_currency
	return {
		customer: Finding(
			_("{0} to {1}: {2} documents from {3} on").format(currency, to, number, format_date(first)),
			list_url("Currency Exchange", {"from_currency": currency, "to_currency": to}),
		)
		for customer, currency, number, first in rows
	}


def list_url(doctype: str, filters: dict) -> str:
	"""The address of a list with these filters; one that is no plain value is an operator and its value."""
	plain = {
		key: frappe.as_json(value, indent=None) if isinstance(value, list) else value
		for key, value in filters.items()
	}
	return f"{get_url_to_list(doctype)}?{urlencode(plain)}"


def form_urls(doctype: str) -> Callable[[str], str]:
	"""What gives the address of a document's form, also for very many of them."""
	start = get_url_to_list(doctype)
	return lambda name: f"{start}/{quote(name, safe='')}"


def letters(text: str | None) -> str:
	"""A name without case, width, spaces and punctuation."""
	return re.sub(r"[\W_]+", "", unicodedata.normalize("NFKC", text or "").casefold())


def _digits(text: str | None, home: int = 0) -> str:
	"""A phone number's digits as they are dialled within its country, without the zero in front. Empty if too short.

	Of which country a number without a code is isn't asked: two that differ by it alone are taken for one. `home` is the
	site's own code, for North America, where the code is dialled within the country, too.
	"""
	written = unicodedata.normalize("NFKC", text or "").strip()
	digits = re.sub(r"\D", "", written.replace("(0)", ""))
	if written.startswith("+") or digits.startswith("00"):
		digits = _without_code(digits.lstrip("0"))
	digits = digits.lstrip("0")
	if len(digits) > LONGEST_PHONE:  # the code without its plus
		digits = _without_code(digits)
	if home == NORTH_AMERICA and len(digits) == LONGEST_PHONE:
		digits = digits.removeprefix(str(NORTH_AMERICA))
	return digits if len(digits) >= SHORTEST_PHONE else ""


def _without_code(digits: str) -> str:
	from phonenumbers import COUNTRY_CODE_TO_REGION_CODE

	lengths = (length for length in (1, 2, 3) if int(digits[:length] or 0) in COUNTRY_CODE_TO_REGION_CODE)
	return digits[next(lengths, 0) :].lstrip("0")


def _home_code() -> int:
	"""The code of the country that the site is set to; 0 without one."""
	from phonenumbers import country_code_for_region

	country = frappe.db.get_single_value("System Settings", "country")
	region = country and frappe.db.get_value("Country", country, "code")
	return country_code_for_region(region.upper()) if region else 0


def _sharing(pairs: Iterable[tuple[str, str]]) -> Iterable[tuple[str, str, list[str], int]]:
	"""Each customer who shares a mark with others, the mark, the first of those others, and how many share it in all.

	Not all others: thousands may have the same placeholder, and each of them would be listed for each.
	"""
	by_mark: dict[str, dict[str, None]] = {}
	for name, mark in pairs:
		if mark:
			by_mark.setdefault(mark, {})[name] = None
	for mark, names in by_mark.items():
		if len(names) > 1:
			first = list(islice(names, NAMED + 1))
			for name in names:
				yield name, mark, [other for other in first if other != name][:NAMED], len(names)


@frappe.whitelist()
def count_without_address(filters: str | dict | None = None) -> dict:
	"""For the card on the workspace: {"value", "fieldtype", "route", "route_options"}; raises PermissionError for who sees no customer."""
	frappe.has_permission("Customer", "read", throw=True)
	key = "No Address"
	return {
		"value": Customers().counts({key: problems()[key]})[key],
		"fieldtype": "Int",
		"route": ["query-report", "Data Quality"],
		"route_options": {"problem": key},
	}
