"""What steps and texts ask about customers, read for all customers of a batch at once: a few queries, however many there are.

What only few customers have (an overdue invoice, points) is looked up one by one for those who may have it.
"""

from collections.abc import Collection
from datetime import date
from functools import cached_property

import frappe
from frappe.utils import add_days

from customer_tiering.outreach.address import comparable
from customer_tiering.outreach.suppress import stopped_among
from customer_tiering.tiering.capacity import Capacity
from customer_tiering.tiering.chunks import rows_of
from customer_tiering.tiering.owner import Owners

# Touches of these states count as messages that the customer got.
REACHED = ("Queued", "Sending", "Sent", "In Doubt")
CAP_DAYS = 30  # for so long a message counts against the cap, and the same step isn't repeated to an address

CONTACTS = """
	SELECT link.link_name AS customer, contact.name, contact.email_id, contact.mobile_no, contact.full_name,
		contact.first_name, contact.is_primary_contact, contact.creation, contact.buying_role, contact.unsubscribed
	FROM `tabDynamic Link` link JOIN `tabContact` contact ON contact.name = link.parent
	WHERE link.parenttype = 'Contact' AND link.link_doctype = 'Customer' AND link.link_name IN %(names)s
"""
COUNTRIES = """
	SELECT link.link_name AS customer, address.country
	FROM `tabDynamic Link` link JOIN `tabAddress` address ON address.name = link.parent
	WHERE link.parenttype = 'Address' AND link.link_doctype = 'Customer' AND link.link_name IN %(names)s
		AND address.disabled = 0
	ORDER BY address.is_primary_address, address.creation DESC
"""
LAST_INVOICES = """
	SELECT customer, name, company FROM (
		SELECT customer, name, company,
			ROW_NUMBER() OVER (PARTITION BY customer ORDER BY posting_date DESC, creation DESC) AS place
		FROM `tabSales Invoice` WHERE customer IN %(names)s AND docstatus = 1 AND is_return = 0
	) invoice WHERE place = 1
"""
INTERESTS = """
	SELECT parent, topic FROM `tabCustomer Interest`
	WHERE parenttype = 'Customer' AND parentfield = 'interests' AND parent IN %(names)s ORDER BY computed, idx
"""
# Whoever may have something that a message waits for
BUSY = """
	SELECT customer FROM `tabSales Invoice` WHERE customer IN %(names)s AND docstatus = 1 AND outstanding_amount > 0
		AND due_date < %(day)s
	UNION SELECT customer FROM `tabSales Invoice` WHERE customer IN %(names)s AND docstatus = 0 AND is_return = 1
	UNION SELECT customer FROM `tabIssue` WHERE customer IN %(names)s AND status NOT IN ('Resolved', 'Closed')
	UNION SELECT party_name FROM `tabQuotation` WHERE quotation_to = 'Customer' AND party_name IN %(names)s AND docstatus = 1
		AND status IN ('Open', 'Replied')
"""
CONSENTS = """
	SELECT channel, address, decision, decided_on FROM `tabOutreach Consent` WHERE address IN %(names)s ORDER BY decided_on, creation
"""
# Whoever comes back after a while gets a step again, of two ways through a sequence at once only one does
WHO_GOT = """
	SELECT touch.customer FROM `tabOutreach Touch` touch
	WHERE touch.address = %(address)s AND touch.step = %(step)s AND touch.sequence = %(sequence)s
		AND touch.status IN %(reached)s AND touch.touched_on > %(after)s AND touch.customer != %(customer)s
	UNION SELECT touch.customer FROM `tabOutreach Touch` touch
		JOIN `tabOutreach Enrollment` own ON own.name = %(enrollment)s AND touch.creation >= own.creation
	WHERE touch.customer = %(customer)s AND touch.step = %(step)s AND touch.sequence = %(sequence)s
		AND touch.status IN %(reached)s AND touch.touched_on > %(after)s AND touch.enrollment != own.name
	LIMIT 1
"""
WRITTEN_TO = """
	SELECT customer AS who FROM `tabOutreach Touch` WHERE customer IN %(names)s AND touched_on > %(after)s
	UNION SELECT address FROM `tabOutreach Touch` WHERE address IN %(names)s AND touched_on > %(after)s
"""


def last_words(addresses: Collection[str]) -> dict[tuple[str, str], frappe._dict]:
	"""By channel and address what was said last about consent, for whichever customer: it is the reader who says it."""
	return {(row.channel, row.address): row for row in rows_of(CONSENTS, addresses)}


class Crowd:
	"""Customers about to be written to on a day."""

	def __init__(self, customers: Collection[str], day: date | None = None) -> None:
		self.names = list(customers)
		self.day = day or frappe.utils.getdate()

	@cached_property
	def customers(self) -> dict[str, frappe._dict]:
		"""Their own fields; a customer who is no more is missing."""
		rows = rows_of("SELECT * FROM `tabCustomer` WHERE name IN %(names)s", self.names)
		return {row.name: row for row in rows}

	@cached_property
	def contacts(self) -> dict[str, list[frappe._dict]]:
		found: dict[str, list[frappe._dict]] = {}
		for row in rows_of(CONTACTS, self.names):
			known = found.setdefault(row.customer, [])
			if all(each.name != row.name for each in known):
				known.append(row)
		return found

	@cached_property
	def countries(self) -> dict[str, str]:
		return {row.customer: row.country for row in rows_of(COUNTRIES, self.names)}

	@cached_property
	def last_invoices(self) -> dict[str, frappe._dict]:
		return {row.customer: row for row in rows_of(LAST_INVOICES, self.names)}

	def company_of(self, customer: str) -> str:
		"""Which of the site's companies the customer knows: the one of the last invoice, else the site's; empty without any."""
		last = self.last_invoices.get(customer)
		return (last and last.company) or frappe.defaults.get_global_default("company") or ""

	@cached_property
	def top_items(self) -> dict[str, str]:
		"""By invoice the item with the largest amount on it."""
		query = (
			"SELECT parent, item_name FROM `tabSales Invoice Item` WHERE parent IN %(names)s ORDER BY amount"
		)
		rows = rows_of(query, [invoice.name for invoice in self.last_invoices.values()])
		return {row.parent: row.item_name or "" for row in rows}

	@cached_property
	def interests(self) -> dict[str, list[str]]:
		found: dict[str, list[str]] = {}
		for row in rows_of(INTERESTS, self.names):
			found.setdefault(row.parent, []).append(row.topic)
		return found

	@cached_property
	def read_here(self) -> dict[str, str]:
		"""By Email Account the address whose mails this site reads, the default first."""
		accounts = frappe.get_all(
			"Email Account",
			{"enable_incoming": 1},
			["name", "email_id"],
			order_by="default_incoming DESC, creation",
		)
		return {account.name: account.email_id for account in accounts}

	@cached_property
	def has_associations(self) -> bool:
		return bool(frappe.db.exists("Item Association"))

	def address_of(self, company: str) -> str:
		"""A company's default address, on one line."""
		if company not in self._company_addresses:
			self._company_addresses[company] = _address(company)
		return self._company_addresses[company]

	@cached_property
	def _company_addresses(self) -> dict[str, str]:
		return {}

	@cached_property
	def busy(self) -> set[str]:
		return {row.customer for row in rows_of(BUSY, self.names, day=self.day)}

	@cached_property
	def consents(self) -> dict[tuple[str, str], frappe._dict]:
		"""The last word by channel and address of theirs."""
		return last_words({address for name in self.names for address in self.addresses_of(name)})

	@cached_property
	def stopped(self) -> set[str]:
		"""Addresses of theirs that may get nothing of some sequence, to be checked one by one."""
		addresses = {address for name in self.names for address in self.addresses_of(name)}
		return stopped_among(addresses) | self.unsubscribed

	@cached_property
	def unsubscribed(self) -> set[str]:
		"""Addresses of those of their contacts whose own mark says so."""
		rows = [row for rows in self.contacts.values() for row in rows if row.unsubscribed]
		return _addresses(rows)

	@cached_property
	def written_to(self) -> set[str]:
		"""Customers, and addresses of theirs, with a touch of the last days, whatever became of it: of no others is asked what they got."""
		addresses = {address for name in self.names for address in self.addresses_of(name)}
		after = add_days(self.day, -CAP_DAYS)
		return {row.who.lower() for row in rows_of(WRITTEN_TO, [*self.names, *addresses], after=after)}

	def days_of_messages(self, customer: str, address: str, after: date) -> list[date]:
		"""On which days later than that the customer, or the address, got or was to get a message, the first one first."""
		touch = frappe.qb.DocType("Outreach Touch")
		query = (
			frappe.qb.from_(touch)
			.select(touch.touched_on)
			.where((touch.customer == customer) | (touch.address == address))
			.where(touch.status.isin(REACHED) & (touch.channel != "Call Task") & (touch.touched_on > after))
			.orderby(touch.touched_on)
		)
		return query.run(pluck=True)

	def who_got(self, touch: frappe._dict, address: str, after: date) -> str | None:
		"""Who got the touch's step later than that day: another customer at this address, or this one, who is in the sequence twice."""
		values = {"address": address, "after": after, "reached": REACHED}
		values |= {field: touch.get(field) for field in ("customer", "sequence", "step", "enrollment")}
		return next(iter(frappe.db.sql(WHO_GOT, values, pluck=True)), None)

	def addresses_of(self, customer: str) -> set[str]:
		"""All mail addresses and mobile numbers, as `address.comparable` makes them."""
		return _addresses([*self.contacts.get(customer, ()), self.customers.get(customer) or frappe._dict()])

	@cached_property
	def capacity(self) -> Capacity:
		return Capacity(self.day)

	@cached_property
	def owners(self) -> Owners:
		return Owners(self.names)

	def owner_of(self, customer: str) -> str | None:
		"""Who is in charge; see tiering.owner."""
		if customer not in self._owners:
			self._owners[customer] = next(self.owners.in_line(customer), None)
		return self._owners[customer]

	@cached_property
	def _owners(self) -> dict[str, str | None]:
		return {}

	@cached_property
	def users(self) -> dict[str, frappe._dict]:
		rows = frappe.get_all(
			"User",
			{"name": ("in", list(set(filter(None, map(self.owner_of, self.names)))))},
			["name", "email", "full_name"],
		)
		return {row.name: row for row in rows}


def _addresses(rows: Collection[frappe._dict]) -> set[str]:
	return {comparable(value) for row in rows for value in (row.email_id, row.mobile_no)} - {""}


def _address(company: str) -> str:
	from frappe.contacts.doctype.address.address import get_default_address

	address = get_default_address("Company", company) if company else None
	if not address:
		return ""
	lines = frappe.db.get_value("Address", address, ["address_line1", "pincode", "city", "country"])
	return ", ".join(line for line in lines if line)
